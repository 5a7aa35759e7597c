"""A slide's probability map in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from wsi_idc.heatmap.probability_map import ProbabilityMap


@dataclass(frozen=True)
class MapSummary:
    """What was found on a slide at one threshold.

    Attributes
    ----------
    threshold : probability from which on a cell counts as positive.
    patches : how many patches were scored, or None where it was not given.
    tissue_mm2 : area of the tissue mask, or None where it was not given.
    assessed_mm2 : area of the map's cells that have a probability. Cells reach over the edge
        of the tissue, so this is somewhat more than `tissue_mm2`.
    positive_mm2 : area of the cells at or above the threshold.
    positive_fraction : positive_mm2 / assessed_mm2; 0 where nothing was assessed.
    max_probability, mean_probability : over the assessed cells; None where there are none.
    positive_regions : groups of positive cells that touch by an edge or a corner.
    largest_region_mm2 : area of the largest such group; 0 where there is none.
    """

    threshold: float
    patches: int | None
    tissue_mm2: float | None
    assessed_mm2: float
    positive_mm2: float
    positive_fraction: float
    max_probability: float | None
    mean_probability: float | None
    positive_regions: int
    largest_region_mm2: float


def summarise(
    probability: ProbabilityMap,
    *,
    threshold: float,
    patches: int | None = None,
    tissue_area_mm2: float | None = None,
) -> MapSummary:
    """Count areas and regions of a probability map.

    Parameters
    ----------
    probability : the map.
    threshold : cells at or above it are positive.
    patches : how many patches were scored; passed on.
    tissue_area_mm2 : area of the tissue mask; passed on.
    """
    cell_mm2 = probability.placement.pixel_area_mm2
    with np.errstate(invalid="ignore"):
        positive = probability.values >= threshold
    values = probability.values[probability.assessed].astype(np.float64)
    regions, count = ndimage.label(positive, structure=np.ones((3, 3)))
    largest = int(np.bincount(regions.ravel())[1:].max()) if count else 0
    positive_cells = int(np.count_nonzero(positive))
    return MapSummary(
        threshold=threshold,
        patches=patches,
        tissue_mm2=tissue_area_mm2,
        assessed_mm2=values.size * cell_mm2,
        positive_mm2=positive_cells * cell_mm2,
        positive_fraction=positive_cells / values.size if values.size else 0.0,
        max_probability=float(values.max()) if values.size else None,
        mean_probability=float(values.mean()) if values.size else None,
        positive_regions=int(count),
        largest_region_mm2=largest * cell_mm2,
    )
