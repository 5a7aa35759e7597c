"""Open slides, lent to one thread at a time unless their reader serves several.

A page asks for twenty tiles at once, and most slide libraries must not be asked by two threads
through one handle. So each slide has a few handles, opened when they are first needed, and slides
that nobody looked at for longest are closed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from wsi_idc.slides import Slide, SlideSource

MOST_HANDLES = 4
"""Of one slide. More than a machine has cores only wait for each other."""
MOST_SLIDES = 8
"""Open at a time: enough to go back and forth, few enough for any limit of open files."""


class SlidePool:
    """The handles of one slide.

    Parameters
    ----------
    source : how to open it.
    most : how many handles there are at most.
    """

    def __init__(self, source: SlideSource, most: int = MOST_HANDLES) -> None:
        self._source = source
        self._most = most
        self._idle: list[Slide] = []
        self._opened = 0
        self._shared: Slide | None = None
        self._change = threading.Condition()

    @contextmanager
    def lend(self) -> Iterator[Slide]:
        """Lend a handle; wait where all are in use.

        Raises
        ------
        SlideError
            If the slide cannot be opened.
        """
        slide = self._take()
        try:
            yield slide
        finally:
            self._give_back(slide)

    def close(self) -> None:
        """Close all handles; none may be lent."""
        with self._change:
            for slide in [*self._idle, *([self._shared] if self._shared else [])]:
                slide.close()
            self._idle, self._shared, self._opened = [], None, 0

    def _take(self) -> Slide:
        with self._change:
            while self._shared is None and not self._idle and self._opened >= self._most:
                self._change.wait()
            if self._shared is not None:
                return self._shared
            if self._idle:
                return self._idle.pop()
            if self._opened == 0:
                # The first one tells whether a second one is needed: the others wait for it.
                return self._open_first()
            self._opened += 1
        try:
            return self._source.open()
        except BaseException:
            with self._change:
                self._opened -= 1
                self._change.notify()
            raise

    def _open_first(self) -> Slide:
        slide = self._source.open()
        self._opened = 1
        if slide.serves_threads:
            self._shared = slide
        elif slide.info.reader == "image":
            self._most = 1  # it holds the whole picture in memory
        return slide

    def _give_back(self, slide: Slide) -> None:
        with self._change:
            if slide is not self._shared:
                self._idle.append(slide)
            self._change.notify()


class OpenSlides:
    """The pools of the slides that were looked at last.

    Parameters
    ----------
    most : how many slides are kept open.
    """

    def __init__(self, most: int = MOST_SLIDES) -> None:
        self._most = most
        self._pools: OrderedDict[str, SlidePool] = OrderedDict()
        self._users: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, key: str, source: SlideSource) -> Iterator[Slide]:
        """Lend a handle of the slide that is known by `key`.

        Raises
        ------
        SlideError
            If the slide cannot be opened.
        """
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = SlidePool(source)
            self._pools.move_to_end(key)
            self._users[key] = self._users.get(key, 0) + 1
        try:
            with pool.lend() as slide:
                yield slide
        finally:
            with self._lock:
                self._users[key] -= 1
                self._close_oldest()

    def close(self) -> None:
        """Close all slides; none may be lent."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    @property
    def open_slides(self) -> int:
        """How many slides are open."""
        return len(self._pools)

    def _close_oldest(self) -> None:
        """Close what is over the limit and not in use, the longest unused first."""
        for key in list(self._pools):
            if len(self._pools) <= self._most:
                return
            if not self._users.get(key):
                self._pools.pop(key).close()
                self._users.pop(key, None)
