"""Where the nuclei of a made section lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsi_idc.phantom.fields import Fields
from wsi_idc.phantom.frame import Frame
from wsi_idc.phantom.noise import value_noise
from wsi_idc.phantom.nuclei import Kind, Nuclei, join_nuclei, make_nuclei
from wsi_idc.phantom.regions import Regions

# Dark, dense and common, so that darkness alone does not mean tumour.
_LYMPHOCYTE_CLUSTERS_PER_MM2 = 1.7


def place_nuclei(
    frame: Frame, rng: np.random.Generator, regions: Regions, fields: Fields
) -> Nuclei:
    """All nuclei: rings in glands, sheets in tumour nests, spindles in stroma, lymphocytes."""
    fat = regions.fat
    parts = []
    if regions.glands:
        rings = np.concatenate([gland.nuclei for gland in regions.glands])
        parts.append(make_nuclei(rng, rings[:, 0], rings[:, 1], Kind.EPITHELIAL, rings[:, 2]))

    x, y = _scatter(frame, rng, 12.5)
    kept = (frame.at(fields.nests, x, y) > 0.02) & (rng.random(len(x)) < 0.93)
    parts.append(make_nuclei(rng, x[kept], y[kept], Kind.TUMOUR, None))

    x, y = _scatter(frame, rng, 19.0)
    cellular = 0.30 * np.exp(
        0.9 * value_noise(rng, frame.shape, frame.cell_x, 900)
        + 0.8 * value_noise(rng, frame.shape, frame.cell_x, 170)
    )
    likely = np.clip(cellular, 0.03, 0.95) * (1 - 0.93 * fat)
    kept = rng.random(len(x)) < frame.at(likely.astype(np.float32), x, y)
    kept &= frame.at(regions.tissue, x, y) > 0.5
    x, y = x[kept], y[kept]
    # Spindle cells lie along the fibres: where the bent y of the fibre texture is level.
    step = 12.0
    slope_x = (frame.at(fields.warp_y, x + step, y) - frame.at(fields.warp_y, x - step, y)) / (
        2 * step
    )
    slope_y = (frame.at(fields.warp_y, x, y + step) - frame.at(fields.warp_y, x, y - step)) / (
        2 * step
    )
    along = np.arctan2(-slope_x, 1 + slope_y) + rng.normal(0, 0.15, len(x))
    parts.append(make_nuclei(rng, x, y, Kind.SPINDLE, along))
    parts.append(_lymphocytes(frame, rng, regions))
    return join_nuclei(parts)


def _lymphocytes(frame: Frame, rng: np.random.Generator, regions: Regions) -> Nuclei:
    """Dense clusters of lymphocytes anywhere in the tissue, and a sparse halo of each."""
    allowed = (regions.tissue > 4) & ~regions.fat
    ground = np.argwhere(allowed)
    xs, ys = [np.empty(0)], [np.empty(0)]
    for _ in range(round(frame.area_mm2(allowed) * _LYMPHOCYTE_CLUSTERS_PER_MM2)):
        row, column = ground[rng.integers(len(ground))]
        radius = rng.uniform(50, 230) * max(frame.size, 0.5)
        count = int(np.pi * radius**2 * rng.uniform(0.004, 0.011))
        away = radius * rng.random(count) ** 0.6
        turn = rng.uniform(0, 2 * np.pi, count)
        squeeze = rng.uniform(0.4, 1.0)
        xs.append(column * frame.cell_x + away * np.cos(turn))
        ys.append(row * frame.cell_y + away * np.sin(turn) * squeeze)
    x, y = np.concatenate(xs), np.concatenate(ys)
    kept = frame.at(regions.tissue, x, y) > 1
    return make_nuclei(rng, x[kept], y[kept], Kind.LYMPHOCYTE, None)


def _scatter(
    frame: Frame, rng: np.random.Generator, spacing_um: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jittered points `spacing_um` apart over the whole slide, in microns."""
    rows, columns = int(frame.height_um / spacing_um), int(frame.width_um / spacing_um)
    jitter = rng.uniform(-0.42, 0.42, (2, rows, columns))
    y = (np.arange(rows)[:, None] + 0.5 + jitter[0]) * spacing_um
    x = (np.arange(columns)[None, :] + 0.5 + jitter[1]) * spacing_um
    return x.ravel(), y.ravel()
