"""What a page must know of a slide before it draws it, as plain values."""

from __future__ import annotations

from typing import Any

from wsi_idc.heatmap.result import read_summary
from wsi_idc.slides.info import SlideInfo
from wsi_idc.view.entry import SlideEntry
from wsi_idc.view.frame import frame_of
from wsi_idc.view.map_data import describe_map
from wsi_idc.view.pyramid import TILE_PX, TilePyramid


def describe_entry(entry: SlideEntry, info: SlideInfo, slides: int) -> dict[str, Any]:
    """What the page of a slide needs to know.

    The file's folder and the scanner's own properties are not told.

    Parameters
    ----------
    entry : the slide.
    info : what it is.
    slides : how many slides the server shows.
    """
    pyramid = TilePyramid.of(info)
    folder = entry.result
    summary = None if folder is None else read_summary(folder)
    frame = frame_of(entry, info, summary)
    return {
        "key": entry.key,
        "slides": slides,
        "width_um": pyramid.width_um,
        "height_um": pyramid.height_um,
        "mpp": pyramid.mpp,
        "tile_px": TILE_PX,
        "levels": [
            {"mpp": pyramid.mpp * 2**level, "size_px": pyramid.size(level)}
            for level in range(pyramid.levels)
        ],
        "background": list(info.background),
        "is_picture": entry.is_picture,
        "origin_px": [frame.origin_x, frame.origin_y],
        "px_um": [frame.mpp_x, frame.mpp_y],
        "map": describe_map(folder, summary, frame) if folder and summary else None,
        "warnings": _warnings(entry, info, summary),
    }


def _warnings(entry: SlideEntry, info: SlideInfo, summary: dict[str, Any] | None) -> list[str]:
    """What was said when the map was made, or else what the slide says now; each once."""
    said = info.warnings if summary is None else summary["warnings"]
    return list(dict.fromkeys([*entry.warnings, *said]))
