from __future__ import annotations

import math
import time

import numpy as np
import pytest
import shapely
from annotations.drawn import square
from shapely import Polygon

from wsi_idc.annotations.areas import AnnotatedArea
from wsi_idc.slides.raster import Placement


def blob(x: float, y: float, radius: float, points: int, seed: int = 0) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    around = radius * (1 + 0.2 * np.sin(5 * angle + seed) + 0.05 * np.sin(37 * angle))
    return Polygon(np.column_stack([x + around * np.cos(angle), y + around * np.sin(angle)]))


def shares(area: AnnotatedArea, *corners: tuple[float, float], size: float = 10.0) -> list[float]:
    x, y = np.array(corners).T
    return area.fraction_of(x, y, size, size).tolist()


def test_shares_are_exact_and_overlaps_count_once() -> None:
    area = AnnotatedArea([Polygon(square(0, 0, 100)), Polygon(square(50, 0, 100))])
    assert area.area_px() == 15_000.0
    assert shares(area, (60, 60), (145, 0), (-5, -5), (145, 95), (150, 0), (200, 200)) == [
        1.0,
        0.5,
        0.25,
        0.25,
        0.0,
        0.0,
    ]


def test_holes_are_no_area() -> None:
    area = AnnotatedArea([Polygon(square(0, 0, 100), [square(20, 20, 20)])])
    assert shares(area, (25, 25), (35, 25), (15, 15)) == [0.0, 0.5, 0.75]


def test_a_slanting_edge_is_no_matter_of_pixels() -> None:
    area = AnnotatedArea([Polygon([(0, 0), (10, 0), (0, 10)])])
    assert shares(area, (0, 0), (2, 0)) == pytest.approx([0.5, 0.32], abs=1e-12)


def test_an_empty_area_covers_nothing() -> None:
    area = AnnotatedArea([])
    assert area.is_empty and shares(area, (0, 0)) == [0.0]
    assert not area.rasterise(Placement(0, 0, 1, 1, 1, 1), (3, 3)).values.any()


def test_large_outlines_are_cut_without_loss() -> None:
    outline = blob(50_000, 50_000, 30_000, 5_000)
    area = AnnotatedArea([outline])
    corners = np.random.default_rng(1).uniform(15_000, 85_000, (300, 2))
    boxes = shapely.box(*corners.T, *(corners + 1600).T)
    expected = shapely.area(shapely.intersection(boxes, outline)) / 1600**2
    assert np.count_nonzero((expected > 0) & (expected < 1)) > 10
    assert shares(area, *map(tuple, corners), size=1600) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("far", [0.0, 99_000.0])
def test_a_mask_is_true_where_a_pixel_s_centre_lies_inside(far: float) -> None:
    polygons = [blob(far + 300, far + 250, 200, 333), Polygon(square(far + 500, far + 100, 77.7))]
    holed = polygons[0].difference(Polygon(square(far + 250, far + 230, 61.3)))
    area = AnnotatedArea([holed, polygons[1]])
    placement = Placement(far - 13.7, far + 5.3, 3.7, 5.9, 0.25, 0.3)
    mask = area.rasterise(placement, (80, 150))
    rows, columns = np.mgrid[:80, :150]
    x = placement.origin_x + (columns + 0.5) * placement.pixel_width
    y = placement.origin_y + (rows + 0.5) * placement.pixel_height
    assert np.array_equal(mask.values, shapely.contains_xy(area.geometry, x, y))
    assert mask.placement == placement and mask.values.any()


def test_areas_side_by_side_share_no_pixel_and_lose_none() -> None:
    placement = Placement(0, 0, 1, 1, 1, 1)
    # Edges run through the pixels' centres.
    left = AnnotatedArea([Polygon([(0.5, 0.5), (4.5, 0.5), (2.5, 6.5), (0.5, 6.5)])])
    right = AnnotatedArea([Polygon([(4.5, 0.5), (8.5, 0.5), (8.5, 6.5), (2.5, 6.5)])])
    both = AnnotatedArea([Polygon([(0.5, 0.5), (8.5, 0.5), (8.5, 6.5), (0.5, 6.5)])])
    masks = [area.rasterise(placement, (10, 10)).values for area in (left, right, both)]
    assert not (masks[0] & masks[1]).any()
    assert np.array_equal(masks[0] | masks[1], masks[2])
    assert np.argwhere(masks[2]).min() == 0 and masks[2].sum() == 8 * 6


def test_a_mask_holds_the_part_of_an_area_that_lies_on_it() -> None:
    area = AnnotatedArea([Polygon(square(-1000, -1000, 5000))])
    assert area.rasterise(Placement(0, 0, 100, 100, 1, 1), (5, 7)).values.all()


def test_the_fingerprint_is_of_the_polygons() -> None:
    first, second = Polygon(square(0, 0, 10)), Polygon(square(20, 0, 10))
    turned = Polygon([(10, 10), (10, 0), (0, 0), (0, 10)])
    one = AnnotatedArea([first, second]).sha256
    assert one == AnnotatedArea([second, turned]).sha256
    assert one != AnnotatedArea([first]).sha256
    moved = Polygon(square(20, 0, math.nextafter(10, 11)))
    assert one != AnnotatedArea([first, moved]).sha256


@pytest.mark.slow
def test_a_hundred_thousand_patches_against_five_thousand_polygons_take_seconds() -> None:
    places = np.random.default_rng(0).uniform(0, 100_000, (5_000, 2))
    polygons = [blob(x, y, 300 + 300 * (i % 5), 100, i) for i, (x, y) in enumerate(places)]
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(317) * 315.0, np.arange(317) * 315.0))
    area = AnnotatedArea(polygons)
    began = time.process_time()
    fraction = area.fraction_of(x, y, 315.0, 315.0)
    seconds = time.process_time() - began
    whole = shapely.box(0, 0, 317 * 315, 317 * 315).intersection(area.geometry).area
    assert fraction.sum() * 315**2 == pytest.approx(whole, rel=1e-9)
    assert seconds < 20, f"{seconds:.1f} s of processor time"  # about 3 on a free machine
