"""What was made last is kept, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable


class ByteCache:
    """Byte strings by key, those used longest ago dropped first; for many threads.

    Parameters
    ----------
    capacity : how many bytes are kept at most; what is larger is not kept at all.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """How many bytes are kept now."""
        return self._held

    def get(self, key: Hashable) -> bytes | None:
        """What is kept under a key, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, value: bytes) -> None:
        """Keep a value."""
        if len(value) > self._capacity:
            return
        with self._lock:
            self._held += len(value) - len(self._kept.pop(key, b""))
            self._kept[key] = value
            while self._held > self._capacity:
                _, dropped = self._kept.popitem(last=False)
                self._held -= len(dropped)
