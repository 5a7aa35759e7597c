"""The ordered parts of breast tissue: acini in lobules, ducts, fat cells, as outlines.

An outline is a closed polygon in microns. Acini and ducts are drawn as two outlines, the
gland and then its lumen; a fat cell is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi

FloatArray = NDArray[np.float64]

# Breadth of the epithelium of an acinus or duct: one row of columnar cells on its basal cells.
_EPITHELIUM_UM = 13.0
_NUCLEUS_SPACING_UM = 7.5
# Fat cells measure 40 to 110 µm in breast sections; the grid's jitter spreads them so.
_FAT_CELL_UM = 74.0
_FAT_WALL_UM = 1.6


class Filling(IntEnum):
    """What an outline is filled with; 0 is left to the ground below."""

    EPITHELIUM = 1
    LUMEN = 2
    FAT = 3


@dataclass(frozen=True)
class Outline:
    """A closed polygon, float64 [N, 2] (x, y) in microns, and what fills it."""

    points: FloatArray
    filling: Filling


@dataclass(frozen=True)
class Gland:
    """A cross-section of an acinus or duct.

    Attributes
    ----------
    outlines : the gland, then its lumen.
    nuclei : float64 [N, 3], x and y in microns and the direction of the nucleus's long axis
        in radians, in rings around the lumen.
    """

    outlines: tuple[Outline, Outline]
    nuclei: FloatArray


def draw_gland(
    rng: np.random.Generator,
    x: float,
    y: float,
    radius_um: float,
    layers: int = 1,
    waviness: float = 0.08,
) -> Gland:
    """A gland of about `radius_um` around (x, y), `layers` rows of nuclei round its lumen."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    squeeze = rng.uniform(0.72, 1.0)
    tilt = rng.uniform(0, np.pi)
    wave = np.zeros_like(angles)
    for harmonic in (2, 3, 5):
        wave += waviness / harmonic * np.sin(harmonic * angles + rng.uniform(0, 2 * np.pi)) * 2

    def ring(distance_um: float, at: FloatArray) -> FloatArray:
        shape = np.interp(at, angles, 1 + wave, period=2 * np.pi)
        r = np.maximum(radius_um * shape - distance_um, 1.0)
        u, v = r * np.cos(at), squeeze * r * np.sin(at)
        return np.stack(
            [x + u * np.cos(tilt) - v * np.sin(tilt), y + u * np.sin(tilt) + v * np.cos(tilt)], -1
        )

    breadth = min(_EPITHELIUM_UM + 7.0 * (layers - 1), 0.75 * radius_um)
    rings = []
    for layer in range(layers + 1):
        # The outermost ring are basal (myoepithelial) cells: sparser, lying along the wall.
        basal = layer == 0
        depth = 1.5 if basal else 1.5 + (layer - 0.35) * (breadth - 3) / layers
        spacing = _NUCLEUS_SPACING_UM * (2.2 if basal else 1.0)
        count = max(3, round(2 * np.pi * max(radius_um - depth, 4) * (1 + squeeze) / 2 / spacing))
        at = (np.arange(count) + rng.uniform(-0.22, 0.22, count)) / count * 2 * np.pi
        places = ring(depth, at)
        outward = at + tilt
        direction = outward + np.pi / 2 if basal else outward
        rings.append(np.column_stack([places, direction]))
    outlines = (
        Outline(ring(0.0, angles), Filling.EPITHELIUM),
        Outline(ring(breadth, angles), Filling.LUMEN),
    )
    return Gland(outlines, np.concatenate(rings))


def draw_lobule(
    rng: np.random.Generator, x: float, y: float, radius_um: float, acinus_um: float
) -> list[Gland]:
    """The acini of a lobule: a jittered honeycomb of rings, each `acinus_um` in radius."""
    step = 2.25 * acinus_um
    reach = int(radius_um / step) + 1
    glands = []
    squeeze, tilt = rng.uniform(0.65, 1.0), rng.uniform(0, np.pi)
    for row in range(-2 * reach, 2 * reach + 1):
        for column in range(-2 * reach, 2 * reach + 1):
            dx = (column + 0.5 * (row % 2)) * step + rng.normal(0, 0.10 * step)
            dy = row * step * 0.87 + rng.normal(0, 0.10 * step)
            size = acinus_um * rng.uniform(0.75, 1.15)
            edge = radius_um * rng.uniform(0.85, 1.1)
            u = dx * np.cos(tilt) + dy * np.sin(tilt)
            v = (dy * np.cos(tilt) - dx * np.sin(tilt)) / squeeze
            if np.hypot(u, v) <= edge:
                glands.append(draw_gland(rng, x + dx, y + dy, size))
    return glands


def fat_cells(
    rng: np.random.Generator,
    width_um: float,
    height_um: float,
    is_fat: Callable[[FloatArray, FloatArray], NDArray[np.bool_]],
) -> list[Outline]:
    """Fat cells where ``is_fat(x, y)`` says so of their centres, in µm; thin walls between them.

    The cells of a Voronoi diagram of jittered points, shrunk by the wall and rounded by two
    rounds of corner cutting (Chaikin 1974).
    """
    step = _FAT_CELL_UM
    columns, rows = int(width_um / step) + 3, int(height_um / step / 0.87) + 3
    row, column = np.mgrid[-2:rows, -2:columns]
    x = (column + 0.5 * (row % 2)) * step + rng.normal(0, 0.21 * step, row.shape)
    y = row * step * 0.87 + rng.normal(0, 0.21 * step, row.shape)
    diagram = Voronoi(np.stack([x.ravel(), y.ravel()], -1))
    cells = []
    for index in np.flatnonzero(is_fat(*diagram.points.T)):
        point = diagram.points[index]
        region = diagram.regions[diagram.point_region[index]]
        if not region or -1 in region:
            continue
        corners = diagram.vertices[region]
        distance = np.linalg.norm(corners - point, axis=1, keepdims=True)
        if distance.max() > 2 * step:
            continue  # at the rim of the diagram, outside the slide
        corners = point + (corners - point) * np.maximum(1 - _FAT_WALL_UM / distance, 0.2)
        for _ in range(2):
            after = np.roll(corners, -1, axis=0)
            corners = np.stack(
                [0.75 * corners + 0.25 * after, 0.25 * corners + 0.75 * after], 1
            ).reshape(-1, 2)
        cells.append(Outline(corners, Filling.FAT))
    return cells
