"""Growing and shrinking masks: exact disks, whatever the way to them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from wsi_idc.tissue.morphology import closed, grown, opened


def masks() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    sides = [(1, 1), (1, 40), (37, 1), (30, 50), (64, 41)]
    return [
        random.random(side) < share for side in sides for share in (0.0, 0.003, 0.1, 0.6, 0.98, 1.0)
    ]


@pytest.mark.parametrize("radius", [0.0, 0.9, 1.0, 1.5, 3.125, 5**0.5, 5.0, 12.5, 23.9, 24.1, 40.0])
def test_grown_takes_in_what_lies_within_the_distance(radius: float) -> None:
    for mask in masks():
        if mask.any():
            expected = ndimage.distance_transform_edt(~mask) <= radius
            np.testing.assert_array_equal(grown(mask, radius), expected)
        else:
            assert not grown(mask, radius).any()


@pytest.mark.parametrize("radius", [1.0, 3.1, 30.0])
def test_closing_adds_and_opening_takes_away(radius: float) -> None:
    for mask in masks():
        assert (closed(mask, radius) | ~mask).all()
        assert (mask | ~opened(mask, radius)).all()


def test_closing_fills_gaps_and_opening_drops_strands() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 5:25] = mask[10:30, 29:55] = True  # a gap of 4 px
    assert closed(mask, 2.5)[20, 26]
    assert not closed(mask, 1.5)[20, 26]
    strand = np.zeros((40, 60), bool)
    strand[10:30, 5:25] = strand[18:22, 25:55] = True  # 4 px wide
    assert opened(strand, 2.5)[20, 15]
    assert not opened(strand, 2.5)[20, 40]
    assert opened(strand, 1.5)[20, 40]
