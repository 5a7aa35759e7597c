"""Regions of a map as CSV: one row a region, the largest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from wsi_idc.files import write_csv
from wsi_idc.heatmap.regions import Region

REGION_COLUMNS = (
    "region",
    "area_mm2",
    "max_probability",
    "mean_probability",
    "diameter_mm",
    "minx",
    "miny",
    "width",
    "height",
    "centroid_x",
    "centroid_y",
    "cells",
)

# A thousandth of a level-0 pixel, a square micron, a micron: finer than any of them is known.
_DECIMALS = {
    "area_mm2": 6,
    "max_probability": 6,
    "mean_probability": 6,
    "diameter_mm": 3,
    **dict.fromkeys(("minx", "miny", "width", "height", "centroid_x", "centroid_y"), 3),
}


def regions_table(regions: Sequence[Region]) -> pd.DataFrame:
    """One row a region with the columns of `REGION_COLUMNS`; lengths and places in level-0 px."""
    rows = [
        (
            region.number,
            region.area_mm2,
            region.max_probability,
            region.mean_probability,
            region.diameter_mm,
            region.left,
            region.top,
            region.right - region.left,
            region.bottom - region.top,
            region.centroid_x,
            region.centroid_y,
            region.cells,
        )
        for region in regions
    ]
    return pd.DataFrame(rows, columns=list(REGION_COLUMNS))


def write_regions_csv(path: Path, regions: Sequence[Region]) -> None:
    """Write one row a region.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    write_csv(path, regions_table(regions).round(_DECIMALS))
