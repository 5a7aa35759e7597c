"""Otsu's threshold, held within a range that is known to make sense.

References
----------
N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
Systems, Man, and Cybernetics 9(1):62-66, 1979.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def otsu_within(values: NDArray[np.float32], lowest: float, highest: float) -> float:
    """The value that splits `values` (0 to 1) best into two classes, within a range.

    Returns `highest` where there are no values.
    """
    if values.size == 0:
        return highest
    counts, edges = np.histogram(values, bins=256, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sum_below = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sum_below / below - (sum_below[-1] - sum_below) / above
    between_classes = np.nan_to_num(below * above * difference**2)
    return float(np.clip(edges[1 + int(np.argmax(between_classes))], lowest, highest))
