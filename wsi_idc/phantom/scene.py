"""What a made section consists of, before any pixel is drawn.

Everything is in microns, so that one section can be drawn at any µm/px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wsi_idc.phantom.fields import Fields, make_fields
from wsi_idc.phantom.frame import Frame
from wsi_idc.phantom.glands import Outline, fat_cells
from wsi_idc.phantom.nuclei import Nuclei
from wsi_idc.phantom.population import place_nuclei
from wsi_idc.phantom.regions import lay_regions


@dataclass(frozen=True)
class Scene:
    """A made section: its frame, its maps, outlines of glands and fat cells, its nuclei."""

    frame: Frame
    fields: Fields
    outlines: list[Outline]
    nuclei: Nuclei


def make_scene(width_um: float, height_um: float, seed: int, stain_variation: float) -> Scene:
    """Lay out a section; the same arguments give the same scene.

    Parameters
    ----------
    width_um, height_um : size of the slide in microns.
    seed : of everything random.
    stain_variation : how much stains differ between slides and regions; 0 for not at all,
        1 for as much as in practice.
    """
    frame = Frame(width_um, height_um)
    rng = np.random.default_rng(seed)
    regions = lay_regions(frame, rng)
    fields = make_fields(frame, rng, regions, stain_variation)
    fat = regions.fat.astype(np.float32)
    outlines = fat_cells(rng, width_um, height_um, lambda x, y: frame.at(fat, x, y) > 0.5)
    # Glands after fat: where they meet, the gland lies on top.
    outlines += [outline for gland in regions.glands for outline in gland.outlines]
    return Scene(frame, fields, outlines, place_nuclei(frame, rng, regions, fields))
