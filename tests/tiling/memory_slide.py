"""A slide in memory that counts its handles and can fail: for tests of threads and closing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from tiling.plans import slide_info

from wsi_idc.slides.cells import as_cells
from wsi_idc.slides.info import SlideInfo


class MemorySource:
    """Opens handles on one array, whose pixels are read at its own µm/px."""

    def __init__(self, pixels: np.ndarray, mpp: float = 8.0, slow: bool = False) -> None:
        height, width = pixels.shape[:2]
        self.pixels = pixels
        self.info = slide_info(width, height, mpp)
        self.file = self.info.file
        self.slow = slow
        self.fail_at_read: int | None = None
        self.fail_at_open: int | None = None
        self.opened = 0
        self.closed = 0
        self.sizes: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    @contextmanager
    def open(self) -> Iterator[MemorySlide]:
        with self._lock:
            self.opened += 1
            if self.opened == self.fail_at_open:
                raise OSError("too many open files")
        slide = MemorySlide(self)
        try:
            yield slide
        finally:
            slide.closed = True
            self.closed += 1

    def count(self, size: tuple[int, int]) -> None:
        with self._lock:
            self.sizes.append(size)
            if self.fail_at_read is not None and len(self.sizes) >= self.fail_at_read:
                raise RuntimeError("decoder gave up")


class MemorySlide:
    serves_threads = False

    def __init__(self, source: MemorySource) -> None:
        self.source = source
        self.info: SlideInfo = source.info
        self.closed = False
        self._owner: int | None = None

    def read(self, x: float, y: float, size: tuple[int, int], mpp: float) -> np.ndarray:
        assert not self.closed, "read after close"
        assert mpp == self.info.mpp_x
        thread = threading.get_ident()
        assert self._owner in (None, thread), "two threads share a handle"
        self._owner = thread
        self.source.count(size)
        if self.source.slow:
            # The later the block, the sooner it is done: order must not come from timing.
            time.sleep(0.02 if x < self.info.width / 2 else 0.001)
        width, height = size
        result = np.full((height, width, 3), 255, np.uint8)
        left, top = round(x), round(y)
        assert (left, top) == (x, y)
        part = self.source.pixels[top : top + height, left : left + width]
        result[: part.shape[0], : part.shape[1]] = part
        return result

    def read_cells(
        self, x: float, y: float, side: int, across: int, down: int, mpp: float
    ) -> np.ndarray:
        return as_cells(self.read(x, y, (across * side, down * side), mpp), side)
