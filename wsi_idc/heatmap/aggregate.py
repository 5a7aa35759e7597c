"""From the probabilities of patches to a map of the slide. Pure: numbers in, numbers out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wsi_idc.heatmap.probability_map import ProbabilityMap, covered_shares
from wsi_idc.slides.raster import Placement, Region, SlideMask
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.plan import PatchPlan

_ROUNDING = 1e-9


def aggregate(
    plan: PatchPlan,
    probability: NDArray[np.floating],
    *,
    tissue: SlideMask | None = None,
    min_cell_tissue: float = 0.0,
    region: Region | None = None,
) -> ProbabilityMap:
    """Average the probabilities of overlapping patches, cell by cell.

    A cell is as large as the stride, or as a patch where patches do not overlap. Its value
    is the mean over the patches that cover it, each weighted by the area of their overlap.
    With a stride of half a patch, a cell inside is the plain mean of four patches.

    Parameters
    ----------
    plan : the N patches.
    probability : float [N], 0 to 1.
    tissue : where the tissue is; cells without any are not assessed, though a patch covers
        them. None assesses every covered cell.
    min_cell_tissue : 0 to 1, smallest share of a cell that is tissue; needs `tissue`.
    region : cells whose centre lies outside of it are not assessed.

    Returns
    -------
    The map from the grid's origin to the far edge of its last patch; NaN where no patch
    covers a cell and where there is too little tissue.

    Raises
    ------
    ValueError
        If there is not one finite probability, from 0 to 1, for each patch.
    """
    scores = probability.astype(np.float64)
    _check(scores, len(plan))
    grid = plan.grid
    cell = min(grid.stride, grid.patch_size)
    over_columns = _overlap(grid.columns, grid, cell)
    over_rows = _overlap(grid.rows, grid, cell)

    at_cells = (plan.rows, plan.columns)
    scored = sparse.csr_array((scores, at_cells), shape=(grid.rows, grid.columns))
    planned = sparse.csr_array((np.ones(len(plan)), at_cells), shape=(grid.rows, grid.columns))
    weighted = (over_rows.T @ scored @ over_columns).toarray()
    weight = (over_rows.T @ planned @ over_columns).toarray()

    placement = _placement(grid, cell)
    assessed = weight > 0
    if tissue is not None:
        assessed = _has_tissue(assessed, placement, tissue, min_cell_tissue)
    if region is not None:
        assessed &= region.rasterise(placement, (weight.shape[0], weight.shape[1])).values
    values = np.full(weight.shape, np.nan, dtype=np.float32)
    values[assessed] = weighted[assessed] / weight[assessed]
    return ProbabilityMap(values, placement)


def _check(probability: NDArray[np.float64], patches: int) -> None:
    if probability.shape != (patches,):
        raise ValueError(
            f"expected one probability for each of {patches} patches, "
            f"got an array of shape {probability.shape}"
        )
    bad = ~((probability >= 0) & (probability <= 1))
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"{np.count_nonzero(bad)} of {patches} probabilities are not within 0 to 1; the "
            f"first is {probability[first]} at patch {first}"
        )


def _overlap(patches: int, grid: PatchGrid, cell: int) -> sparse.csr_array:
    """Target pixels that each patch and each cell share along one axis.

    Returns
    -------
    Sparse float64 [patches, cells]. Areas are products of two lengths, so that two of these
    describe the whole map.
    """
    start = np.arange(patches)[:, np.newaxis] * grid.stride
    touched = start // cell + np.arange(math.ceil(grid.patch_size / cell) + 1)
    shared = np.minimum(start + grid.patch_size, (touched + 1) * cell)
    shared = shared - np.maximum(start, touched * cell)
    patch = np.broadcast_to(np.arange(patches)[:, np.newaxis], shared.shape)
    real = shared > 0
    return sparse.csr_array((shared[real].astype(np.float64), (patch[real], touched[real])))


def _placement(grid: PatchGrid, cell: int) -> Placement:
    return Placement(
        origin_x=grid.origin_x,
        origin_y=grid.origin_y,
        pixel_width=cell * grid.scale_x,
        pixel_height=cell * grid.scale_y,
        mpp_x=grid.mpp / grid.scale_x,
        mpp_y=grid.mpp / grid.scale_y,
    )


def _has_tissue(
    candidates: NDArray[np.bool_], placement: Placement, tissue: SlideMask, smallest: float
) -> NDArray[np.bool_]:
    """Which of the candidate cells hold tissue, bool of the same shape."""
    rows, columns = np.nonzero(candidates)
    fraction = covered_shares(tissue, placement, rows, columns)
    result = np.zeros_like(candidates)
    # The areas are sums of floats: none and exactly the smallest share are not met to the bit.
    result[rows, columns] = (fraction > _ROUNDING) & (fraction >= smallest - _ROUNDING)
    return result
