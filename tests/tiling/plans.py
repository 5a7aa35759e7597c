"""Slides and masks that are numbers only, for the tests of planning."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsi_idc.slides.info import Bounds, Level, SlideInfo
from wsi_idc.slides.raster import Placement, SlideMask


def slide_info(
    width: int = 16000,
    height: int = 8000,
    mpp: float = 0.25,
    bounds: Bounds | None = None,
    mpp_y: float | None = None,
    levels: tuple[Level, ...] | None = None,
) -> SlideInfo:
    return SlideInfo(
        path=Path("made/slide.tif"),
        name="slide",
        reader="openslide",
        vendor="aperio",
        width=width,
        height=height,
        mpp_x=mpp,
        mpp_y=mpp_y or mpp,
        mpp_source="slide metadata",
        mpp_is_guess=False,
        objective_power=40.0,
        levels=levels or (Level(0, width, height, 1.0, 1.0),),
        bounds=bounds or Bounds(0, 0, width, height),
    )


def mask_over(info: SlideInfo, values: np.ndarray) -> SlideMask:
    rows, columns = values.shape
    bounds = info.bounds
    placement = Placement(
        float(bounds.x),
        float(bounds.y),
        bounds.width / columns,
        bounds.height / rows,
        info.mpp_x,
        info.mpp_y,
    )
    return SlideMask(values.astype(bool), placement)
