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
from wsi_idc.files import make_folder, write_csv, write_json
from wsi_idc.model.card import ModelCard
from wsi_idc.model.metrics import MetricsWithIntervals, measure, measure_by_patient
from wsi_idc.model.plots import plot_judgement
from wsi_idc.model.scorer import Scorer
from wsi_idc.near import did_you_mean
from wsi_idc.patches import SAME_MPP, PatchCollection, find_patches, read_pixels
from wsi_idc.split_file import read_split

# Bounds memory: pixels of so many patches are held at a time.
_PATCHES_AT_ONCE = 4096


@dataclass(frozen=True)
class Judgement:
    """Metrics of a model on patients, and whom they leave out.

    Attributes
    ----------
    metrics : over all judged patches.
    left_out : patients that were not judged: named by the user, or used in training.
    missing : patients of the split file of whom the collection has no patches.
    scores : a row a patch: patient, file, label and calibrated probability.
    """

    metrics: MetricsWithIntervals
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    scores: pd.DataFrame

    def by_patient(self) -> pd.DataFrame:
        """A row a patient: patches, IDC patches, how many were called IDC and rightly so."""
        threshold = self.metrics.values.threshold
        rows = []
        for patient, of_patient in self.scores.groupby("patient", sort=True):
            label = of_patient["label"].to_numpy(int)
            probability = of_patient["probability"].to_numpy(np.float32)
            values = (
                measure(label, probability, threshold, 1) if label.min() < label.max() else None
            )
            called = probability >= threshold
            rows.append(
                {
                    "patient": patient,
                    "patches": len(label),
                    "idc_patches": int(label.sum()),
                    "called_idc": int(called.sum()),
                    "called_rightly": int((called == label).sum()),
                    "mean_probability": float(probability.mean()),
                    # What needs both classes is left empty where there is one.
                    "roc_auc": None if values is None else values.roc_auc,
                    "balanced_accuracy": None if values is None else values.balanced_accuracy,
                    "f1": None if values is None else values.f1,
                }
            )
        return pd.DataFrame(rows)


def evaluate(
    scorer: Scorer,
    patches: str | Path,
    *,
    split_file: str | Path | None = None,
    without: Iterable[str] = (),
    trained_on: Iterable[str] = (),
    tta: bool = False,
    slides: str | Path | None = None,
) -> Judgement:
    """Metrics of a model on labelled patches, at the threshold of its card.

    Parameters
    ----------
    scorer : the model.
    patches : folder in the public layout, or of what `tile` wrote in any format.
    split_file : CSV with `patient` and `split`; only its test patients are judged. None
        judges all patients. `wsi_idc.split_file.OFFICIAL_SPLIT` is that of the 2014 paper.
    without : patients to leave out.
    trained_on : patients that the model was fitted to or chosen by; left out without a word
        where the collection lacks them. `work_folder.seen_in_training` tells them.
    tta : test-time augmentation, see `Scorer.predict`.
    slides : folder of the slides that were tiled without pixels.

    Raises
    ------
    PatchCollectionError
        If there are no patches of both classes to judge, a patient to leave out is not
        there, or the patches were cut for another model.
    """
    patches = Path(patches)
    collection = find_patches(patches, None if slides is None else Path(slides))
    _check_geometry(patches, collection, scorer.card)
    table = collection.table
    missing: tuple[str, ...] = ()
    if split_file is not None:
        split, missing = read_split(Path(split_file), table, needed=("test",))
        table = split.rows(table, "test")
    present = set(table["patient"])
    if unknown := sorted(set(without) - present):
        raise PatchCollectionError(
            f"{patches} has no patient {unknown[0]} to leave out with --without"
            f"{did_you_mean(unknown[0], present)}"
        )
    left_out = present & (set(without) | set(trained_on))
    table = table[~table["patient"].isin(left_out)]
    classes = table["label"].nunique()
    if classes < 2:
        raise PatchCollectionError(
            f"{patches} leaves {len(table)} patches of {classes} class(es) to judge, "
            f"{len(left_out)} patients being left out; both classes are needed (--all-patients "
            "leaves out none that the model has learnt from)"
        )
    probability = _score(scorer, table, tta=tta)
    metrics = measure_by_patient(
        table["label"].to_numpy(int),
        probability,
        table["patient"].to_numpy(object),
        scorer.card.threshold,
    )
    scores = pd.DataFrame(
        {
            "patient": table["patient"].astype(str),
            "file": list(table["name"]),
            "label": table["label"].to_numpy(int),
            "probability": probability,
        }
    )
    return Judgement(metrics, tuple(sorted(left_out)), missing, scores)


def write_judgement(judged: Judgement, folder: Path) -> None:
    """Write a judgement as metrics.json, patients.csv, scores.csv and plots.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    make_folder(folder)
    write_json(folder / "metrics.json", judged.metrics.as_json())
    write_csv(folder / "patients.csv", judged.by_patient(), float_format="%.6g")
    write_csv(folder / "scores.csv", judged.scores, float_format="%.6g")
    label = judged.scores["label"].to_numpy(int)
    probability = judged.scores["probability"].to_numpy(np.float32)
    plot_judgement(
        folder, {"judged patients": (label, probability)}, judged.metrics.values.threshold
    )


def _score(scorer: Scorer, table: pd.DataFrame, *, tta: bool) -> NDArray[np.float32]:
    size = scorer.card.patch_size_pixels
    parts = [
        scorer.predict(read_pixels(table.iloc[start : start + _PATCHES_AT_ONCE], size)[0], tta=tta)
        for start in range(0, len(table), _PATCHES_AT_ONCE)
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
