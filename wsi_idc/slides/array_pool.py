"""Memory of arrays that is used over.

The system clears memory before it gives it, which costs about as much as filling it with pixels
does, and it takes large arrays back as soon as they are dropped.
"""

from __future__ import annotations

import math
import sys
import threading

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class ArrayPool:
    """Gives arrays, and takes their memory again once nobody holds them. For many threads.

    Parameters
    ----------
    most : how many arrays' memory is kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Pixels] = []
        self._unused = 0
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...]) -> Pixels:
        """An array, uint8 of that shape, whose values are whatever they are."""
        size = math.prod(shape)
        with self._lock:
            for index in range(len(self._kept)):
                if self._kept[index].size >= size and self._references(index) == self._unused:
                    return self._kept[index][:size].reshape(shape)
            if len(self._kept) == self._most:
                return np.empty(shape, np.uint8)
            self._kept.append(np.empty(size, np.uint8))
            # What Python itself holds differs from version to version: it is looked up.
            self._unused = self._references(-1)
            return self._kept[-1].reshape(shape)

    def _references(self, index: int) -> int:
        """How often an array is held; each view of it counts."""
        return sys.getrefcount(self._kept[index])
