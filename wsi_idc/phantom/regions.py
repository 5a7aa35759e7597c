"""Where in a made section which tissue lies: outline, carcinoma, fat, glands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.phantom.frame import BoolField, Frame
from wsi_idc.phantom.glands import Gland, draw_gland, draw_lobule
from wsi_idc.phantom.noise import FloatField

# Shares of the tissue. IDC varies from section to section within these.
_IDC_SHARE = (0.20, 0.30)
_GLAND_SHARE = 0.36
_FAT_SHARE = 0.16
# A rim of stroma between tumour and glands, so that no patch of one holds much of the other.
_IDC_RIM_UM = 60.0
# Where regions no longer fit apart from each other, fewer of them are made.
_MOST_TRIES = 300


@dataclass(frozen=True)
class Regions:
    """Which tissue lies where; maps [rows, columns] of the section's frame.

    Attributes
    ----------
    tissue : float32, positive in tissue, negative on glass, zero at the edge; in cells.
    idc, fat : bool.
    label : int32, a number for each region of carcinoma, 1 to `idc_count`, and from there on
        for each lobule and duct with its surroundings; 0 elsewhere.
    idc_count : number of regions of carcinoma.
    glands : all acini and ducts.
    """

    tissue: FloatField
    idc: BoolField
    fat: BoolField
    label: NDArray[np.int32]
    idc_count: int
    glands: list[Gland]


def lay_regions(frame: Frame, rng: np.random.Generator) -> Regions:
    """Lay out a section; the same state of `rng` gives the same regions."""
    tissue = _tissue(frame, rng)
    idc = _idc(frame, rng, tissue > 0)
    off_idc_um = ndimage.distance_transform_edt(~idc) * frame.cell_x
    fat = _fat(frame, rng, (tissue > 0) & (off_idc_um > _IDC_RIM_UM))
    label, idc_count = ndimage.label(idc)
    free = (tissue > 2) & ~fat & (off_idc_um > _IDC_RIM_UM)
    wanted = _GLAND_SHARE * np.count_nonzero((tissue > 0) & ~fat & ~idc)
    glands = _glands(frame, rng, free, wanted, label)
    return Regions(tissue, idc, fat, label, int(idc_count), glands)


def _tissue(frame: Frame, rng: np.random.Generator) -> FloatField:
    """A rounded slab with lobed, ragged edges, positive inside."""
    x, y = frame.grid_um()
    u = np.abs(x / frame.width_um - 0.5) * 2.0
    v = np.abs(y / frame.height_um - 0.5) * 2.0
    slab = 0.94 - (u**3.5 + v**3.5) ** (1 / 3.5)
    lobes = 0.055 * frame.noise(rng, 0.35 * min(frame.width_um, frame.height_um), 2)
    ragged = 0.012 * frame.noise(rng, 220 * frame.size, 2)
    tissue = slab + np.minimum(lobes, 0.02) + ragged
    # In units of about a cell, so that the edge is equally sharp on every slide.
    return np.asarray(tissue * (min(frame.shape) / 2), np.float32)


def _idc(frame: Frame, rng: np.random.Generator, tissue: BoolField) -> BoolField:
    """Regions of 1 to 4 mm with irregular borders, of a set share of the tissue."""
    share = rng.uniform(*_IDC_SHARE)
    x, y = frame.grid_um()
    count = max(1, round(frame.area_mm2(tissue) * share / (4.0 * frame.size**2)))
    inner = ndimage.distance_transform_edt(tissue) * frame.cell_x > 350 * frame.size
    candidates = np.argwhere(inner if inner.any() else tissue)
    hill = np.full(frame.shape, -np.inf)
    centres: list[tuple[float, float]] = []
    for _ in range(_MOST_TRIES):
        if len(centres) == count:
            break
        row, column = candidates[rng.integers(len(candidates))]
        centre = ((column + 0.5) * frame.cell_x, (row + 0.5) * frame.cell_y)
        apart = 2200 * frame.size * rng.uniform(0.4, 1.0)
        if all(math.dist(centre, other) > apart for other in centres):
            centres.append(centre)
            radius = 900 * frame.size * rng.uniform(0.7, 1.3)
            away = np.hypot(x - centre[0], (y - centre[1]) * rng.uniform(0.8, 1.25))
            hill = np.maximum(hill, -away / radius)
    hill += 0.22 * frame.noise(rng, 1100 * frame.size, 3)
    hill[~tissue] = -np.inf
    level = np.quantile(hill[tissue], 1 - share)
    idc: BoolField = hill > level
    # Specks and pinholes would be truth that no patch can show.
    least = int((250 * frame.size) ** 2 / (frame.cell_x * frame.cell_y))
    return _without_specks(~_without_specks(~idc, least), least) & tissue


def _fat(frame: Frame, rng: np.random.Generator, allowed: BoolField) -> BoolField:
    """Patches of fat of a set share of where it is allowed."""
    hills = frame.noise(rng, 1500 * frame.size, 3)
    if not allowed.any():
        return allowed
    return np.asarray(allowed & (hills > np.quantile(hills[allowed], 1 - _FAT_SHARE)))


def _glands(
    frame: Frame,
    rng: np.random.Generator,
    free: BoolField,
    wanted_cells: float,
    label: NDArray[np.int32],
) -> list[Gland]:
    """Lobules and ducts where there is room; takes it from `free`, marks it in `label`."""
    ragged = 1 + 0.10 * frame.noise(rng, 300)
    glands: list[Gland] = []
    next_label, filled = int(label.max()) + 1, 0.0
    for row, column in rng.permutation(np.argwhere(free))[:20000]:
        if filled >= wanted_cells:
            break
        if not free[row, column]:
            continue
        x, y = (column + 0.5) * frame.cell_x, (row + 0.5) * frame.cell_y
        if rng.random() < 0.4:
            radius = rng.uniform(80, 260) * max(frame.size, 0.5)
            layers = int(rng.integers(2, 4))
            made = [draw_gland(rng, x, y, radius, layers, waviness=0.16)]
        else:
            radius = rng.uniform(230, 620) * max(frame.size, 0.4)
            acinus = rng.uniform(26, 44)
            made = draw_lobule(rng, x, y, radius, acinus)
        made = [gland for gland in made if _fits(frame, gland, free)]
        around, away_um = frame.window(x, y, 1.4 * radius)
        near = (away_um * ragged[around] < 1.08 * radius) & free[around]
        if made:
            glands += made
            label[around][near] = next_label
            filled += float(np.count_nonzero(near))
            next_label += 1
        free[around] &= ~near
        free[row, column] = False
    return glands


def _fits(frame: Frame, gland: Gland, free: BoolField) -> bool:
    outline = gland.outlines[0].points
    column = (outline[:, 0] / frame.cell_x).astype(int)
    row = (outline[:, 1] / frame.cell_y).astype(int)
    inside = (column >= 0) & (column < frame.shape[1]) & (row >= 0) & (row < frame.shape[0])
    return bool(inside.all() and free[row, column].all())


def _without_specks(mask: BoolField, least_cells: int) -> BoolField:
    """`mask` without its connected parts of fewer than `least_cells`."""
    labelled, _ = ndimage.label(mask)
    large = np.bincount(labelled.ravel()) >= least_cells
    large[0] = False
    return np.asarray(large[labelled])
