"""Regions counted by hand; outlines on the cells' edges to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.export.regions import REGION_COLUMNS, write_regions_csv
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.regions import find_regions, number_cells
from wsi_idc.slides.raster import Placement

# Cells of 200 µm by 100 µm: 0.02 mm².
PLACEMENT = Placement(10.0, 20.0, 800.0, 200.0, 0.25, 0.5)
N = np.nan


def a_map(values: list[list[float]], placement: Placement = PLACEMENT) -> ProbabilityMap:
    return ProbabilityMap(np.array(values, dtype=np.float32), placement)


MAP = a_map(
    [
        [0.9, 0.1, N, 0.8],
        [0.1, 0.7, N, 0.8],
        [0.1, 0.1, N, 0.75],
        [0.7, N, N, 0.2],
    ]
)


def test_a_region_in_numbers():
    right, oblique, alone = find_regions(MAP, 0.7)
    assert [region.number for region in (right, oblique, alone)] == [1, 2, 3]
    assert [region.cells for region in (right, oblique, alone)] == [3, 2, 1]
    assert right.area_mm2 == pytest.approx(0.06)
    assert right.max_probability == pytest.approx(0.8)
    assert right.mean_probability == pytest.approx((0.8 + 0.8 + 0.75) / 3)
    assert (right.left, right.top, right.right, right.bottom) == (2410, 20, 3210, 620)
    assert (right.centroid_x, right.centroid_y) == (2810.0, 320.0)
    # 200 µm by 300 µm, corner to corner.
    assert right.diameter_mm == pytest.approx(np.hypot(0.2, 0.3))
    # Two cells that touch by a corner: one region, two pieces, as long as both together.
    assert len(oblique.outline) == 2
    assert oblique.diameter_mm == pytest.approx(np.hypot(0.4, 0.2))
    assert oblique.centroid_x == 10 + 800


def test_regions_of_one_size_come_from_top_to_bottom():
    found = find_regions(a_map([[0.1, 0.9, 0.1], [0.1, N, 0.1], [0.9, 0.1, 0.9]]), 0.5)
    assert [(region.left, region.top) for region in found] == [(810, 20), (10, 420), (1610, 420)]


def test_the_least_area_counts_regions_of_exactly_that_area():
    assert len(find_regions(MAP, 0.7, min_area_mm2=0.06)) == 1
    assert len(find_regions(MAP, 0.7, min_area_mm2=3 * 0.02)) == 1
    assert len(find_regions(MAP, 0.7, min_area_mm2=0.0601)) == 0
    assert [region.number for region in find_regions(MAP, 0.7, min_area_mm2=0.03)] == [1, 2]
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match=r"set it with --min-region$"):
            find_regions(MAP, 0.7, min_area_mm2=wrong)


def test_a_cell_at_the_threshold_is_in_and_nothing_is_no_region():
    assert len(find_regions(a_map([[0.5, 0.25]]), 0.25)[0].outline[0].shell) == 5
    assert find_regions(a_map([[0.5, 0.25]]), 0.5)[0].cells == 1
    assert find_regions(a_map([[0.5, N]]), 0.6) == ()
    assert find_regions(a_map([[N, N]]), 0.0) == ()
    assert find_regions(a_map([[0.0, N]]), 0.0)[0].cells == 1


def test_outlines_keep_holes_and_are_the_cells_corners_to_the_bit():
    at = Placement(-7.25, 1 / 3, 200 / 0.2527, 200 / 0.2431, 0.2527, 0.2431)
    values = np.zeros((301, 419), np.float32)
    values[290:299, 400:410] = 0.9
    values[293:295, 403:405] = np.nan
    (region,) = find_regions(ProbabilityMap(values, at), 0.5)
    (polygon,) = region.outline
    (hole,) = polygon.holes

    def corner(column: int, row: int) -> list[float]:
        return [at.origin_x + column * at.pixel_width, at.origin_y + row * at.pixel_height]

    assert polygon.shell[:-1].tolist() == [
        corner(400, 290),
        corner(410, 290),
        corner(410, 299),
        corner(400, 299),
    ]
    assert sorted(hole[:-1].tolist()) == sorted(
        [corner(403, 293), corner(405, 293), corner(405, 295), corner(403, 295)]
    )
    assert region.cells == 86
    assert region.area_mm2 == pytest.approx(86 * 0.04)
    assert [region.left, region.top] == corner(400, 290)
    assert [region.right, region.bottom] == corner(410, 299)


def test_many_regions_agree_with_shapely():
    rng = np.random.default_rng(3)
    values = rng.random((60, 80), dtype=np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    at = Placement(0.0, 0.0, 0.2, 0.1, 1000.0, 1000.0)  # millimetres on a side
    found = find_regions(ProbabilityMap(values, at), 0.55)
    assert sum(region.cells for region in found) == np.count_nonzero(values >= np.float32(0.55))
    assert [region.cells for region in found] == sorted((r.cells for r in found), reverse=True)
    assert max(len(region.outline) for region in found) > 20
    for region in found:
        outline = shapely.MultiPolygon([(piece.shell, piece.holes) for piece in region.outline])
        assert outline.is_valid
        assert outline.area == pytest.approx(region.cells * 0.02)
        assert outline.bounds == (region.left, region.top, region.right, region.bottom)
        points = shapely.get_coordinates(shapely.convex_hull(outline))
        apart = np.linalg.norm(points[:, None] - points, axis=-1).max()
        assert region.diameter_mm == pytest.approx(apart)


def test_the_table_opens_with_pandas(tmp_path: Path):
    write_regions_csv(tmp_path / "regions.csv", find_regions(MAP, 0.7))
    table = pd.read_csv(tmp_path / "regions.csv")
    assert tuple(table.columns) == REGION_COLUMNS
    assert table["area_mm2"].tolist() == [0.06, 0.04, 0.02]
    assert table.loc[0, ["minx", "miny", "width", "height"]].tolist() == [2410, 20, 800, 600]
    write_regions_csv(tmp_path / "none.csv", ())
    assert pd.read_csv(tmp_path / "none.csv").empty


@pytest.mark.parametrize("least", [0.0, 0.03])
def test_every_cell_knows_its_region(least):
    random = np.random.default_rng(8).random((30, 40)).astype(np.float32)
    probability = ProbabilityMap(random, PLACEMENT)
    numbers = number_cells(probability, 0.8, min_area_mm2=least)
    regions = find_regions(probability, 0.8, min_area_mm2=least)
    assert sorted(set(numbers.ravel().tolist())) == [0, *(region.number for region in regions)]
    for region in regions:
        own = numbers == region.number
        assert np.count_nonzero(own) == region.cells
        assert random[own].max() == np.float32(region.max_probability)
        rows, columns = np.nonzero(own)
        assert PLACEMENT.origin_x + columns.min() * PLACEMENT.pixel_width == region.left
        assert PLACEMENT.origin_y + rows.min() * PLACEMENT.pixel_height == region.top
