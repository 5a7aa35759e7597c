"""Pictures as cells: every pixel in its place, wherever a strip begins and ends."""

from __future__ import annotations

import numpy as np
import pytest

from wsi_idc.slides.cells import as_cells, put_strip

DOWN, ACROSS, SIDE = 2, 4, 5


@pytest.fixture
def picture() -> np.ndarray:
    shape = DOWN * SIDE, ACROSS * SIDE, 3
    return np.arange(np.prod(shape), dtype=np.uint16).astype(np.uint8).reshape(shape)


def test_cells_are_squares_of_the_picture(picture: np.ndarray) -> None:
    cells = as_cells(picture, SIDE)
    assert cells.shape == (DOWN, ACROSS, SIDE, SIDE, 3)
    for row in range(DOWN):
        for column in range(ACROSS):
            y, x = row * SIDE, column * SIDE
            np.testing.assert_array_equal(cells[row, column], picture[y : y + SIDE, x : x + SIDE])


@pytest.mark.parametrize("left", range(ACROSS * SIDE))
def test_a_strip_changes_its_own_pixels_only(left: int, picture: np.ndarray) -> None:
    for right in range(left + 1, ACROSS * SIDE + 1):
        cells = np.zeros((DOWN, ACROSS, SIDE, SIDE, 3), np.uint8)
        put_strip(cells, left, picture[:, left:right])
        expected = np.zeros_like(picture)
        expected[:, left:right] = picture[:, left:right]
        np.testing.assert_array_equal(cells, as_cells(expected, SIDE))
