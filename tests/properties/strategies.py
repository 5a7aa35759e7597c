"""What the property tests draw: slides as numbers, grids, plans, maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tiling.plans import slide_info

from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.slides.raster import Placement
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.plan import PatchPlan

# Scanners' own, odd ones among them, whose ratios to 8.0 are no floats exactly.
SCANNED_MPP = st.one_of(
    st.sampled_from([0.25, 0.2427, 0.2465, 0.2527, 0.2325, 0.4991, 0.5, 1 / 3]),
    st.floats(0.1, 1.0),
)
TARGET_MPP = st.one_of(st.sampled_from([8.0, 2.0, 1.0, 0.5, 4.0321]), st.floats(1.0, 20.0))
SIDES = st.integers(1, 300_000)


@st.composite
def slides(draw: Any) -> SlideInfo:
    """A slide up to 300,000 px a side, its scan anywhere in it."""
    width, height = draw(SIDES), draw(SIDES)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    bounds = Bounds(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    mpp = draw(SCANNED_MPP)
    return slide_info(width, height, mpp, bounds, draw(st.sampled_from([mpp, mpp * 1.02, 0.2427])))


@st.composite
def grids(
    draw: Any, most_cells: int = 12, sizes: st.SearchStrategy[int] | None = None
) -> PatchGrid:
    """A small grid of patches that overlap, touch or lie apart."""
    sizes = st.integers(1, 60) if sizes is None else sizes
    mpp_x, mpp_y, mpp = draw(SCANNED_MPP), draw(SCANNED_MPP), draw(TARGET_MPP)
    return PatchGrid(
        origin_x=float(draw(st.integers(0, 100_000))),
        origin_y=float(draw(st.integers(0, 100_000))),
        scale_x=mpp / mpp_x,
        scale_y=mpp / mpp_y,
        patch_size=draw(sizes),
        stride=draw(sizes),
        mpp=mpp,
        columns=draw(st.integers(1, most_cells)),
        rows=draw(st.integers(1, most_cells)),
    )


def plan_of(grid: PatchGrid, kept: np.ndarray) -> PatchPlan:
    """The plan of the cells that are True in bool [rows, columns]."""
    rows, columns = np.nonzero(kept)
    return PatchPlan(
        grid,
        columns.astype(np.int32),
        rows.astype(np.int32),
        np.ones(len(rows), np.float32),
        np.full(len(rows), -1, np.int8),
    )


@st.composite
def plans(draw: Any, **options: Any) -> PatchPlan:
    """Some patches of a grid, one at least."""
    grid = draw(grids(**options))
    kept = draw(npst.arrays(np.bool_, (grid.rows, grid.columns)))
    if not kept.any():
        kept[draw(st.integers(0, grid.rows - 1)), draw(st.integers(0, grid.columns - 1))] = True
    return plan_of(grid, kept)


def rasters(most_side: int = 12) -> st.SearchStrategy[np.ndarray]:
    """A yes-or-no raster."""
    shapes = npst.array_shapes(min_dims=2, max_dims=2, max_side=most_side)
    return npst.arrays(np.bool_, shapes)


@st.composite
def placements(draw: Any) -> Placement:
    """Where a raster lies, its pixels of any size and shape."""
    mpp = draw(SCANNED_MPP)
    return Placement(
        origin_x=draw(st.floats(-1000, 100_000)),
        origin_y=draw(st.floats(-1000, 100_000)),
        pixel_width=draw(st.floats(1, 2000)),
        pixel_height=draw(st.floats(1, 2000)),
        mpp_x=mpp,
        mpp_y=mpp,
    )
