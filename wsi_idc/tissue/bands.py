"""Pictures taken some rows at a time: what is made of them on the way need not be as large."""

from __future__ import annotations

from collections.abc import Iterator

# Some megabytes of float32, which is little beside the picture and still many rows.
_PIXELS_AT_ONCE = 1_000_000


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of a picture of (height, width), from the top, about a million pixels at a time."""
    height, width = shape
    rows = max(1, _PIXELS_AT_ONCE // max(1, width))
    for first in range(0, height, rows):
        yield slice(first, min(first + rows, height))
