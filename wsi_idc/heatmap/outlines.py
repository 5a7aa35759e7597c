"""Outlines of groups of cells, along the cells' edges. Pure: arrays in, polygons out.

A polygon here is one connected piece whose cells share edges; pieces that only touch by a
corner are polygons of their own. Rings never touch themselves, so that every polygon is valid
by the rules of simple features, on which JTS (QuPath) and GEOS (shapely) insist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ring = NDArray[np.float64]

# The four edges of a cell in the order in which they follow each other around it.
_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
# Per edge, as (row, column) steps: the cell across it, and the cell that the walk heads for.
_ACROSS = ((-1, 0), (0, 1), (1, 0), (0, -1))
_AHEAD = ((0, 1), (1, 0), (0, -1), (-1, 0))
# Where an edge begins, seen from its cell's top-left corner, as (x, y).
_BEGINS = ((0, 0), (1, 0), (1, 1), (0, 1))


@dataclass(frozen=True, eq=False)
class OutlinePolygon:
    """One connected piece of a region, with the holes in it.

    Attributes
    ----------
    shell : float64 [N, 2], x and y of its corners; closed, the last is the first again; its
        signed area is positive.
    holes : rings of the same form with negative signed area; they touch each other and the
        shell in single points at most.
    """

    shell: Ring
    holes: tuple[Ring, ...] = ()


def trace_outlines(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], list[OutlinePolygon]]:
    """Trace the outlines of all pieces of a raster.

    Parameters
    ----------
    inside : bool [rows, columns].

    Returns
    -------
    pieces : int32 [rows, columns], number of the piece that a cell belongs to, from 1; 0
        outside.
    polygons : the outline of each piece, in cells: corner (column, row) is the top-left one of
        that cell. The polygon of piece n stands at n - 1.
    """
    pieces, count = ndimage.label(inside, output=np.int32)
    padded = np.pad(inside, 1)
    edges, following = _edges(padded)
    size = padded.size
    width = padded.shape[1]
    numbers = np.pad(pieces, 1).ravel()
    shells: list[Ring | None] = [None] * count
    holes: list[list[Ring]] = [[] for _ in range(count)]
    seen = bytearray(len(edges))
    at = edges.tolist()
    for start in range(len(edges)):
        if seen[start]:
            continue
        corners = _walk(start, at, following, seen, size, width)
        piece = int(numbers[at[start] % size]) - 1
        for loop in _simple_loops(corners):
            ring = np.array([*loop, loop[0]], dtype=np.float64)
            if signed_area(ring) > 0:
                shells[piece] = ring
            else:
                holes[piece].append(ring)
    return pieces, [
        OutlinePolygon(shell, tuple(inner))
        for shell, inner in zip(shells, holes, strict=True)
        if shell is not None  # always: each piece has exactly one
    ]


def signed_area(ring: Ring) -> float:
    """Area of a closed ring; positive where x turns towards y (clockwise on a picture)."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2


def _edges(padded: NDArray[np.bool_]) -> tuple[NDArray[np.int64], list[int]]:
    """All edges between inside and outside, and which follows which.

    Parameters
    ----------
    padded : bool [rows, columns], False all around.

    Returns
    -------
    edges : int64 [E], kind * cells + flat index of the cell inside.
    following : for each edge the position, in `edges`, of the next one along its piece.
    """
    width, size = padded.shape[1], padded.size
    flat = padded.ravel()
    cells = np.flatnonzero(flat)
    kinds, nexts = [], []
    for kind in (_TOP, _RIGHT, _BOTTOM, _LEFT):
        across = _ACROSS[kind][0] * width + _ACROSS[kind][1]
        ahead = _AHEAD[kind][0] * width + _AHEAD[kind][1]
        here = cells[~flat[cells + across]]
        goes_on = flat[here + ahead]
        turns_out = goes_on & flat[here + ahead + across]
        # Around the same cell where it can be: pieces that touch by a corner stay apart.
        follower = np.where(goes_on, kind * size + here + ahead, (kind + 1) % 4 * size + here)
        outward = (kind + 3) % 4 * size + here + ahead + across
        kinds.append(kind * size + here)
        nexts.append(np.where(turns_out, outward, follower))
    edges = np.concatenate(kinds)
    # Kind by kind and cell by cell, so they are in order.
    following: list[int] = np.searchsorted(edges, np.concatenate(nexts)).tolist()
    return edges, following


def _walk(
    start: int, edges: list[int], following: list[int], seen: bytearray, size: int, width: int
) -> list[tuple[int, int]]:
    """Corners (x, y) of the closed walk from one edge on, those on straight lines left out."""
    corners = []
    at = start
    kind = -1
    while not seen[at]:
        seen[at] = True
        turned, cell = divmod(edges[at], size)
        if turned != kind:
            row, column = divmod(cell, width)
            x, y = _BEGINS[turned]
            corners.append((column + x - 1, row + y - 1))
            kind = turned
        at = following[at]
    if edges[start] // size == kind:
        del corners[0]  # the walk began in the middle of a straight line
    return corners


def _simple_loops(corners: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Split a closed walk where it comes to the same corner twice."""
    loops = []
    path: list[tuple[int, int]] = []
    reached: dict[tuple[int, int], int] = {}
    for corner in corners:
        if corner in reached:
            first = reached[corner]
            loop = path[first:]
            loops.append(loop)
            del path[first + 1 :]
            for left in loop[1:]:
                del reached[left]
        else:
            reached[corner] = len(path)
            path.append(corner)
    loops.append(path)
    return loops
