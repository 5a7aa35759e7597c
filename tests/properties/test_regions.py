"""Outlines and regions of any raster: all cells, each once, whatever their shape."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from properties.strategies import placements, rasters

from wsi_idc.heatmap.border import in_band
from wsi_idc.heatmap.outlines import OutlinePolygon, signed_area, trace_outlines
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.regions import find_regions, number_cells, region_cells

# Of few values, so that many are equal to each other and to the threshold; some not assessed.
VALUES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, np.nan])


@st.composite
def maps(draw: st.DrawFn) -> ProbabilityMap:
    shape = draw(npst.array_shapes(min_dims=2, max_dims=2, max_side=9))
    values = draw(npst.arrays(np.float32, shape, elements=VALUES.map(np.float32)))
    return ProbabilityMap(values, draw(placements()))


THRESHOLDS = st.sampled_from([0.0, 0.25, 0.4, 0.5, 1.0])


def polygon(outline: OutlinePolygon) -> shapely.Polygon:
    return shapely.Polygon(outline.shell, outline.holes)


@given(rasters())
def test_outlines_enclose_their_cells_and_nothing_else(inside: np.ndarray) -> None:
    pieces, outlines = trace_outlines(inside)
    np.testing.assert_array_equal(pieces > 0, inside)
    for number, outline in enumerate(outlines, start=1):
        traced = polygon(outline)
        assert traced.is_valid
        rows, columns = np.nonzero(pieces == number)
        assert traced.equals(shapely.union_all(shapely.box(columns, rows, columns + 1, rows + 1)))
    assert len(outlines) == pieces.max()


@given(rasters())
def test_rings_turn_as_promised_and_have_only_corners(inside: np.ndarray) -> None:
    _, outlines = trace_outlines(inside)
    rings = [(outline.shell, 1) for outline in outlines]
    rings += [(hole, -1) for outline in outlines for hole in outline.holes]
    for ring, turn in rings:
        assert (ring[0] == ring[-1]).all()
        assert signed_area(ring) * turn > 0
        assert len(np.unique(ring[:-1], axis=0)) == len(ring) - 1  # never the same corner twice
        steps = np.diff(ring, axis=0)
        assert ((steps != 0).sum(axis=1) == 1).all()  # along the cells' edges
        along = steps[:, 0] != 0
        assert (along[1:] != along[:-1]).all() and along[0] != along[-1]  # each corner is one
    assert sum(signed_area(ring) for ring, _ in rings) == np.count_nonzero(inside)


@given(rasters())
def test_the_outside_s_holes_are_its_pieces(inside: np.ndarray) -> None:
    """What is a hole in one is a piece of the other; corners join neither."""
    framed = np.pad(inside, 1)
    _, outlines = trace_outlines(framed)
    _, around = trace_outlines(~framed)
    if not _touch_by_a_corner(framed):
        assert sum(len(o.holes) for o in around) == len(outlines)
    lengths = [sum(shapely.length(polygon(o)) for o in some) for some in (outlines, around)]
    height, width = framed.shape
    assert lengths[1] - lengths[0] == 2 * (height + width)


def _touch_by_a_corner(inside: np.ndarray) -> bool:
    """Whether two cells touch by a corner only."""
    a, b, c, d = inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]
    return bool(((a == d) & (b == c) & (a != b)).any())


@given(maps(), THRESHOLDS)
def test_regions_have_all_positive_cells_each_once(found: ProbabilityMap, threshold: float) -> None:
    positive = np.nan_to_num(found.values, nan=-1.0) >= threshold
    regions = find_regions(found, threshold)
    numbers = number_cells(found, threshold)
    np.testing.assert_array_equal(numbers > 0, positive)
    assert [region.number for region in regions] == list(range(1, len(regions) + 1))
    assert sorted(region_cells(found, threshold), reverse=True) == [r.cells for r in regions]
    at = found.placement
    assert sum(region.area_mm2 for region in regions) == pytest.approx(found.area_mm2(threshold))
    for region in regions:
        own = numbers == region.number
        rows, columns = np.nonzero(own)
        assert region.cells == len(rows)
        assert region.max_probability == found.values[own].max()
        assert region.mean_probability == pytest.approx(found.values[own].mean(dtype=float))
        x = at.origin_x + (columns + 0.5) * at.pixel_width
        y = at.origin_y + (rows + 0.5) * at.pixel_height
        assert (region.centroid_x, region.centroid_y) == pytest.approx((x.mean(), y.mean()))
        drawn = shapely.MultiPolygon([polygon(piece) for piece in region.outline])
        assert drawn.area == pytest.approx(len(rows) * at.pixel_width * at.pixel_height)
        assert drawn.bounds == (region.left, region.top, region.right, region.bottom)


@given(maps(), THRESHOLDS)
def test_cells_of_two_regions_never_touch(found: ProbabilityMap, threshold: float) -> None:
    numbers = np.pad(number_cells(found, threshold), 1)
    rows, columns = found.values.shape
    middle = numbers[1:-1, 1:-1]
    for down in (0, 1, 2):
        for across in (0, 1, 2):
            other = numbers[down : down + rows, across : across + columns]
            assert ((middle == other) | (middle == 0) | (other == 0)).all()


@given(maps(), THRESHOLDS, st.integers(0, 12))
def test_a_least_area_leaves_out_the_smaller_ones_only(
    found: ProbabilityMap, threshold: float, least: int
) -> None:
    area = least * found.placement.pixel_area_mm2
    kept = find_regions(found, threshold, min_area_mm2=area)
    every = find_regions(found, threshold)
    assert [r.cells for r in kept] == [r.cells for r in every if r.cells >= least]
    numbers = number_cells(found, threshold, min_area_mm2=area)
    expected = number_cells(found, threshold)
    np.testing.assert_array_equal(numbers, np.where(expected > len(kept), 0, expected))


@given(maps())
def test_a_higher_threshold_only_splits_and_shrinks(found: ProbabilityMap) -> None:
    coarse, fine = number_cells(found, 0.25), number_cells(found, 0.75)
    for number in range(1, fine.max() + 1):
        around = np.unique(coarse[fine == number])
        assert len(around) == 1 and around[0] > 0


@given(maps(), THRESHOLDS)
def test_the_diameter_is_that_of_the_farthest_corners(
    found: ProbabilityMap, threshold: float
) -> None:
    numbers = number_cells(found, threshold)
    at = found.placement
    for region in find_regions(found, threshold):
        rows, columns = np.nonzero(numbers == region.number)
        corners = np.concatenate([(columns + i, rows + j) for i in (0, 1) for j in (0, 1)], axis=1)
        corners = corners.T * (at.pixel_width_um / 1000, at.pixel_height_um / 1000)
        apart = np.linalg.norm(corners[:, None] - corners, axis=-1)
        assert region.diameter_mm == pytest.approx(apart.max())


@given(rasters(most_side=6), st.floats(0, 3), st.floats(0, 2))
def test_a_wider_band_has_the_narrower_one_in_it(
    inside: np.ndarray, width: float, more: float
) -> None:
    _, outlines = trace_outlines(inside)
    lines = shapely.MultiLineString([ring for o in outlines for ring in (o.shell, *o.holes)])
    rows, columns = np.indices(inside.shape, dtype=float).reshape(2, -1)
    edges = np.stack([columns, rows, columns + 1, rows + 1], axis=1)
    narrow, wide = in_band(lines, edges, width), in_band(lines, edges, width + more)
    assert (wide | ~narrow).all()
    for edge, found in zip(edges, narrow, strict=True):
        apart = shapely.distance(lines, shapely.box(*edge))
        if width > 0.01 and outlines and abs(apart - width) > 0.01:
            assert found == (apart < width)
