"""Judging a trained model on a collection of labelled patches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.errors import PatchCollectionError
from wsi_idc.model.card import ModelCard
from wsi_idc.model.metrics import MetricsWithIntervals, measure_by_patient
from wsi_idc.model.scorer import Scorer
from wsi_idc.model.work_folder import SPLIT_FILE
from wsi_idc.patches import SAME_MPP, PatchCollection, find_patches, read_pixels
from wsi_idc.splits import read_split

# Bounds memory: pixels of so many patches are held at a time.
_PATCHES_AT_ONCE = 4096


@dataclass(frozen=True)
class Judgement:
    """Metrics of a model on patients, and whom they leave out.

    Attributes
    ----------
    metrics : over all judged patches.
    left_out : patients that were not judged: named by the user, or used in training.
    """

    metrics: MetricsWithIntervals
    left_out: tuple[str, ...]


def evaluate(
    scorer: Scorer,
    patches: str | Path,
    *,
    split_file: str | Path | None = None,
    without: Iterable[str] = (),
    trained_on: Iterable[str] = (),
) -> Judgement:
    """Metrics of a model on labelled patches, at the threshold of its card.

    Parameters
    ----------
    scorer : the model.
    patches : folder in the public layout.
    split_file : CSV with `patient` and `split`; only its test patients are judged. None
        judges all patients.
    without : patients to leave out.
    trained_on : patients that the model was fitted to or chosen by; left out without a word
        where the collection lacks them. `seen_in_training` tells them.

    Raises
    ------
    PatchCollectionError
        If there are no patches of both classes to judge, a patient to leave out is not
        there, or the patches were cut for another model.
    """
    patches = Path(patches)
    collection = find_patches(patches)
    _check_geometry(patches, collection, scorer.card)
    table = collection.table
    if split_file is not None:
        split, _ = read_split(Path(split_file), table, needed=("test",))
        table = split.rows(table, "test")
    present = set(table["patient"])
    if unknown := sorted(set(without) - present):
        raise PatchCollectionError(f"{patches} has no patient {unknown[0]} to leave out")
    left_out = present & (set(without) | set(trained_on))
    table = table[~table["patient"].isin(left_out)]
    classes = table["label"].nunique()
    if classes < 2:
        raise PatchCollectionError(
            f"{patches} leaves {len(table)} patches of {classes} class(es) to judge, "
            f"{len(left_out)} patients being left out; both classes are needed"
        )
    metrics = measure_by_patient(
        table["label"].to_numpy(int),
        _score(scorer, table),
        table["patient"].to_numpy(object),
        scorer.card.threshold,
    )
    return Judgement(metrics, tuple(sorted(left_out)))


def seen_in_training(model_folder: str | Path) -> tuple[str, ...]:
    """Patients that a model was trained or validated on, as its folder's split file says.

    Empty where the folder has no split file, as that of a model from elsewhere.
    """
    path = Path(model_folder) / SPLIT_FILE
    if not path.is_file():
        return ()
    try:
        split = pd.read_csv(path, dtype=str)
        return tuple(split.loc[split["split"] != "test", "patient"])
    except (OSError, ValueError, KeyError) as error:
        raise PatchCollectionError(f"{path} cannot be read as a split file: {error}") from error


def _score(scorer: Scorer, table: pd.DataFrame) -> NDArray[np.float32]:
    paths = list(table["path"])
    size = scorer.card.patch_size_pixels
    parts = [
        scorer.predict(read_pixels(paths[start : start + _PATCHES_AT_ONCE], size)[0])
        for start in range(0, len(paths), _PATCHES_AT_ONCE)
    ]
    return np.concatenate(parts)


def _check_geometry(patches: Path, collection: PatchCollection, card: ModelCard) -> None:
    mpp, size = collection.mpp, collection.patch_size
    is_same = mpp is None or math.isclose(mpp, card.spacing_um_px, rel_tol=SAME_MPP)
    if not is_same or size not in (None, card.patch_size_pixels):
        raise PatchCollectionError(
            f"{patches} was tiled with patches of {size} px at {mpp:g} µm/px, the model takes "
            f"{card.patch_size_pixels} px at {card.spacing_um_px:g}; tile the slides for it"
        )
