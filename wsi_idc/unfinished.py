"""What has to be cleared away where a process is ended in the middle of its work.

An interruption runs through `finally` as an exception does, and that clears up. It does not where a
process ends from a thread beside: on the second Ctrl-C, or where the main thread does not come to
see the first one soon enough. So what is begun is noted here for as long as it is unfinished.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_is_ending = threading.Event()
_undo: dict[object, tuple[bool, Callable[[], object]]] = {}
_lock = threading.Lock()
_finishing = threading.Lock()
# A move takes far less, unless its disk hangs; then nothing is undone, and the process ends.
_A_MOVE_S = 0.5


@contextmanager
def unfinished(undo: Callable[[], object], *, last: bool = False) -> Iterator[None]:
    """Have `undo` called if the process is ended before the block is.

    It is called in another thread while the block goes on, but never while that is `finishing`,
    and may fail.

    Parameters
    ----------
    undo : what clears up.
    last : when all that was begun meanwhile is undone, as where a lock keeps others out of it.
    """
    key = object()
    with _lock:
        _undo[key] = last, undo
    try:
        yield
    finally:
        with _lock:
            _undo.pop(key, None)


@contextmanager
def finishing() -> Iterator[None]:
    """Move what is finished to its place: it is undone before that, and then it stays undone.

    Where the process is ending the block is not entered, and this never returns.
    """
    with _finishing:
        if not _is_ending.is_set():
            yield
            return
    end_if_ending()


def clear_unfinished() -> None:
    """Undo what is unfinished, the last first; call it right before the process ends."""
    _is_ending.set()
    if not _finishing.acquire(timeout=_A_MOVE_S):
        return
    try:
        with _lock:
            begun = list(_undo.values())[::-1]
            _undo.clear()
        for turn in (False, True):
            for undo in (undo for last, undo in begun if last == turn):
                with suppress(Exception):  # ending goes on; what is left is cleared by the next run
                    undo()
    finally:
        _finishing.release()


def end_if_ending() -> None:
    """Never return where the process is ending: what fails then fails for that alone."""
    while _is_ending.is_set():
        time.sleep(1)
