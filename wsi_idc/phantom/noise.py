"""Smooth random fields and their values at points: the clay that made tissue is formed of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

FloatField = NDArray[np.float32]


def value_noise(
    rng: np.random.Generator, shape: tuple[int, int], cell_um: float, wavelength_um: float
) -> FloatField:
    """Random hills, float32 of `shape`, mean 0, standard deviation about 1.

    Random numbers on a coarse grid, joined by cubic splines: neighbouring hills lie
    `wavelength_um` apart, cells of the field `cell_um`.
    """
    knots_per_cell = 2 * cell_um / wavelength_um
    rows, columns = (max(1.0, count * knots_per_cell) for count in shape)
    knots = rng.standard_normal((math.ceil(rows) + 4, math.ceil(columns) + 4))
    # The cubic splines average neighbours; this gives back the spread that they take.
    knots *= 1.4
    box = (2.0, 2.0, 2.0 + columns, 2.0 + rows)
    picture = Image.fromarray(knots.astype(np.float32))
    size = (shape[1], shape[0])
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box=box))


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell_um: float,
    wavelength_um: float,
    octaves: int,
) -> FloatField:
    """Hills with smaller hills on them; each octave half as wide and half as high."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        layer = value_noise(rng, shape, cell_um, wavelength_um / 2**octave)
        total += layer * np.float32(0.5**octave)
    return total


def periodic_noise(
    rng: np.random.Generator,
    side: int,
    pixel_um: float,
    wavelength_um: float,
    *,
    bandwidth: float,
    stretch: float = 1.0,
) -> FloatField:
    """Noise on a torus, float32 [side, side], mean 0, standard deviation 1.

    Its waves are about `wavelength_um` long, give or take the fraction `bandwidth` of their
    frequency, and `stretch` times as long along x as along y.
    """
    frequency = np.fft.fftfreq(side, pixel_um)
    radius = np.hypot(frequency[:, None], frequency[None, :] * stretch) * wavelength_um
    passed = np.exp(-0.5 * ((radius - 1) / bandwidth) ** 2)
    passed[0, 0] = 0
    spectrum = np.fft.fft2(rng.standard_normal((side, side))) * passed
    noise = np.fft.ifft2(spectrum).real
    return np.asarray(noise / noise.std(), np.float32)


def sample(
    field: NDArray[np.float32], x: NDArray[np.floating], y: NDArray[np.floating]
) -> FloatField:
    """Bilinear values of `field` at fractional pixels; pixel centres lie at halves."""
    at = np.stack([np.asarray(y) - 0.5, np.asarray(x) - 0.5])
    return np.asarray(
        ndimage.map_coordinates(field, at, order=1, mode="nearest", output=np.float32)
    )


def sample_periodic(
    field: NDArray[np.float32], x: NDArray[np.floating], y: NDArray[np.floating]
) -> FloatField:
    """Bilinear values of a field on a torus, at fractional pixels."""
    at = np.stack([np.asarray(y), np.asarray(x)])
    return np.asarray(
        ndimage.map_coordinates(field, at, order=1, mode="grid-wrap", output=np.float32)
    )
