"""Which patches of a slide are cut: those with tissue, and those of a region.

Nothing here reads pixels of a slide. A plan is numbers; the pixels are read after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.errors import NoTissueError, SettingsError
from wsi_idc.slides import check_target_mpp
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.raster import Coverage, Placement, Region, SlideMask
from wsi_idc.tiling.grid import PatchGrid, make_grid

NO_LABEL = -1
"""Label of a patch whose class nobody has said."""

AREA_ROUNDING = 1e-9
"""Areas are sums of floats: a patch covered by exactly 80 % may come out as 0.7999999999."""

# Bounds the memory of planning: fractions are computed for so many cells at a time.
_CELLS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class PatchPlan:
    """The N patches to cut from a slide, row by row from the top, left to right.

    Attributes
    ----------
    grid : the patch grid they are cells of.
    columns, rows : int32 [N], cells of the grid: a slide may have millions.
    tissue_fraction : float32 [N], 0 to 1, share of the whole patch that is tissue (a part
        that hangs over the slide's edge is none); NaN where no tissue mask was used.
    label : int8 [N], 1 for IDC, 0 for none, -1 where there is no label.
    """

    grid: PatchGrid
    columns: NDArray[np.int32]
    rows: NDArray[np.int32]
    tissue_fraction: NDArray[np.float32]
    label: NDArray[np.int8]

    def __len__(self) -> int:
        """How many patches there are, N."""
        return len(self.columns)

    @property
    def x_level0(self) -> NDArray[np.float64]:
        """float64 [N], left edges in level-0 pixels."""
        return self.grid.level0_x(self.columns)

    @property
    def y_level0(self) -> NDArray[np.float64]:
        """float64 [N], top edges in level-0 pixels."""
        return self.grid.level0_y(self.rows)

    @property
    def x_name(self) -> NDArray[np.int64]:
        """int64 [N], left edges in target pixels counted from 1, as in public file names."""
        return self.columns.astype(np.int64) * self.grid.stride + 1

    @property
    def y_name(self) -> NDArray[np.int64]:
        """int64 [N], top edges in target pixels counted from 1, as in public file names."""
        return self.rows.astype(np.int64) * self.grid.stride + 1

    def share_of(self, covered: Coverage) -> NDArray[np.float64]:
        """float64 [N], 0 to 1: how much of each patch is covered."""
        return _fraction(self.grid, self.columns, self.rows, covered)

    def select(self, keep: NDArray[np.bool_] | NDArray[np.int64] | slice) -> PatchPlan:
        """Return the plan of some of the patches.

        `keep` is bool [N], True where one stays, or the places of those that do, or a slice.
        """
        return replace(
            self,
            columns=self.columns[keep],
            rows=self.rows[keep],
            tissue_fraction=self.tissue_fraction[keep],
            label=self.label[keep],
        )

    def table(self, part: NDArray[np.int64] | slice = slice(None)) -> pd.DataFrame:
        """Return the plan, or a part of its patches, as a table of a row a patch.

        Columns: `x`, `y` (target pixels, counted from 1, as in file names), `x_level0`,
        `y_level0`, `width_level0`, `height_level0` (level-0 pixels, exact floats),
        `tissue_fraction` (0 to 1, or NaN) and `label` (1, 0, or -1 for no label).
        """
        plan = self.select(part)
        return pd.DataFrame(
            {
                "x": plan.x_name,
                "y": plan.y_name,
                "x_level0": plan.x_level0,
                "y_level0": plan.y_level0,
                "width_level0": self.grid.patch_width_level0,
                "height_level0": self.grid.patch_height_level0,
                "tissue_fraction": plan.tissue_fraction,
                "label": plan.label,
            }
        )


def check_min_tissue(min_tissue: float) -> None:
    """Refuse a smallest tissue fraction outside 0 to 1.

    Raises
    ------
    SettingsError
        If it is outside, or NaN.
    """
    if not 0 <= min_tissue <= 1:
        raise SettingsError(
            f"the smallest tissue fraction must be within 0 to 1, not {min_tissue}; "
            "set it with --min-tissue"
        )


def plan_patches(
    info: SlideInfo,
    mask: SlideMask | None,
    *,
    mpp: float,
    patch_size: int,
    stride: int,
    min_tissue: float,
    allow_upsampling: bool = False,
    region: Region | None = None,
) -> PatchPlan:
    """Choose the patches of a slide that hold enough tissue.

    Parameters
    ----------
    info : the slide.
    mask : its tissue, or None to take every cell of the grid.
    mpp : microns per pixel of the patches.
    patch_size, stride : target pixels.
    min_tissue : 0 to 1, smallest share of a patch that is tissue; 0 takes every cell.
    allow_upsampling : take patches finer than the slide's own pixels.
    region : take the patches whose centre lies in it only. Their tissue is judged as without it.

    Raises
    ------
    SettingsError
        If a setting is out of range.
    UpsamplingError
        If the slide has no pixels as fine as `mpp`.
    NoTissueError
        If no patch is left.
    """
    check_min_tissue(min_tissue)
    check_target_mpp(info, mpp, allow_upsampling)
    grid = make_grid(info, mpp, patch_size, stride)
    rows_at_once = max(1, _CELLS_AT_ONCE // grid.columns)
    parts = [
        _plan_rows(grid, mask, region, first, min(first + rows_at_once, grid.rows), min_tissue)
        for first in range(0, grid.rows, rows_at_once)
    ]
    columns, rows, fraction = (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(columns) == 0 and region is not None:
        raise NoTissueError(
            f"{info.path} has no patch with at least {min_tissue:.0%} tissue whose centre lies in "
            "the region; check --roi, or lower --min-tissue"
        )
    if len(columns) == 0:
        raise NoTissueError(
            f"{info.path} has no patch with at least {min_tissue:.0%} tissue; lower "
            "--min-tissue (0 takes every patch), or look at the slide with `wsi-idc info`"
        )
    return PatchPlan(grid, columns, rows, fraction, np.full(len(columns), NO_LABEL, np.int8))


def _plan_rows(
    grid: PatchGrid,
    mask: SlideMask | None,
    region: Region | None,
    first: int,
    last: int,
    min_tissue: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Columns, rows and tissue fractions of the patches to keep of rows `first` to `last`."""
    rows, columns = (
        cells.ravel()
        for cells in np.meshgrid(
            np.arange(first, last, dtype=np.int32),
            np.arange(grid.columns, dtype=np.int32),
            indexing="ij",
        )
    )
    if region is not None:
        inside = _centres_inside(grid, region, first, last)
        columns, rows = columns[inside], rows[inside]
    if mask is None:
        return columns, rows, np.full(len(columns), np.nan, np.float32)
    fraction = _fraction(grid, columns, rows, mask)
    keep = fraction >= min_tissue - AREA_ROUNDING
    return columns[keep], rows[keep], fraction[keep].astype(np.float32)


def _centres_inside(grid: PatchGrid, region: Region, first: int, last: int) -> NDArray[np.bool_]:
    """Whether the centre of each patch of rows `first` to `last` lies in a region, bool [n]."""
    step_x, step_y = grid.stride * grid.scale_x, grid.stride * grid.scale_y
    # The centres of the patches are those of a mask's pixels, one stride large.
    placement = Placement(
        origin_x=grid.origin_x + (grid.patch_width_level0 - step_x) / 2,
        origin_y=grid.origin_y + (grid.patch_height_level0 - step_y) / 2 + first * step_y,
        pixel_width=step_x,
        pixel_height=step_y,
        mpp_x=grid.mpp / grid.scale_x,
        mpp_y=grid.mpp / grid.scale_y,
    )
    return region.rasterise(placement, (last - first, grid.columns)).values.ravel()


def _fraction(
    grid: PatchGrid, columns: NDArray[np.int32], rows: NDArray[np.int32], covered: Coverage
) -> NDArray[np.float64]:
    return covered.fraction_of(
        grid.level0_x(columns),
        grid.level0_y(rows),
        grid.patch_width_level0,
        grid.patch_height_level0,
    )
