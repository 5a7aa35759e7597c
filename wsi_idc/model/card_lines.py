"""A model's card in a few lines for people."""

from __future__ import annotations

from wsi_idc.model.card import ModelCard

_TOLD = (("roc_auc", "ROC AUC"), ("balanced_accuracy", "balanced accuracy"), ("f1", "F1"))


def card_lines(card: ModelCard) -> list[tuple[str, str]]:
    """Names and values of what one wants to know of a model first."""
    size, mpp = card.patch_size_pixels, card.spacing_um_px
    others = [name for name in card.class_names if name != card.shown_class]
    classes = f"{card.shown_class}, beside it {', '.join(others)}" if others else card.shown_class
    return [
        ("model", card.name),
        ("network", "packed, of Keras's layers" if card.architecture == "keras" else "ResNet50V2"),
        ("patches", f"{size} x {size} px at {mpp:g} µm/px, a field of {size * mpp:g} µm"),
        ("map", classes),
        ("threshold", f"{card.threshold:.3g}"),
        ("trained on", _training(card)),
        *_metrics(card),
        ("weights", f"SHA-256 {card.weights.sha256}"),
    ]


def _training(card: ModelCard) -> str:
    data = card.training_data
    if not data.patients:
        return "not known"
    return f"{data.patches.get('train', 0):,} patches of {data.patients.get('train', 0)} patients"


def _metrics(card: ModelCard) -> list[tuple[str, str]]:
    """Metrics of the test patients, or, where there were none, of those it was validated on."""
    for side, name in (("test", "on test"), ("val", "on validation")):
        if found := card.metrics.get(side):
            told = [
                f"{label} {value:.3f}"
                for key, label in _TOLD
                if isinstance(value := found.get(key), int | float)
            ]
            return [(name, ", ".join(told))]
    return []
