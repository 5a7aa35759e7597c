"""A slide's probability map in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wsi_idc.heatmap.probability_map import ProbabilityMap, covered_shares
from wsi_idc.heatmap.regions import region_cells
from wsi_idc.slides.raster import SlideMask


@dataclass(frozen=True)
class MapSummary:
    """What was found on a slide at one threshold.

    Attributes
    ----------
    threshold : probability from which on a cell counts as positive.
    patches : how many patches were scored, or None where it was not given.
    tissue_mm2 : area of the tissue mask, or None where it was not given.
    positive_tissue_mm2 : area of the tissue within positive cells; None without the mask.
    tumour_fraction_of_tissue : positive_tissue_mm2 / tissue_mm2, 0 to 1; None without the mask.
    assessed_mm2 : area of the map's cells that have a probability. Cells reach over the edge
        of the tissue, so this is somewhat more than `tissue_mm2`.
    positive_mm2 : area of the cells at or above the threshold.
    positive_fraction : positive_mm2 / assessed_mm2; 0 where nothing was assessed.
    max_probability, mean_probability : over the assessed cells; None where there are none.
    positive_regions : groups of positive cells that touch by an edge or a corner, those
        smaller than the least area left out.
    largest_region_mm2 : area of the largest such group; 0 where there is none.
    """

    threshold: float
    patches: int | None
    tissue_mm2: float | None
    positive_tissue_mm2: float | None
    tumour_fraction_of_tissue: float | None
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
    tissue: SlideMask | None = None,
    min_region_mm2: float = 0.0,
) -> MapSummary:
    """Count areas and regions of a probability map.

    Parameters
    ----------
    probability : the map.
    threshold : cells at or above it are positive.
    patches : how many patches were scored; passed on.
    tissue_area_mm2 : area of the tissue mask; passed on.
    tissue : the tissue mask itself, to tell how much of the tissue is positive.
    min_region_mm2 : smaller regions are not counted.

    Raises
    ------
    SettingsError
        If `min_region_mm2` cannot be used.
    """
    cell_mm2 = probability.placement.pixel_area_mm2
    values = probability.values[probability.assessed].astype(np.float64)
    regions = region_cells(probability, threshold, min_area_mm2=min_region_mm2)
    positive_mm2 = probability.area_mm2(threshold)
    assessed_mm2 = values.size * cell_mm2
    positive_tissue = None if tissue is None else _positive_tissue(probability, threshold, tissue)
    return MapSummary(
        threshold=threshold,
        patches=patches,
        tissue_mm2=tissue_area_mm2,
        positive_tissue_mm2=positive_tissue,
        tumour_fraction_of_tissue=_share(positive_tissue, tissue),
        assessed_mm2=assessed_mm2,
        positive_mm2=positive_mm2,
        positive_fraction=positive_mm2 / assessed_mm2 if values.size else 0.0,
        max_probability=float(values.max()) if values.size else None,
        mean_probability=float(values.mean()) if values.size else None,
        positive_regions=len(regions),
        largest_region_mm2=float(regions.max(initial=0)) * cell_mm2,
    )


def _positive_tissue(probability: ProbabilityMap, threshold: float, tissue: SlideMask) -> float:
    at = probability.placement
    shares = covered_shares(tissue, at, *np.nonzero(probability.positive(threshold)))
    return float(shares.sum()) * at.pixel_area_mm2


def _share(positive_mm2: float | None, tissue: SlideMask | None) -> float | None:
    if positive_mm2 is None or tissue is None or not tissue.area_mm2:
        return None
    return min(1.0, positive_mm2 / tissue.area_mm2)
