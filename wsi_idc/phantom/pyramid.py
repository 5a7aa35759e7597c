"""The levels of a slide, grown strip by strip: exact area averages, cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass
class GrowingLevel:
    """A level on its way to the file: rows that wait for a full row of tiles, and its tiles."""

    downsample: int
    width: int
    height: int
    tile: int
    waiting: list[Pixels] = field(default_factory=list)
    rows_seen: int = 0
    encodings: list[Future[bytes]] = field(default_factory=list)

    def tile_rows(self, strip: Pixels) -> Iterator[Pixels]:
        """Take the next rows of the level; yield them as soon as they fill a row of tiles."""
        self.waiting.append(strip)
        self.rows_seen += len(strip)
        held = np.concatenate(self.waiting) if len(self.waiting) > 1 else strip
        start = 0
        while len(held) - start >= self.tile:
            yield held[start : start + self.tile]
            start += self.tile
        rest = held[start:]
        if len(rest) and self.rows_seen == self.height:
            yield rest
            rest = rest[:0]
        self.waiting = [rest] if len(rest) else []


def reduce_strip(strip: Pixels, levels: list[GrowingLevel]) -> Iterator[Pixels]:
    """Yield a strip at every level's downsample, each from integer sums of level-0 pixels."""
    sums: NDArray[np.integer] = strip
    downsample = 1
    for level in levels:
        step = level.downsample // downsample
        if step > 1:
            sums = _block_sums(sums, step)
            downsample = level.downsample
        if downsample == 1:
            yield strip
        else:
            area = downsample * downsample
            yield ((sums + area // 2) // area).astype(np.uint8)


def _block_sums(values: NDArray[np.integer], step: int) -> NDArray[np.uint32]:
    """Sums over squares of `step` pixels, [h // step, w // step, 3]; what is left over falls off.

    Strided slices are added one by one, several times faster than a sum over reshaped axes.
    """
    height, width = values.shape[0] // step * step, values.shape[1] // step * step
    whole = values[:height, :width]
    by_rows = whole[::step].astype(np.uint32)
    for offset in range(1, step):
        by_rows += whole[offset::step]
    sums = by_rows[:, ::step].copy()
    for offset in range(1, step):
        sums += by_rows[:, offset::step]
    return sums


def cut_tiles(tile_row: Pixels, tile: int) -> Iterator[Pixels]:
    """Cut up to `tile` rows into square tiles; the last ones repeat their edge pixels.

    Repeated edges keep JPEG from ringing into the part of the tile that is shown.
    """
    missing = tile - len(tile_row)
    for x0 in range(0, tile_row.shape[1], tile):
        part = tile_row[:, x0 : x0 + tile]
        short = tile - part.shape[1]
        if missing or short:
            part = np.pad(part, ((0, missing), (0, short), (0, 0)), mode="edge")
        yield np.ascontiguousarray(part)
