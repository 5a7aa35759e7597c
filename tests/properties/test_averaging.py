"""Area averaging: no grey level lost or moved, whatever box is read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wsi_idc.slides.resample import area_average

Box = tuple[float, float, float, float]


@st.composite
def pictures(draw: st.DrawFn, most_side: int = 40) -> np.ndarray:
    """Noise, of some contrast: smooth pictures hide shifts."""
    shape = draw(st.integers(1, most_side)), draw(st.integers(1, most_side)), 3
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    darkest = draw(st.integers(0, 255))
    return random.integers(darkest, 256, shape, dtype=np.uint8)


@st.composite
def boxes(draw: st.DrawFn, width: int, height: int) -> Box:
    """A part of a picture, of at least a tenth of a pixel."""
    left, top = draw(st.floats(0, width - 0.1)), draw(st.floats(0, height - 0.1))
    right, bottom = draw(st.floats(left + 0.1, width)), draw(st.floats(top + 0.1, height))
    return left, top, right, bottom


SIZES = st.tuples(st.integers(1, 20), st.integers(1, 20))


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """Largest difference in grey levels."""
    return int(np.abs(one.astype(int) - other).max())


@given(st.integers(0, 255), SIZES, st.data())
def test_one_colour_stays_that_colour(
    grey: int, size: tuple[int, int], data: st.DataObject
) -> None:
    picture = np.full((30, 40, 3), grey, np.uint8)
    box = data.draw(boxes(40, 30))
    assert np.unique(area_average(picture, box, size)).tolist() == [grey]


@given(pictures(), SIZES, st.data())
def test_no_grey_level_is_made_up(
    picture: np.ndarray, size: tuple[int, int], data: st.DataObject
) -> None:
    box = data.draw(boxes(picture.shape[1], picture.shape[0]))
    result = area_average(picture, box, size)
    assert result.shape == (size[1], size[0], 3)
    assert picture.min() <= result.min() and result.max() <= picture.max()


@given(pictures(), st.integers(1, 40), st.integers(1, 40))
def test_the_mean_of_the_whole_is_kept(picture: np.ndarray, across: int, down: int) -> None:
    height, width = picture.shape[:2]
    size = min(across, width), min(down, height)  # means are kept where it is reduced
    result = area_average(picture, (0, 0, width, height), size)
    off = result.mean((0, 1)) - picture.mean((0, 1))
    assert np.abs(off).max() <= 0.501


@given(pictures(), SIZES, st.data())
def test_a_mirrored_picture_has_the_mirrored_average(
    picture: np.ndarray, size: tuple[int, int], data: st.DataObject
) -> None:
    height, width = picture.shape[:2]
    left, top, right, bottom = data.draw(boxes(width, height))
    result = area_average(picture, (left, top, right, bottom), size)
    across = area_average(picture[:, ::-1], (width - right, top, width - left, bottom), size)
    down = area_average(picture[::-1], (left, height - bottom, right, height - top), size)
    assert apart(across[:, ::-1], result) <= 1
    assert apart(down[::-1], result) <= 1


@given(pictures(), st.integers(1, 8), st.integers(1, 8), st.data())
def test_a_patch_does_not_depend_on_the_block_that_it_is_cut_from(
    picture: np.ndarray, across: int, down: int, data: st.DataObject
) -> None:
    height, width = picture.shape[:2]
    across, down = min(across, width), min(down, height)
    left, top, right, bottom = data.draw(boxes(width, height))
    # As many source pixels a target pixel in the block as in the patch: 1 or more.
    right, bottom = max(right, min(width, left + across)), max(bottom, min(height, top + down))
    if right - left < across or bottom - top < down:
        left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    block = area_average(picture, (left, top, right, bottom), (across, down))
    step_x, step_y = (right - left) / across, (bottom - top) / down
    column, row = data.draw(st.integers(0, across - 1)), data.draw(st.integers(0, down - 1))
    own = (
        left + column * step_x,
        top + row * step_y,
        min(float(width), left + across * step_x),
        min(float(height), top + down * step_y),
    )
    patch = area_average(picture, own, (across - column, down - row))
    assert apart(patch, block[row:, column:]) <= 1


@given(pictures(), st.integers(2, 5), st.integers(2, 5))
def test_two_steps_give_what_one_gives(picture: np.ndarray, first: int, second: int) -> None:
    height, width = (side // (first * second) * first * second for side in picture.shape[:2])
    if not height or not width:
        return
    box = 0.0, 0.0, float(width), float(height)
    middle = width // first, height // first
    last = middle[0] // second, middle[1] // second
    at_once = area_average(picture, box, last)
    stepwise = area_average(area_average(picture, box, middle), (0, 0, *middle), last)
    # Half a grey level is rounded away at the first step.
    assert apart(stepwise, at_once) <= 1
