"""How well a probability map agrees with the truth about a slide.

Truth is a mask (an annotation, or a made slide) or a table of labelled squares (the public
patches of a whole section). Either way the units judged (cells or squares) get a yes-or-no
truth and a probability, and the same figures are computed from the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.heatmap.probability_map import ProbabilityMap, covered_shares
from wsi_idc.slides.raster import Coverage, Placement

LABEL_COLUMNS = ("x", "y", "width", "height", "class")

# The part of a cell that the truth must cover to make it truly positive.
_LEAST_OVERLAP = 0.5
# Areas are exact but for float rounding: less than this part of a unit's area is none of it.
_ROUNDING = 1e-6
# Squares judged at a time, so that memory stays small on maps of native 40x patches.
_SQUARES_AT_ONCE = 1024


@dataclass(frozen=True)
class TruthScores:
    """Agreement of a probability map with the truth, over cells or labelled squares.

    A figure that cannot be had (such as the AUC where the truth has one class) is None.

    Attributes
    ----------
    threshold : probability from which on a unit is predicted positive; None over slides that
        were judged at different ones.
    auc : area under the ROC curve.
    average_precision : area under the precision-recall curve, as scikit-learn sums it.
    dice : 2 TP / (2 TP + FP + FN) at the threshold; the F1 score.
    iou : TP / (TP + FP + FN) at the threshold.
    sensitivity, specificity : TP / (TP + FN) and TN / (TN + FP) at the threshold.
    predicted_mm2, true_mm2 : area of the judged units that are predicted, and truly, positive.
    area_error_mm2 : predicted_mm2 - true_mm2; above 0 where the map shows too much.
    area_error_percent : of true_mm2.
    cells : units judged.
    not_assessed : units with truth but no probability; they are in none of the figures. Under
        a mask only truly positive cells are counted here: tumour that was not looked at.
    left_out : assessed units left out because they lie at the truth's border.
    """

    threshold: float | None
    auc: float | None
    average_precision: float | None
    dice: float | None
    iou: float | None
    sensitivity: float | None
    specificity: float | None
    predicted_mm2: float
    true_mm2: float
    area_error_mm2: float
    area_error_percent: float | None
    cells: int
    not_assessed: int
    left_out: int


@dataclass(frozen=True, eq=False)
class Units:
    """What is judged of one slide, or of several: N cells or squares with a probability.

    Attributes
    ----------
    values : float32 [N], probabilities.
    predicted, positive : bool [N], at or above the threshold, and the truth.
    areas_mm2 : float64 [N].
    threshold, not_assessed, left_out : as in `TruthScores`.
    """

    values: NDArray[np.float32]
    predicted: NDArray[np.bool_]
    positive: NDArray[np.bool_]
    areas_mm2: NDArray[np.float64]
    threshold: float | None
    not_assessed: int
    left_out: int


def pool(parts: Sequence[Units]) -> Units:
    """The units of several slides as one."""
    thresholds = {part.threshold for part in parts}
    return Units(
        values=np.concatenate([part.values for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        positive=np.concatenate([part.positive for part in parts]),
        areas_mm2=np.concatenate([part.areas_mm2 for part in parts]),
        threshold=thresholds.pop() if len(thresholds) == 1 else None,
        not_assessed=sum(part.not_assessed for part in parts),
        left_out=sum(part.left_out for part in parts),
    )


def truth_fraction_of_cells(probability: ProbabilityMap, truth: Coverage) -> NDArray[np.float64]:
    """How much of each cell of a map the truth covers.

    Returns
    -------
    float64, the shape of the map, 0 to 1: exact areas. What lies outside the mask is not
    covered.
    """
    shape = probability.values.shape
    rows, columns = np.indices(shape).reshape(2, -1)
    return covered_shares(truth, probability.placement, rows, columns).reshape(shape)


def units_of_cells(
    probability: ProbabilityMap,
    truth: Coverage,
    threshold: float,
    *,
    border: NDArray[np.bool_] | None = None,
) -> Units:
    """The assessed cells of a map with their truth: positive where it covers half of a cell.

    Parameters
    ----------
    probability : the map.
    truth : where there is tumour: a mask or drawn areas.
    threshold : cells at or above it are predicted positive.
    border : bool, the shape of the map: cells to leave out.
    """
    positive = truth_fraction_of_cells(probability, truth) >= _LEAST_OVERLAP - _ROUNDING
    judged = probability.assessed if border is None else probability.assessed & ~border
    values = probability.values[judged]
    return Units(
        values=values,
        predicted=values >= threshold,
        positive=positive[judged],
        areas_mm2=np.full(len(values), probability.placement.pixel_area_mm2),
        threshold=threshold,
        not_assessed=int(np.count_nonzero(positive & ~probability.assessed)),
        left_out=int(np.count_nonzero(probability.assessed & ~judged)),
    )


def squares_um(
    labels: pd.DataFrame, at: Placement, mpp: float, origin_x: float, origin_y: float
) -> NDArray[np.float64]:
    """Left, top, right and bottom of squares, microns from the corner of level 0; [N, 4]."""
    x, y, width, height = (labels[name].to_numpy(np.float64) * mpp for name in LABEL_COLUMNS[:4])
    left = origin_x * at.mpp_x + x - mpp  # pixel 1 of the frame starts at its corner
    top = origin_y * at.mpp_y + y - mpp
    return np.stack([left, top, left + width, top + height], axis=1)


def units_of_squares(
    probability: ProbabilityMap,
    labels: pd.DataFrame,
    mpp: float,
    *,
    threshold: float,
    origin_x: float = 0.0,
    origin_y: float = 0.0,
    border: NDArray[np.bool_] | None = None,
) -> Units:
    """Labelled squares, such as the public patches of one section, with their probability.

    A square's probability is the mean of the assessed cells it touches, each weighted by the
    area that it shares with the square.

    Parameters
    ----------
    probability : the map.
    labels : those of `LABEL_COLUMNS`, N rows: `x`, `y` (top-left pixel, counted from 1), `width`,
        `height` in pixels of `mpp`, and `class`, 0 or 1.
    mpp : microns per pixel of the labels' frame.
    threshold : squares at or above it are predicted positive.
    origin_x, origin_y : level-0 pixels of the frame's corner: that of the slide's bounds.
    border : bool [N], squares to leave out.
    """
    at = probability.placement
    values = {name: labels[name].to_numpy(dtype=np.float64) for name in LABEL_COLUMNS}
    # Edges of the squares in cells of the map; pixel 1 of the frame starts at its corner.
    left = (origin_x + (values["x"] - 1) * mpp / at.mpp_x - at.origin_x) / at.pixel_width
    top = (origin_y + (values["y"] - 1) * mpp / at.mpp_y - at.origin_y) / at.pixel_height
    right = left + values["width"] * mpp / at.pixel_width_um
    bottom = top + values["height"] * mpp / at.pixel_height_um
    means = _mean_over_rectangles(probability.values, left, top, right, bottom)
    assessed = np.isfinite(means)
    judged = assessed if border is None else assessed & ~border
    found = means[judged].astype(np.float32)
    areas = values["width"] * values["height"] * (mpp / 1000) ** 2
    return Units(
        values=found,
        predicted=found >= threshold,
        positive=values["class"][judged] == 1,
        areas_mm2=areas[judged],
        threshold=threshold,
        not_assessed=int(np.count_nonzero(~assessed)),
        left_out=int(np.count_nonzero(assessed & ~judged)),
    )


def _mean_over_rectangles(
    values: NDArray[np.float32],
    left: NDArray[np.float64],
    top: NDArray[np.float64],
    right: NDArray[np.float64],
    bottom: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Area-weighted mean of the finite cells in each rectangle; NaN where there is none."""
    assessed = np.isfinite(values).astype(np.float64)
    filled = np.nan_to_num(values.astype(np.float64))
    means = np.full(len(left), np.nan)
    for start in range(0, len(left), _SQUARES_AT_ONCE):
        some = slice(start, start + _SQUARES_AT_ONCE)
        across = _overlaps(left[some], right[some], values.shape[1])
        down = _overlaps(top[some], bottom[some], values.shape[0])
        weight = ((down @ assessed) * across).sum(axis=1)
        total = ((down @ filled) * across).sum(axis=1)
        area = (right[some] - left[some]) * (bottom[some] - top[some])
        means[some] = np.where(
            weight > _ROUNDING * area, total / np.maximum(weight, np.finfo(float).tiny), np.nan
        )
    return means


