"""The frame of a made section: its size in microns, and the cells of its maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_idc.phantom.noise import FloatField, fractal_noise, sample

BoolField = NDArray[np.bool_]

CELL_UM = 8.0
"""Largest cell of the maps and of the truth mask: a pixel of the public patches."""


@dataclass(frozen=True)
class Frame:
    """Size of a section in microns; its maps cover exactly this, in cells of up to 8 µm."""

    width_um: float
    height_um: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the maps."""
        return math.ceil(self.height_um / CELL_UM), math.ceil(self.width_um / CELL_UM)

    @property
    def cell_x(self) -> float:
        """Width of a cell in microns."""
        return self.width_um / self.shape[1]

    @property
    def cell_y(self) -> float:
        """Height of a cell in microns."""
        return self.height_um / self.shape[0]

    @property
    def size(self) -> float:
        """How large regions are: small on small sections, from 4 mm on 1, as in life."""
        return float(np.clip(min(self.width_um, self.height_um) / 4000, 0.3, 1.0))

    def area_mm2(self, mask: BoolField) -> float:
        """Area of a mask's True cells."""
        return float(np.count_nonzero(mask)) * self.cell_x * self.cell_y / 1e6

    def at(self, field: FloatField, x: NDArray[np.float64], y: NDArray[np.float64]) -> FloatField:
        """Values of a map of any fineness at (x, y) µm."""
        rows, columns = field.shape
        return sample(field, x * (columns / self.width_um), y * (rows / self.height_um))

    def grid_um(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Where the cells' centres are, in microns: x [1, columns] and y [rows, 1]."""
        y = (np.arange(self.shape[0])[:, None] + 0.5) * self.cell_y
        x = (np.arange(self.shape[1])[None, :] + 0.5) * self.cell_x
        return x, y

    def noise(self, rng: np.random.Generator, wavelength_um: float, octaves: int = 1) -> FloatField:
        """A map of random hills, mean 0 and standard deviation about 1."""
        return fractal_noise(rng, self.shape, self.cell_x, wavelength_um, octaves)

    def window(
        self, x: float, y: float, reach_um: float
    ) -> tuple[tuple[slice, slice], NDArray[np.floating]]:
        """The cells within `reach_um` of (x, y) µm as slices, and how far each of them is."""
        left, right = (int((x + side) / self.cell_x) for side in (-reach_um, reach_um))
        top, bottom = (int((y + side) / self.cell_y) for side in (-reach_um, reach_um))
        rows = np.arange(max(top, 0), min(bottom + 1, self.shape[0]))
        columns = np.arange(max(left, 0), min(right + 1, self.shape[1]))
        away_um = np.hypot(
            (columns + 0.5) * self.cell_x - x, ((rows + 0.5) * self.cell_y - y)[:, None]
        )
        return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)), away_um
