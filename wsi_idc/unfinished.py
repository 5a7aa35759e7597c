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
_undo: dict[object, Callable[[], object]] = {}
_lock = threading.Lock()


@contextmanager
def unfinished(undo: Callable[[], object]) -> Iterator[None]:
    """Have `undo` called if the process is ended before the block is.

    It is called in another thread while the block goes on, and may fail for that.
    """
    key = object()
    with _lock:
        _undo[key] = undo
    try:
        yield
    finally:
        with _lock:
            _undo.pop(key, None)


def clear_unfinished() -> None:
    """Undo what is unfinished, the last first; call it right before the process ends."""
    _is_ending.set()
    with _lock:
        last_first = list(_undo.values())[::-1]
        _undo.clear()
    for undo in last_first:
        with suppress(Exception):  # ending goes on, and what is left is cleared by the next run
            undo()


def end_if_ending() -> None:
    """Never return where the process is ending: what fails then fails for that alone."""
    while _is_ending.is_set():
        time.sleep(1)
