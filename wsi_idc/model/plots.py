"""Plots of a training run and of its judgement, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from wsi_idc.files import whole_file
from wsi_idc.model.metrics import calibration_bins, calibration_error

_BLUE, _ORANGE, _GREY = "#2166ac", "#d6604d", "#777777"


def plot_curves(path: Path, history: pd.DataFrame, best_epoch: int) -> None:
    """Loss and validation ROC AUC over the epochs."""
    figure, (loss, auc) = _figure(2)
    loss.plot(history["epoch"], history["loss"], "o-", color=_BLUE, label="training (augmented)")
    loss.plot(history["epoch"], history["val_loss"], "o-", color=_ORANGE, label="validation")
    loss.set(xlabel="epoch", ylabel="cross-entropy", title="Loss")
    loss.legend(frameon=False)
    auc.plot(history["epoch"], history["val_roc_auc"], "o-", color=_ORANGE)
    auc.axvline(best_epoch, color=_GREY, linestyle=":", label=f"kept: epoch {best_epoch}")
    auc.set(xlabel="epoch", ylabel="ROC AUC", title="Validation patients")
    auc.legend(frameon=False)
    for axes in (loss, auc):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _save(figure, path)


Judged = Mapping[str, tuple[NDArray[np.integer], NDArray[np.floating]]]
"""Labels and probabilities of patches, by what stands in the legend."""


def plot_judgement(
    folder: Path,
    judged: Judged,
    threshold: float,
    uncalibrated: NDArray[np.floating] | None = None,
) -> None:
    """Draw ROC, precision-recall, reliability and confusion plots into `folder`.

    Parameters
    ----------
    judged : the first entry is what all plots show; the others join it in the curves.
    uncalibrated : of the first entry, to be set beside its reliability.
    """
    name, (label, probability) = next(iter(judged.items()))
    plot_roc(folder / "roc.png", judged)
    plot_precision_recall(folder / "precision_recall.png", judged)
    reliability = {"calibrated": (label, probability)}
    if uncalibrated is not None:
        reliability["before calibration"] = (label, uncalibrated)
    plot_reliability(folder / "reliability.png", reliability, f"Reliability, {name}")
    plot_confusion(folder / "confusion.png", f"Patches of {name}", label, probability >= threshold)


def plot_roc(path: Path, judged: Judged) -> None:
    """ROC curves; `judged` gives labels and probabilities by the side's name."""
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, (axes,) = _figure(1)
    for side, label, probability, colour in _coloured(judged):
        false_rate, true_rate, _ = roc_curve(label, probability)
        area = roc_auc_score(label, probability)
        axes.plot(false_rate, true_rate, color=colour, label=f"{side}: AUC {area:.3f}")
    axes.plot([0, 1], [0, 1], ":", color=_GREY)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC, patches", aspect="equal")
    axes.legend(frameon=False, loc="lower right")
    _save(figure, path)


def plot_precision_recall(path: Path, judged: Judged) -> None:
    """Precision over recall; `judged` gives labels and probabilities by the side's name."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, (axes,) = _figure(1)
    for side, label, probability, colour in _coloured(judged):
        precision, recall, _ = precision_recall_curve(label, probability)
        area = average_precision_score(label, probability)
        axes.plot(recall, precision, color=colour, label=f"{side}: average precision {area:.3f}")
        axes.axhline(float(np.mean(label)), color=colour, linestyle=":", linewidth=1)
    axes.set(
        xlabel="recall (sensitivity)",
        ylabel="precision",
        title="Precision and recall, patches",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.legend(frameon=False, loc="lower left", title="dotted: share of IDC patches")
    _save(figure, path)


def plot_reliability(path: Path, judged: Judged, title: str) -> None:
    """How often patches of a probability are IDC, in equally filled bins, before and after."""
    figure, (axes,) = _figure(1)
    axes.plot([0, 1], [0, 1], ":", color=_GREY)
    for name, label, probability, colour in _coloured(judged):
        bins = calibration_bins(probability)
        error = calibration_error(label, probability)
        axes.plot(
            [float(np.mean(probability[rows])) for rows in bins],
            [float(np.mean(label[rows])) for rows in bins],
            "o-",
            color=colour,
            label=f"{name}: calibration error {error:.3f}",
        )
    axes.set(xlabel="probability of IDC", ylabel="share that is IDC", title=title, aspect="equal")
    axes.legend(frameon=False, loc="upper left")
    _save(figure, path)


def plot_confusion(
    path: Path, title: str, label: NDArray[np.integer], called: NDArray[np.bool_]
) -> None:
    """Counts and row shares of the four outcomes at the operating threshold."""
    figure, (axes,) = _figure(1)
    counts = np.array(
        [[np.sum((label == t) & (called == c)) for c in (0, 1)] for t in (0, 1)], dtype=int
    )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in (0, 1):
        for column in (0, 1):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}\n{shares[row, column]:.1%}",
                ha="center",
                va="center",
                fontsize=14,
                color="white" if shares[row, column] > 0.55 else "black",
            )
    names = ["other", "IDC"]
    axes.set_xticks([0, 1], names)
    axes.set_yticks([0, 1], names, rotation=90, va="center")
    axes.set(xlabel="called", ylabel="labelled", title=title)
    _save(figure, path)


def _coloured(
    judged: Judged,
) -> Iterator[tuple[str, NDArray[np.integer], NDArray[np.floating], str]]:
    for (name, (label, probability)), colour in zip(
        judged.items(), (_ORANGE, _BLUE, _GREY), strict=False
    ):
        yield name, label, probability, colour


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.2 * panels, 4.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, panels, index + 1) for index in range(panels)]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as temporary:
        # No software version in the file: identical runs give identical bytes.
        figure.savefig(temporary, format="png", metadata={"Software": None})
