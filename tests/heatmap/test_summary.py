"""A map in numbers: areas, shares and regions counted by hand."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.summary import summarise
from wsi_idc.slides.raster import Placement, SlideMask

# Cells of 200 µm by 100 µm: 0.02 mm².
PLACEMENT = Placement(10.0, 20.0, 800.0, 200.0, 0.25, 0.5)
N = np.nan


def a_map(values: list[list[float]]) -> ProbabilityMap:
    return ProbabilityMap(np.array(values, dtype=np.float32), PLACEMENT)


def test_areas_regions_and_means():
    found = summarise(
        a_map(
            [
                [0.9, 0.1, N, 0.8],
                [0.1, 0.7, N, 0.8],
                [0.1, 0.1, N, 0.1],
                [N, N, 0.7, 0.2],
            ]
        ),
        threshold=0.7,
        patches=321,
        tissue_area_mm2=0.19,
    )
    assert (found.patches, found.tissue_mm2, found.threshold) == (321, 0.19, 0.7)
    assert found.assessed_mm2 == pytest.approx(11 * 0.02)
    assert found.positive_mm2 == pytest.approx(5 * 0.02)
    assert found.positive_fraction == pytest.approx(5 / 11)
    assert found.max_probability == pytest.approx(0.9)
    assert found.mean_probability == pytest.approx(4.6 / 11, abs=1e-6)
    # 0.9 and 0.7 touch by a corner; the two 0.8 by an edge; the 0.7 below stands alone.
    assert found.positive_regions == 3
    assert found.largest_region_mm2 == pytest.approx(2 * 0.02)


def test_a_cell_at_the_threshold_is_positive_as_in_area_mm2():
    probability = a_map([[0.7, 0.3]])
    for threshold in (0.3, 0.7, 0.1 + 0.2):
        found = summarise(probability, threshold=threshold)
        assert found.positive_mm2 == pytest.approx(probability.area_mm2(threshold))
    assert summarise(probability, threshold=0.7).positive_regions == 1


def test_nothing_assessed_is_no_error_and_goes_into_json():
    found = summarise(a_map([[N, N], [N, N]]), threshold=0.5)
    assert (found.assessed_mm2, found.positive_mm2, found.positive_fraction) == (0, 0, 0)
    assert (found.max_probability, found.mean_probability) == (None, None)
    assert (found.positive_regions, found.largest_region_mm2) == (0, 0)
    json.dumps(asdict(found), allow_nan=False)


def test_nothing_positive():
    found = summarise(a_map([[0.1, 0.2]]), threshold=0.5)
    assert (found.positive_regions, found.largest_region_mm2, found.positive_mm2) == (0, 0, 0)


def test_the_share_of_the_tissue_counts_tissue_and_not_whole_cells():
    # The tissue is the left half of each cell of the upper row, and all of one below.
    halves = np.array([[1, 0, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]], dtype=bool)
    tissue = SlideMask(halves, Placement(10.0, 20.0, 400.0, 100.0, 0.25, 0.5))
    found = summarise(a_map([[0.9, 0.1], [0.9, N]]), threshold=0.5, tissue=tissue)
    assert found.positive_tissue_mm2 == pytest.approx(0.03)
    assert found.tumour_fraction_of_tissue == pytest.approx(0.75)
    assert found.positive_fraction == pytest.approx(2 / 3)
    without = summarise(a_map([[0.9, 0.1]]), threshold=0.5)
    assert (without.positive_tissue_mm2, without.tumour_fraction_of_tissue) == (None, None)


def test_small_regions_can_be_left_uncounted():
    values = a_map([[0.9, 0.1, 0.9, 0.9]])
    assert summarise(values, threshold=0.5).positive_regions == 2
    found = summarise(values, threshold=0.5, min_region_mm2=0.03)
    assert (found.positive_regions, found.positive_mm2) == (1, pytest.approx(0.06))
