"""What was used last is kept, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ByteCache(Generic[Key, Value]):
    """Values by key, those used longest ago dropped first; for many threads.

    Parameters
    ----------
    capacity : how many bytes are kept at most, but for a value that is larger by itself: that is
        kept until the next comes, since it may be asked for again at once.
    size : how many bytes a value takes.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int]) -> None:
        self._capacity, self._size = capacity, size
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """How many bytes are kept now."""
        return self._held

    def get(self, key: Key) -> Value | None:
        """What is kept under a key, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        with self._lock:
            if key in self._kept:
                self._held -= self._size(self._kept.pop(key))
            self._kept[key] = value
            self._held += self._size(value)
            while self._held > self._capacity and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._held -= self._size(dropped)
