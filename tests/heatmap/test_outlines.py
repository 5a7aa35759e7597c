"""Outlines along the edges of cells: counted by hand, and against shapely's union of squares."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import ndimage

from wsi_idc.heatmap.outlines import signed_area, trace_outlines


def drawn(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def corners(ring: np.ndarray) -> set[tuple[float, float]]:
    assert (ring[0] == ring[-1]).all(), "a ring must be closed"
    return {tuple(corner) for corner in ring.tolist()}


def test_a_single_cell_is_a_square():
    pieces, (polygon,) = trace_outlines(drawn("...", ".#."))
    assert pieces.tolist() == [[0, 0, 0], [0, 1, 0]]
    assert polygon.shell.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
    assert polygon.holes == ()


def test_straight_lines_have_corners_at_their_ends_only():
    _, (polygon,) = trace_outlines(drawn("####", "##.."))
    assert len(polygon.shell) == 7
    assert corners(polygon.shell) == {(0, 0), (4, 0), (4, 1), (2, 1), (2, 2), (0, 2)}


def test_a_hole_turns_the_other_way():
    _, (polygon,) = trace_outlines(drawn("####", "#..#", "####"))
    (hole,) = polygon.holes
    assert (signed_area(polygon.shell), signed_area(hole)) == (12.0, -2.0)
    assert corners(hole) == {(1, 1), (3, 1), (3, 2), (1, 2)}


def test_cells_that_touch_by_a_corner_are_polygons_of_their_own():
    pieces, polygons = trace_outlines(drawn("#.", ".#"))
    assert [signed_area(polygon.shell) for polygon in polygons] == [1.0, 1.0]
    assert pieces.max() == 2


def test_a_shell_that_comes_back_to_a_corner_becomes_shell_and_hole():
    # The ends of the C touch by a corner.
    _, (polygon,) = trace_outlines(drawn("###", "#.#", "##."))
    (hole,) = polygon.holes
    assert (signed_area(polygon.shell), signed_area(hole)) == (8.0, -1.0)
    assert (2, 2) in corners(hole) & corners(polygon.shell)


def test_holes_that_touch_by_a_corner_are_two():
    _, (polygon,) = trace_outlines(drawn("####", "#.##", "##.#", "####"))
    assert [signed_area(hole) for hole in polygon.holes] == [-1.0, -1.0]


def test_nothing_inside_has_no_outline():
    pieces, polygons = trace_outlines(np.zeros((3, 4), bool))
    assert not pieces.any()
    assert polygons == []


@pytest.mark.parametrize("share", [0.3, 0.45, 0.6, 0.75, 1.0])
@pytest.mark.parametrize("smooth", [0, 2])
def test_polygons_are_valid_and_equal_the_union_of_their_cells(share, smooth):
    noise = np.random.default_rng(7).random((47, 61))
    if smooth:
        noise = ndimage.gaussian_filter(noise, smooth)
    inside = noise <= np.quantile(noise, share)
    pieces, polygons = trace_outlines(inside)
    assert len(polygons) == pieces.max()
    for number, polygon in enumerate(polygons, start=1):
        traced = shapely.Polygon(polygon.shell, polygon.holes)
        assert traced.is_valid, shapely.is_valid_reason(traced)
        rows, columns = np.nonzero(pieces == number)
        cells = shapely.union_all(shapely.box(columns, rows, columns + 1, rows + 1))
        assert traced.equals(cells)
        # Nothing but corners: simplifying takes none away.
        assert len(shapely.simplify(traced, 0).exterior.coords) == len(polygon.shell)
