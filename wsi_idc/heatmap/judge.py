"""Judging a saved heatmap against a truth file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.result import HeatmapResult, read_result
from wsi_idc.heatmap.truth import (
    LABEL_COLUMNS,
    TruthScores,
    score_against_labels,
    score_against_mask,
)
from wsi_idc.slides.info import Bounds
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.truth import truth_mask_from_image


def judge_result(folder: Path, truth: Path) -> dict[str, TruthScores]:
    """Judge a result folder at its threshold.

    Parameters
    ----------
    folder : what `wsi-idc heatmap` wrote for the slide.
    truth : a mask image over the slide's whole bounds (128 and more is IDC), or a CSV of
        labelled squares with the columns x, y (1-based), width, height, class, in pixels at
        the model's µm/px from the corner of the bounds.

    Returns
    -------
    By what was judged: `cells` and `cells off the border` for a mask, `squares` for a CSV.

    Raises
    ------
    ResultFolderError
        If the folder is no result.
    SettingsError
        If the truth cannot be read or does not fit.
    """
    result = read_result(folder)
    threshold = result.display.threshold
    if truth.suffix.lower() == ".csv":
        at = result.probability.placement
        try:
            labels = pd.read_csv(truth).astype(dict.fromkeys(LABEL_COLUMNS, "float64"))
        except KeyError as error:
            raise SettingsError(
                f"{truth} lacks a column; needed are {', '.join(LABEL_COLUMNS)}"
            ) from error
        except (OSError, ValueError) as error:
            raise SettingsError(f"{truth} cannot be read as a table: {error}") from error
        return {
            "squares": score_against_labels(
                result.probability,
                labels,
                float(result.request["model"]["spacing_um_px"]),
                threshold=threshold,
                origin_x=at.origin_x,
                origin_y=at.origin_y,
            )
        }
    mask = _mask_of(result, truth)
    return {
        "cells": score_against_mask(result.probability, mask, threshold),
        "cells off the border": score_against_mask(
            result.probability, mask, threshold, border="exclude"
        ),
    }


def _mask_of(result: HeatmapResult, truth: Path) -> SlideMask:
    slide = result.request["slide"]
    return truth_mask_from_image(
        truth,
        name=result.name,
        bounds=Bounds(**slide["bounds"]),
        mpp_x=slide["mpp_x"],
        mpp_y=slide["mpp_y"],
    )
