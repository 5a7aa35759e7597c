"""The maps that a made section is drawn from: collagen, stains, nests of tumour cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtri

from wsi_idc.phantom.frame import BoolField, Frame
from wsi_idc.phantom.noise import FloatField, periodic_noise, sample, sample_periodic
from wsi_idc.phantom.regions import Regions

NEST_CELL_UM = 4.0
"""Cell of the map of tumour nests, whose borders are finer than those of regions."""


@dataclass(frozen=True)
class Fields:
    """Smooth maps of a section, float32 [rows, columns], that cover exactly its whole area.

    Attributes
    ----------
    tissue : positive in tissue, negative on glass, zero at the edge.
    idc : bool; True in invasive carcinoma.
    eosin, haematoxylin : optical density of the ground (collagen; its grey-blue haze).
    fibre : how strongly the fibres show, as a part of the ground's density.
    warp_x, warp_y : microns by which the fibres are bent away from straight lines.
    stain_h, stain_e : factors on both stains. hue : shift of colour at equal density.
    nests : positive inside nests and cords of tumour cells, in cells of `NEST_CELL_UM`.
    """

    tissue: FloatField
    idc: BoolField
    eosin: FloatField
    haematoxylin: FloatField
    fibre: FloatField
    warp_x: FloatField
    warp_y: FloatField
    stain_h: FloatField
    stain_e: FloatField
    hue: FloatField
    nests: FloatField


def make_fields(
    frame: Frame, rng: np.random.Generator, regions: Regions, stain_variation: float
) -> Fields:
    """Draw the maps of a section.

    Colour alone must not give carcinoma away, as it does not in life: every region of
    carcinoma, every lobule and every stretch of stroma has its own strength and hue of stain,
    and stroma has clouds of haematoxylin.

    Parameters
    ----------
    stain_variation : 0 for one stain throughout, 1 for as much variation as in practice.
    """
    vary, label, idc = stain_variation, regions.label, regions.idc
    count = int(label.max()) + 1

    def per_region(spread: float) -> FloatField:
        offsets = rng.normal(0, spread, count)
        offsets[0] = 0
        # Stain fades over some tens of microns; a hard edge would give regions away.
        return _float32(ndimage.gaussian_filter(_float32(offsets[label]), 5.0))

    soft_fat = ndimage.gaussian_filter(regions.fat.astype(np.float32), 1.0)
    in_gland = ndimage.gaussian_filter((label > regions.idc_count).astype(np.float32), 2.0)
    in_idc = ndimage.gaussian_filter(idc.astype(np.float32), 2.0)
    blotchy = (0.13 + 0.08 * frame.noise(rng, 1100)).clip(0.03, 0.4) * (1 - 0.7 * in_idc)
    eosin = 0.46 * np.exp(0.22 * frame.noise(rng, 900, 3) + blotchy * frame.noise(rng, 170))
    eosin = eosin * (1 - 0.25 * in_gland - 0.10 * in_idc)
    cloudy = (0.78 + 0.28 * frame.noise(rng, 1100)).clip(0.2, 1.3) * (1 - 0.7 * in_idc)
    haze = 0.095 * np.exp(0.65 * frame.noise(rng, 1100, 2) + cloudy * frame.noise(rng, 190))
    haze = haze.clip(0, 0.45) * (1 - 0.35 * in_idc) + 0.10 * in_gland
    slide_h, slide_e, slide_hue = rng.normal(0, (0.14, 0.14, 0.03)) * vary
    stain_h = slide_h + vary * (0.16 * frame.noise(rng, 1600, 2) + per_region(0.20))
    stain_e = slide_e + vary * (0.16 * frame.noise(rng, 1600, 2) + per_region(0.20))
    hue = slide_hue + vary * (0.05 * frame.noise(rng, 1300) + per_region(0.06))
    return Fields(
        tissue=regions.tissue,
        idc=idc,
        eosin=_float32(eosin * (1 - 0.3 * soft_fat)),
        haematoxylin=_float32(haze * (1 - 0.8 * soft_fat)),
        fibre=_float32(
            (0.40 + 0.15 * frame.noise(rng, 1300)).clip(0.10, 0.75)
            * (1 - 0.85 * soft_fat)
            * (1 - 0.5 * in_gland)
            * (1 - 0.4 * in_idc)
        ),
        warp_x=50 * frame.noise(rng, 700, 2),
        warp_y=42 * frame.noise(rng, 600, 2),
        stain_h=_float32(np.exp(stain_h.clip(-0.5, 0.45))),
        stain_e=_float32(np.exp(stain_e.clip(-0.5, 0.45))),
        hue=_float32(hue.clip(-0.09, 0.13)),
        nests=_nests(frame, rng, label, regions.idc_count),
    )


def _nests(
    frame: Frame, rng: np.random.Generator, label: NDArray[np.int32], count: int
) -> FloatField:
    """Positive in nests and cords; each region has its own grain and cellularity."""
    side = 1024
    noise = periodic_noise(rng, side, NEST_CELL_UM, 90.0, bandwidth=0.35)
    shape = (
        math.ceil(frame.height_um / NEST_CELL_UM),
        math.ceil(frame.width_um / NEST_CELL_UM),
    )
    nests = np.full(shape, -3.0, np.float32)
    fine_y = frame.shape[0] / shape[0]
    fine_x = frame.shape[1] / shape[1]
    bend_x, bend_y = 40 * frame.noise(rng, 400), 40 * frame.noise(rng, 400)
    for number, box in enumerate(ndimage.find_objects(label, count), start=1):
        if box is None:
            continue
        top, bottom = (int(edge / fine_y) for edge in (box[0].start, box[0].stop + fine_y))
        left, right = (int(edge / fine_x) for edge in (box[1].start, box[1].stop + fine_x))
        row, column = np.mgrid[top : min(bottom, shape[0]), left : min(right, shape[1])]
        at_x, at_y = (column + 0.5) * fine_x, (row + 0.5) * fine_y
        grain = rng.uniform(0.85, 1.35)
        stretch = rng.uniform(1.0, 1.6)
        tilt = rng.uniform(0, np.pi)
        cellularity = rng.uniform(0.27, 0.50)
        x = column * NEST_CELL_UM + sample(bend_x, at_x, at_y)
        y = row * NEST_CELL_UM + sample(bend_y, at_x, at_y)
        u = (x * np.cos(tilt) + y * np.sin(tilt)) * grain / stretch / NEST_CELL_UM
        v = (y * np.cos(tilt) - x * np.sin(tilt)) * grain / NEST_CELL_UM
        value = sample_periodic(noise, u, v) + np.float32(ndtri(cellularity))
        here = (
            label[
                np.minimum(at_y.astype(int), frame.shape[0] - 1),
                np.minimum(at_x.astype(int), frame.shape[1] - 1),
            ]
            == number
        )
        nests[row[here], column[here]] = value[here]
    return nests


def _float32(values: NDArray[np.floating] | BoolField) -> FloatField:
    return np.asarray(values, np.float32)
