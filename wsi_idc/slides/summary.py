"""A slide in a few plain values, for `wsi-idc info --json`."""

from __future__ import annotations

from typing import Any

from wsi_idc.slides.info import SlideInfo


def info_json(info: SlideInfo) -> dict[str, Any]:
    """What `wsi-idc info --json` prints.

    Holds the file's name but not its folder, and none of the scanner's own properties: both
    may tell who the patient is.
    """
    bounds = info.bounds
    return {
        "file": info.file,
        "name": info.name,
        "reader": info.reader,
        "vendor": info.vendor,
        "width_px": info.width,
        "height_px": info.height,
        "width_mm": info.width_mm,
        "height_mm": info.height_mm,
        "mpp_x": info.mpp_x,
        "mpp_y": info.mpp_y,
        "mpp_source": info.mpp_source,
        "mpp_is_guess": info.mpp_is_guess,
        "objective_power": info.objective_power,
        "bounds": {"x": bounds.x, "y": bounds.y, "width": bounds.width, "height": bounds.height},
        "background": list(info.background),
        "has_icc_profile": info.has_icc_profile,
        "icc_applied": info.icc_applied,
        "levels": [
            {
                "index": level.index,
                "width_px": level.width,
                "height_px": level.height,
                "downsample_x": level.downsample_x,
                "downsample_y": level.downsample_y,
                "mpp_x": level.downsample_x * info.mpp_x,
                "mpp_y": level.downsample_y * info.mpp_y,
            }
            for level in info.levels
        ],
    }
