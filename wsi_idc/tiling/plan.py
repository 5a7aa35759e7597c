"""Which patches of a slide are cut: those with tissue, and what each is labelled.

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
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.grid import PatchGrid, make_grid

NO_LABEL = -1
"""Label of a patch whose class nobody has said."""

DEFAULT_MIN_OVERLAP = 0.8
"""A patch is positive from this share of annotated IDC on, as in the public IDC data."""

# Areas are sums of floats: a patch covered by exactly 80 % may come out as 0.7999999999.
_ROUNDING = 1e-9
# Bounds the memory of planning: fractions are computed for so many cells at a time.
_CELLS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class PatchPlan:
    """The N patches to cut from a slide, row by row from the top, left to right.

    Attributes
    ----------
    grid : the patch grid they are cells of.
    columns, rows : int64 [N], cells of the grid.
    tissue_fraction : float32 [N], 0 to 1, share of the whole patch that is tissue (a part
        that hangs over the slide's edge is none); NaN where no tissue mask was used.
    label : int8 [N], 1 for IDC, 0 for none, -1 where there is no label.
    """

    grid: PatchGrid
    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
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
        return self.columns * self.grid.stride + 1

    @property
    def y_name(self) -> NDArray[np.int64]:
        """int64 [N], top edges in target pixels counted from 1, as in public file names."""
        return self.rows * self.grid.stride + 1

    def select(self, keep: NDArray[np.bool_]) -> PatchPlan:
        """Return the plan of the patches where `keep`, bool [N], is True."""
        return replace(
            self,
            columns=self.columns[keep],
            rows=self.rows[keep],
            tissue_fraction=self.tissue_fraction[keep],
            label=self.label[keep],
        )

    def table(self) -> pd.DataFrame:
        """Return the plan as a table of N rows.

        Columns: `x`, `y` (target pixels, counted from 1, as in file names), `x_level0`,
        `y_level0`, `width_level0`, `height_level0` (level-0 pixels, exact floats),
        `tissue_fraction` (0 to 1, or NaN) and `label` (1, 0, or -1 for no label).
        """
        return pd.DataFrame(
            {
                "x": self.x_name,
                "y": self.y_name,
                "x_level0": self.x_level0,
                "y_level0": self.y_level0,
                "width_level0": self.grid.patch_width_level0,
                "height_level0": self.grid.patch_height_level0,
                "tissue_fraction": self.tissue_fraction,
                "label": self.label,
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


def check_min_overlap(min_overlap: float) -> None:
    """Refuse a smallest overlap that is not above 0 and at most 1.

    Raises
    ------
    SettingsError
        If it is outside, or NaN.
    """
    if not 0 < min_overlap <= 1:
        raise SettingsError(
            f"the smallest overlap must be above 0 and at most 1, not {min_overlap}; "
            "set it with --min-overlap"
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
        _plan_rows(grid, mask, first, min(first + rows_at_once, grid.rows), min_tissue)
        for first in range(0, grid.rows, rows_at_once)
    ]
    columns, rows, fraction = (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(columns) == 0:
        raise NoTissueError(
            f"{info.path} has no patch with at least {min_tissue:.0%} tissue; lower "
            "--min-tissue (0 takes every patch), or look at the slide with `wsi-idc info`"
        )
    return PatchPlan(grid, columns, rows, fraction, np.full(len(columns), NO_LABEL, np.int8))


def _plan_rows(
    grid: PatchGrid, mask: SlideMask | None, first: int, last: int, min_tissue: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Columns, rows and tissue fractions of the patches to keep of rows `first` to `last`."""
    rows, columns = (
        cells.ravel().astype(np.int64)
        for cells in np.meshgrid(np.arange(first, last), np.arange(grid.columns), indexing="ij")
    )
    if mask is None:
        return columns, rows, np.full(len(columns), np.nan, np.float32)
    fraction = _fraction(grid, columns, rows, mask)
    keep = fraction >= min_tissue - _ROUNDING
    return columns[keep], rows[keep], fraction[keep].astype(np.float32)


def label_patches(
    plan: PatchPlan,
    truth: SlideMask,
    *,
    min_overlap: float = DEFAULT_MIN_OVERLAP,
    exclude_border: bool = False,
) -> tuple[PatchPlan, int]:
    """Label patches by annotated IDC.

    Parameters
    ----------
    plan : the patches.
    truth : where the IDC is.
    min_overlap : above 0, up to 1; a patch is positive where the truth covers at least this
        share of it, else negative.
    exclude_border : leave out the patches that hold some IDC but less than `min_overlap`.

    Returns
    -------
    plan : with labels 1 and 0.
    excluded : how many patches at the border were left out.

    Raises
    ------
    SettingsError
        If `min_overlap` is out of range.
    NoTissueError
        If leaving out the border leaves no patch.
    """
    check_min_overlap(min_overlap)
    overlap = _fraction(plan.grid, plan.columns, plan.rows, truth)
    positive = overlap >= min_overlap - _ROUNDING
    labelled = replace(plan, label=positive.astype(np.int8))
    if not exclude_border:
        return labelled, 0
    border = ~positive & (overlap > _ROUNDING)
    if border.all():
        raise NoTissueError(
            "every patch lies at the border of the annotation, so that none is left; "
            "do not exclude the border, or lower --min-overlap"
        )
    return labelled.select(~border), int(np.count_nonzero(border))


def _fraction(
    grid: PatchGrid, columns: NDArray[np.int64], rows: NDArray[np.int64], mask: SlideMask
) -> NDArray[np.float64]:
    return mask.fraction_of(
        grid.level0_x(columns),
        grid.level0_y(rows),
        grid.patch_width_level0,
        grid.patch_height_level0,
    )
