"""A slide's probability map as a page takes it: values to colour, regions to list."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.colormaps import COLORMAPS, colour_table
from wsi_idc.heatmap.export.ome_tiff import read_ome_tiff
from wsi_idc.heatmap.outlines import Ring
from wsi_idc.heatmap.probability_map import ProbabilityMap, label_of
from wsi_idc.heatmap.regions import Region, find_regions
from wsi_idc.heatmap.result import CLASS_MAP, MAP
from wsi_idc.view.frame import Frame

MOST_LISTED = 300
"""Regions with their outlines. A list that is longer is not read, and the map shows them all."""


def class_maps(folder: Path, summary: dict[str, Any]) -> dict[str, Path]:
    """The map's file of each class by the class's name, that of the shown class first."""
    model = summary["model"]
    shown = model.get("shown_class", "idc")
    others = [label_of(name) for name in model.get("class_names", ()) if name != shown]
    if shown == "idc":
        others = [name for name in others if (folder / CLASS_MAP.format(name)).is_file()]
    return {label_of(shown): folder / MAP} | {
        name: folder / CLASS_MAP.format(name) for name in others
    }


def read_map(
    folder: Path, summary: dict[str, Any], class_name: str | None = None
) -> ProbabilityMap:
    """A class's map in a result folder, kept in memory until the file changes.

    Parameters
    ----------
    folder : the result folder.
    summary : its `summary.json`.
    class_name : one of `class_maps`; None is the class that pictures show.

    Raises
    ------
    SettingsError
        If there is no such class.
    ResultFolderError
        If the map cannot be read.
    """
    maps = class_maps(folder, summary)
    name = next(iter(maps)) if class_name is None else class_name
    if name not in maps:
        raise SettingsError(f"no class {name[:60]!r}; the maps are of {', '.join(maps)}")
    file = maps[name]
    return _read(file, file.stat().st_mtime_ns if file.exists() else 0)


@lru_cache(maxsize=8)
def _read(file: Path, changed: int) -> ProbabilityMap:
    return read_ome_tiff(file)


def describe_map(folder: Path, summary: dict[str, Any], frame: Frame) -> dict[str, Any]:
    """Where a result's map lies, in microns, and how it was last drawn.

    Raises
    ------
    ResultFolderError
        If the map cannot be read.
    """
    probability = read_map(folder, summary)
    at = probability.placement
    rows, columns = probability.values.shape
    left, top = frame.microns(at.origin_x, at.origin_y)
    display = summary["display"]
    return {
        "columns": columns,
        "rows": rows,
        "left_um": left,
        "top_um": top,
        "cell_width_um": at.pixel_width * frame.mpp_x,
        "cell_height_um": at.pixel_height * frame.mpp_y,
        "threshold": display["threshold"],
        "floor": display["floor"],
        "opacity": display["opacity"],
        "colormap": display["colormap"],
        "model": summary["model"]["name"],
        "classes": list(class_maps(folder, summary)),
    }


def map_bytes(probability: ProbabilityMap) -> bytes:
    """The values, float32, little endian, row by row; NaN where nothing was assessed."""
    return np.ascontiguousarray(probability.values, "<f4").tobytes()


def list_regions(
    probability: ProbabilityMap, threshold: float, min_area_mm2: float, frame: Frame
) -> dict[str, Any]:
    """The regions at a threshold, the largest first, in microns.

    Raises
    ------
    SettingsError
        If `min_area_mm2` cannot be used.
    """
    regions = find_regions(probability, threshold, min_area_mm2=min_area_mm2)
    return {
        "total": len(regions),
        "regions": [_region(region, frame) for region in regions[:MOST_LISTED]],
    }


def _region(region: Region, frame: Frame) -> dict[str, Any]:
    left, top = frame.microns(region.left, region.top)
    right, bottom = frame.microns(region.right, region.bottom)
    return {
        "number": region.number,
        "area_mm2": region.area_mm2,
        "max_probability": region.max_probability,
        "mean_probability": region.mean_probability,
        "diameter_mm": region.diameter_mm,
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
        "outline": [
            [_ring(ring, frame) for ring in (piece.shell, *piece.holes)] for piece in region.outline
        ],
    }


def _ring(ring: Ring, frame: Frame) -> list[list[float]]:
    um = (ring - (frame.origin_x, frame.origin_y)) * (frame.mpp_x, frame.mpp_y)
    points: list[list[float]] = um.round(3).tolist()
    return points


def colour_tables() -> dict[str, list[int]]:
    """Each colour map as 256 numbers 0xRRGGBB, of probability i / 255."""
    weights = np.array([1 << 16, 1 << 8, 1])
    return {name: (colour_table(name).astype(np.int64) @ weights).tolist() for name in COLORMAPS}
