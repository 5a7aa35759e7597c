"""A slide that another process reads, to the rest of the program a slide like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wsi_idc.errors import SlideReadError
from wsi_idc.slides.base import DAMAGED, Pixels, Slide
from wsi_idc.slides.info import Level, SlideInfo
from wsi_idc.slides.isolation.process import LARGEST_PIXELS, POOL, ReaderFailure, ReaderProcess

READ_TIMEOUT_S = 60.0
"""A read of at most 8 million pixels that takes longer hangs: sound slides on slow network disks
take a few seconds."""


class IsolatedSlide(Slide):
    """A slide that is opened and read in a child process.

    Parameters
    ----------
    path, reader, slide_mpp : as for `open_slide`.
    timeout_s : seconds that opening and each read may take.

    Raises
    ------
    SlideReadError
        If the reader cannot open the file, crashes or takes too long; and so for each read.
    SlideError, SettingsError
        As `open_slide`.
    """

    def __init__(
        self,
        path: Path,
        reader: str,
        slide_mpp: float | tuple[float, float] | None,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._arguments = {"path": path, "reader": reader, "slide_mpp": slide_mpp}
        self._timeout_s = timeout_s
        self._process: ReaderProcess | None = None
        self.info, self.icc_profile = self._open()

    def _open(self) -> tuple[SlideInfo, bytes | None]:
        process = POOL.take()
        try:
            info, icc_profile = process.ask("open", self._timeout_s, **self._arguments)
        except ReaderFailure as failure:
            raise SlideReadError(
                f"{self._arguments['path']}: cannot be opened: {failure}; {DAMAGED}"
            ) from failure
        except Exception:
            POOL.give_back(process)
            raise
        self._process = process
        return info, icc_profile

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        rows = max(1, LARGEST_PIXELS // width)
        if rows >= height:
            return self._read_part(level, x, y, width, height)
        parts = [
            self._read_part(level, x, top, width, min(rows, y + height - top))
            for top in range(y, y + height, rows)
        ]
        return np.concatenate(parts)

    def _read_part(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        process = self._opened()
        try:
            process.ask("read", self._timeout_s, level=level, x=x, y=y, width=width, height=height)
        except ReaderFailure as failure:
            self._process = None
            raise self._cannot_read(level, x, y, width, height, str(failure)) from failure
        return process.pixels(width, height).copy()

    def _displacement(self, level: Level, x: int, y: int) -> tuple[float, float]:
        answer: tuple[float, float] = self._ask("displacement", level=level, x=x, y=y)
        return answer

    def _means(self, level: Level) -> Level | None:
        answer: Level | None = self._ask("means", level=level)
        return answer

    def is_plain(self, x: float, y: float, size: tuple[int, int], mpp: float) -> bool:
        """As the child's reader guesses."""
        return bool(self._ask("plain", x=x, y=y, size=size, mpp=mpp))

    def _ask(self, question: str, **arguments: Any) -> Any:
        try:
            return self._opened().ask(question, self._timeout_s, **arguments)
        except ReaderFailure as failure:
            self._process = None
            raise SlideReadError(
                f"{self._arguments['path']}: cannot be read: {failure}; {DAMAGED}"
            ) from failure

    def _opened(self) -> ReaderProcess:
        """The child; a new one after it failed, so that the rest of the slide can be read."""
        if self._process is None:
            self._open()
        assert self._process is not None
        return self._process

    def close(self) -> None:
        """Let the child close the file and wait for another one."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.ask("close", self._timeout_s)
        except ReaderFailure:
            return
        POOL.give_back(process)
