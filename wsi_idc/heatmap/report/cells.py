"""The map's cells as a page needs them: outlines to draw, and values to try thresholds on."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

TRIAL_STEPS = 200
"""A page's thresholds to try lie 1/200 apart, so that a cell's value fits into one byte."""
NOT_ASSESSED = 255


def outline_path(inside: NDArray[np.bool_]) -> str:
    """The edges between cells that are inside and cells that are not, as an SVG path.

    Parameters
    ----------
    inside : bool [rows, columns].

    Returns
    -------
    Path data in cells, from the map's top-left corner: straight runs, first along the rows,
    then along the columns. Empty if nothing is inside.
    """
    padded = np.pad(inside, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]  # [rows + 1, columns]: edges along rows
    down = padded[1:-1, 1:] != padded[1:-1, :-1]  # [rows, columns + 1]: edges along columns
    parts = [f"M{start} {row}H{stop}" for row, start, stop in _runs(across)]
    parts += [f"M{column} {start}V{stop}" for column, start, stop in _runs(down.T)]
    return "".join(parts)


def trial_values(values: NDArray[np.float32]) -> str:
    """Probabilities in `TRIAL_STEPS` steps, base64 of a byte a cell, row by row.

    Step k means: at or above k / 200 and below the next, compared as the map's areas are, so
    that a page counts the same cells. 255 is a cell that was not assessed.
    """
    steps = (np.arange(TRIAL_STEPS + 1) / TRIAL_STEPS).astype(np.float32)
    step = np.searchsorted(steps, np.nan_to_num(values), side="right") - 1
    coded = np.where(np.isfinite(values), step, NOT_ASSESSED).astype(np.uint8)
    return base64.b64encode(coded.tobytes()).decode("ascii")


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Line, start and stop of every run of True along the lines of an array."""
    change = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lines, starts = np.nonzero(change == 1)
    _, stops = np.nonzero(change == -1)
    return list(zip(lines.tolist(), starts.tolist(), stops.tolist(), strict=True))
