"""What a training run starts from: random weights, ImageNet's, a file's, or a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsi_idc.errors import PatchCollectionError, SettingsError
from wsi_idc.model.architecture import build_model
from wsi_idc.model.folder import architecture_of, model_folder, read_card, read_card_weights
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.work_folder import seen_in_training
from wsi_idc.splits import Split


def starting_model(settings: TrainSettings, split: Split) -> Any:
    """Build the Keras model of a training run with the weights that it starts from.

    Raises
    ------
    SettingsError
        If the weights cannot be had, or those of a model folder fit another network.
    PatchCollectionError
        If a patient to validate or test on was trained on by the model to start from.
    ModelFolderError
        If the model folder to start from is damaged.
    """
    folder = model_folder(settings.weights)
    if not folder.is_dir():
        return build_model(settings.architecture, settings.weights)
    card = read_card(folder)
    before = architecture_of(card)
    _refuse_known_patients(folder, split)
    # The input size may differ: convolutions take any, and small inputs train sooner.
    for name in ("patch_size", "head_filters"):
        was, is_now = getattr(before, name), getattr(settings.architecture, name)
        if was != is_now:
            raise SettingsError(
                f"the model {folder} has {name} {was}, not {is_now}; to go on from it, train "
                f"with {was}"
            )
    model = build_model(settings.architecture)
    read_card_weights(folder, card, model)
    return model


def describe_start(weights: str) -> str:
    """What a run started from, for its card: no path of the machine it ran on."""
    path = model_folder(weights)
    if path.is_dir():
        return f"model with weights of SHA-256 {read_card(path).weights.sha256}"
    return weights if weights in ("none", "imagenet") else path.name


def _refuse_known_patients(folder: Path, split: Split) -> None:
    """A patient that the earlier model has learnt must not judge the new one."""
    # What only chose the earlier model's epoch and threshold may do so again, but not test.
    for side, uses in (("val", ("train",)), ("test", ("train", "val"))):
        known = seen_in_training(folder, uses)
        if both := sorted(set(known) & set(split.patients(side))):
            raise PatchCollectionError(
                f"patient {both[0]} would be on the {side} side, but the model {folder} was "
                f"trained on it or chosen by it; split the patients as its split.csv does, or "
                "start from other weights"
            )
