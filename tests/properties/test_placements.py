"""Coordinates of cells, to level 0 and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from properties.strategies import placements

from wsi_idc.heatmap.border import cell_edges_um
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import Placement


@given(placements(), st.integers(1, 9), st.integers(1, 9))
def test_cells_edges_meet_and_tell_their_cell(at: Placement, columns: int, rows: int) -> None:
    found = ProbabilityMap(np.zeros((rows, columns), np.float32), at)
    left, top, right, bottom = cell_edges_um(found).reshape(rows, columns, 4).transpose(2, 0, 1)
    np.testing.assert_allclose(right[:, :-1], left[:, 1:], atol=1e-6)
    np.testing.assert_allclose(bottom[:-1], top[1:], atol=1e-6)
    column = ((left + right) / 2 / at.mpp_x - at.origin_x) / at.pixel_width
    row = ((top + bottom) / 2 / at.mpp_y - at.origin_y) / at.pixel_height
    np.testing.assert_array_equal(np.floor(column), np.broadcast_to(np.arange(columns), row.shape))
    np.testing.assert_array_equal(
        np.floor(row), np.broadcast_to(np.arange(rows)[:, None], row.shape)
    )
