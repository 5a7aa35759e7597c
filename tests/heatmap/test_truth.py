"""Judging a map against truth: every figure counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wsi_idc.heatmap.border import cell_edges_um, in_band, outline_um
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.truth import (
    TruthScores,
    score,
    truth_fraction_of_cells,
    units_of_cells,
    units_of_squares,
)
from wsi_idc.slides.raster import Placement, SlideMask

N = np.nan


def score_against_mask(*map_and_truth: Any, **options: Any) -> TruthScores:
    return score(units_of_cells(*map_and_truth, **options))


def score_against_labels(
    *map_and_labels: Any, threshold: float = 0.5, **options: Any
) -> TruthScores:
    return score(units_of_squares(*map_and_labels, threshold=threshold, **options))


def a_map(values: list[list[float]], *, cell: float = 800.0, origin: float = 0.0) -> ProbabilityMap:
    place = Placement(origin, origin, cell, cell, 0.25, 0.25)  # 200 µm cells: 0.04 mm²
    return ProbabilityMap(np.array(values, dtype=np.float32), place)


def a_mask(values: np.ndarray, *, pixel: float, origin: float = 0.0) -> SlideMask:
    return SlideMask(values.astype(bool), Placement(origin, origin, pixel, pixel, 0.25, 0.25))


def test_fractions_are_exact_areas_at_an_offset():
    probability = a_map([[0.5, 0.5, 0.5]], cell=100.0, origin=30.0)
    truth = a_mask(np.array([[1, 0, 1], [1, 0, 1]]), pixel=80.0, origin=10.0)
    # Truth covers x 10-90 and 170-250, y 10-170; the cells span x 30-330, y 30-130.
    np.testing.assert_allclose(
        truth_fraction_of_cells(probability, truth), [[0.6, 0.6, 0.2]], rtol=0, atol=1e-12
    )


def test_figures_against_a_mask():
    probability = a_map([[0.9, 0.6, 0.2], [0.7, N, 0.1], [0.4, 0.3, N]])
    # Halves: the first column covered wholly, the second by its left half, in all rows.
    truth = a_mask(np.tile([1, 1, 1, 0, 0, 0], (6, 1)), pixel=400.0)
    scores = score_against_mask(probability, truth, threshold=0.65)
    # Judged true: 0.9 0.7 0.4 | 0.6 0.3; false: 0.2 0.1. Predicted: 0.9 0.7.
    assert (scores.cells, scores.not_assessed, scores.left_out) == (7, 1, 0)
    assert scores.dice == pytest.approx(4 / 7)
    assert scores.iou == pytest.approx(2 / 5)
    assert scores.sensitivity == pytest.approx(2 / 5)
    assert scores.specificity == 1.0
    assert scores.auc == 1.0
    assert scores.average_precision == 1.0
    assert scores.predicted_mm2 == pytest.approx(2 * 0.04)
    assert scores.true_mm2 == pytest.approx(5 * 0.04)
    assert scores.area_error_mm2 == pytest.approx(-3 * 0.04)
    assert scores.area_error_percent == pytest.approx(-60)


def test_a_cell_is_true_where_half_of_it_is():
    probability = a_map([[0.9, 0.6, 0.2], [0.7, 0.5, 0.1], [0.4, 0.3, 0.0]])
    # The first column covered wholly, of the second 49 and 50 hundredths.
    less, half = (a_mask(np.tile(np.arange(300) < 100 + n, (300, 1)), pixel=8.0) for n in (49, 50))
    scores = score_against_mask(probability, less, 0.65)
    assert scores.true_mm2 == pytest.approx(3 * 0.04)
    # True 0.9 0.7 0.4, false 0.6 0.5 0.3 0.2 0.1 0.0: 16 of 18 pairs in order.
    assert scores.auc == pytest.approx(16 / 18)
    assert scores.dice == pytest.approx(4 / 5)
    assert score_against_mask(probability, half, 0.65).true_mm2 == pytest.approx(6 * 0.04)


def test_cells_cut_by_the_border_can_be_left_out():
    probability = a_map([[0.9, 0.6, 0.2], [0.7, 0.5, 0.1], [0.4, 0.3, 0.8]])
    truth = a_mask(np.tile([1, 1, 1, 0, 0, 0], (6, 1)), pixel=400.0)
    cut = np.zeros((3, 3), bool)
    cut[:, 1] = True
    scores = score_against_mask(probability, truth, 0.65, border=cut)
    assert (scores.cells, scores.left_out) == (6, 3)
    # True 0.9 0.7 0.4, false 0.2 0.1 0.8.
    assert scores.auc == pytest.approx(7 / 9)
    assert scores.dice == pytest.approx(4 / 6)
    assert scores.specificity == pytest.approx(2 / 3)


def test_whole_cells_on_odd_scales_do_not_count_as_border():
    cell = 200 / 0.2527
    values = np.linspace(0, 1, 60 * 80, dtype=np.float32).reshape(60, 80)
    probability = ProbabilityMap(values, Placement(1 / 3, 7.7, cell, cell, 0.2527, 0.2527))
    inside = np.zeros((60, 80), dtype=bool)
    inside[11:47, 23:71] = True
    fine = np.kron(inside, np.ones((10, 10), dtype=bool))
    truth = SlideMask(fine, Placement(1 / 3, 7.7, cell / 10, cell / 10, 0.2527, 0.2527))
    border = in_band(outline_um(truth, truth.placement), cell_edges_um(probability), 0.0)
    assert not border.any()
    fine[110:470, 225:230] = True  # half of the cells to the left: they are true as well
    scores = score_against_mask(probability, truth, 0.5)
    assert (scores.cells, scores.left_out) == (4800, 0)
    assert scores.true_mm2 == pytest.approx(36 * 49 * 0.04)


def test_figures_that_cannot_be_had_are_none():
    nothing = a_mask(np.zeros((4, 4)), pixel=800.0)
    scores = score_against_mask(a_map([[0.2, 0.1]]), nothing, 0.5)
    assert (scores.auc, scores.average_precision, scores.dice, scores.sensitivity) == (None,) * 4
    assert scores.specificity == 1.0
    empty = score_against_mask(a_map([[N, N]]), nothing, 0.5)
    assert (empty.cells, empty.auc, empty.specificity) == (0, None, None)


def squares(*rows: tuple[int, int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["x", "y", "width", "height", "class"])


def test_a_square_takes_the_area_weighted_mean_of_its_assessed_cells():
    # 200 µm cells are 25 px at 8 µm/px; squares count from pixel 1.
    probability = a_map([[0.2, 0.6, 1.0, N], [N, 0.6, 1.0, N]])
    labels = squares((1, 1, 50, 50, 1), (41, 1, 20, 50, 0), (76, 1, 25, 50, 1))
    # Means: (0.2 + 0.6 + 0.6) / 3 = 0.46667; 10 px of 0.6 and 10 px of 1.0 = 0.8; none.
    low = score_against_labels(probability, labels, 8.0, threshold=0.4666)
    assert (low.cells, low.not_assessed) == (2, 1)
    assert (low.sensitivity, low.specificity, low.auc) == (1.0, 0.0, 0.0)
    high = score_against_labels(probability, labels, 8.0, threshold=0.4667)
    assert (high.sensitivity, high.specificity, high.dice) == (0.0, 0.0, 0.0)
    assert score_against_labels(probability, labels, 8.0, threshold=0.7999).specificity == 0.0
    assert score_against_labels(probability, labels, 8.0, threshold=0.8001).specificity == 1.0
    assert high.true_mm2 == pytest.approx(0.16)
    assert high.predicted_mm2 == pytest.approx(20 * 50 * 64e-6)


def test_touching_an_assessed_cell_only_by_an_edge_is_not_assessed():
    # Edges at thirds of a pixel, so that rounding leaves a sliver of either sign.
    cell = 200 / 0.3
    probability = ProbabilityMap(
        np.array([[0.9, N, N, N, N, N, N]], dtype=np.float32),
        Placement(0.1, 0.1, cell, cell, 0.3, 0.3),
    )
    labels = squares(*[(1 + 25 * i, 1, 25, 25, 1) for i in range(7)])
    scores = score_against_labels(probability, labels, 8.0, origin_x=0.1, origin_y=0.1)
    assert (scores.cells, scores.not_assessed) == (1, 6)


def test_the_frame_of_the_labels_starts_at_the_bounds_of_the_slide():
    probability = a_map([[0.9, 0.1]], origin=5000.0)
    labels = squares((1, 1, 25, 25, 1), (26, 1, 25, 25, 0))
    scores = score_against_labels(probability, labels, 8.0, origin_x=5000.0, origin_y=5000.0)
    assert (scores.auc, scores.dice, scores.cells) == (1.0, 1.0, 2)
    assert score_against_labels(probability, labels, 8.0).cells == 0


def test_more_squares_than_are_judged_at_once():
    rng = np.random.default_rng(3)
    values = rng.random((50, 60), dtype=np.float32)
    row, column = np.divmod(np.arange(3000), 60)
    truth = rng.integers(0, 2, 3000)
    labels = pd.DataFrame(
        {"x": 1 + 25 * column, "y": 1 + 25 * row, "width": 25, "height": 25, "class": truth}
    )
    scores = score_against_labels(a_map(values.tolist()), labels, 8.0, threshold=0.5)
    hit = np.count_nonzero((values.ravel() >= 0.5) & (truth == 1))
    assert scores.sensitivity == pytest.approx(hit / truth.sum())
    assert scores.cells == 3000


def test_the_truth_of_a_real_section_agrees_with_itself(shared_data: Path):
    labels = pd.read_csv(shared_data / "slides" / "idc-14306-labels.csv")
    values = np.full((96, 104), np.nan, dtype=np.float32)
    for square in labels.itertuples(index=False):
        row, column = (square.y - 1) // 25, (square.x - 1) // 25
        values[row : row + 2, column : column + 2] = square[4]
    probability = ProbabilityMap(values, Placement(0.0, 0.0, 25.0, 25.0, 8.0, 8.0))
    scores = score_against_labels(probability, labels, 8.0)
    assert (scores.cells, scores.not_assessed) == (431, 0)
    assert (scores.auc, scores.dice) == (1.0, 1.0)
    assert scores.true_mm2 == pytest.approx(167 * 0.16)

    truth = SlideMask(np.nan_to_num(values) > 0.5, probability.placement)
    against_mask = score_against_mask(probability, truth, 0.5)
    assert (against_mask.dice, against_mask.cells) == (1.0, 4 * 431)
    assert against_mask.true_mm2 == pytest.approx(scores.true_mm2)

    shifted = ProbabilityMap(values, Placement(25.0, 0.0, 25.0, 25.0, 8.0, 8.0))
    assert score_against_labels(shifted, labels, 8.0) != scores
    assert score_against_mask(shifted, truth, 0.5).dice != 1.0
