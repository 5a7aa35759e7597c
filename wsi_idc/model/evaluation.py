"""Judging a trained model on a collection of labelled patches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from wsi_idc.errors import PatchCollectionError
from wsi_idc.model.metrics import MetricsWithIntervals, measure_by_patient
from wsi_idc.model.scorer import Scorer
from wsi_idc.patches import collection_mpp, find_patches, read_pixels
from wsi_idc.splits import read_split


def evaluate(
    scorer: Scorer,
    patches: str | Path,
    *,
    split_file: str | Path | None = None,
    without: Iterable[str] = (),
) -> MetricsWithIntervals:
    """Metrics of a model on labelled patches, at the threshold of its card.

    Parameters
    ----------
    scorer : the model.
    patches : folder in the public layout.
    split_file : CSV with `patient` and `split`; only its test patients are judged. None
        judges all patients.
    without : patients to leave out.

    Raises
    ------
    PatchCollectionError
        If there are no patches of both classes to judge, or they were cut at another µm/px
        than the model's.
    """
    patches = Path(patches)
    card = scorer.card
    noted = collection_mpp(patches)
    if noted is not None and not math.isclose(noted, card.spacing_um_px, rel_tol=0.01):
        raise PatchCollectionError(
            f"{patches} was tiled at {noted:g} µm/px, the model works at "
            f"{card.spacing_um_px:g}; tile the slides at the model's"
        )
    table = find_patches(patches)
    if split_file is not None:
        split, _ = read_split(Path(split_file), table)
        table = split.rows(table, "test")
    table = table[~table["patient"].isin(tuple(without))]
    if table["label"].nunique() < 2:
        raise PatchCollectionError(
            f"{patches} leaves {len(table)} patches of {table['label'].nunique()} class(es) to "
            "judge; both are needed"
        )
    pixels, _ = read_pixels(list(table["path"]), card.patch_size_pixels)
    return measure_by_patient(
        table["label"].to_numpy(int),
        scorer.predict(pixels),
        table["patient"].to_numpy(object),
        card.threshold,
    )
