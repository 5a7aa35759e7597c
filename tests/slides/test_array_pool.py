"""Memory is used over when nobody holds it, and never before."""

from __future__ import annotations

import numpy as np

from wsi_idc.slides.array_pool import ArrayPool


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_is_used_over_when_nobody_holds_it() -> None:
    pool = ArrayPool(2)
    first = pool.take((40, 50, 3))
    assert (first.shape, first.dtype) == ((40, 50, 3), np.uint8)
    place = address(first)
    second = pool.take((40, 50, 3))
    assert address(second) != place
    del first
    smaller = pool.take((20, 50, 3))
    assert address(smaller) == place and smaller.shape == (20, 50, 3)


def test_a_view_holds_it() -> None:
    pool = ArrayPool(2)
    part = pool.take((40, 50, 3))[1:3].reshape(-1)
    place = address(part) - 150
    assert address(pool.take((40, 50, 3))) != place
    del part
    assert place in {address(pool.take((40, 50, 3)))}


def test_larger_ones_and_more_than_are_kept_are_new() -> None:
    pool = ArrayPool(1)
    place = address(pool.take((10, 10)))
    larger = pool.take((100, 100))
    assert larger.shape == (100, 100)
    held = [pool.take((10, 10)) for _ in range(3)]
    assert len({address(array) for array in held}) == 3
    assert place in {address(array) for array in held}