def _overlaps(
    start: NDArray[np.float64], stop: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """float64 [N, count]: the length that interval n shares with cell [i, i + 1]."""
    cell = np.arange(count)[None, :]
    shared = np.minimum(stop[:, None], cell + 1) - np.maximum(start[:, None], cell)
    result: NDArray[np.float64] = np.maximum(shared, 0.0)
    return result


def score(units: Units) -> TruthScores:
    """All figures of some units."""
    predicted, positive = units.predicted, units.positive
    both = int(np.count_nonzero(predicted & positive))
    false_positive = int(np.count_nonzero(predicted & ~positive))
    false_negative = int(np.count_nonzero(~predicted & positive))
    neither = int(np.count_nonzero(~predicted & ~positive))
    auc, average_precision = _ranking_scores(units.values, positive)
    predicted_mm2 = float(units.areas_mm2[predicted].sum())
    true_mm2 = float(units.areas_mm2[positive].sum())
    error_mm2 = predicted_mm2 - true_mm2
    return TruthScores(
        threshold=units.threshold,
        auc=auc,
        average_precision=average_precision,
        dice=_ratio(2 * both, 2 * both + false_positive + false_negative),
        iou=_ratio(both, both + false_positive + false_negative),
        sensitivity=_ratio(both, both + false_negative),
        specificity=_ratio(neither, neither + false_positive),
        predicted_mm2=predicted_mm2,
        true_mm2=true_mm2,
        area_error_mm2=error_mm2,
        area_error_percent=100 * error_mm2 / true_mm2 if true_mm2 else None,
        cells=len(units.values),
        not_assessed=units.not_assessed,
        left_out=units.left_out,
    )


def _ranking_scores(
    values: NDArray[np.float32], positive: NDArray[np.bool_]
) -> tuple[float | None, float | None]:
    if positive.all() or not positive.any():
        return None, None
    # Imported here: scikit-learn takes a second, which drawing a map should not wait for.
    from sklearn.metrics import average_precision_score, roc_auc_score

    return float(roc_auc_score(positive, values)), float(average_precision_score(positive, values))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
