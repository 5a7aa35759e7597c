"""The reading room: slides of any format, read at any µm/px, right to the micron."""

from wsi_idc.slides.base import Slide
from wsi_idc.slides.info import Bounds, Level, SlideInfo
from wsi_idc.slides.levels import ReadDescription, check_target_mpp, choose_level, describe_read
from wsi_idc.slides.opening import READERS, SlideLike, SlideSource, as_source, open_slide
from wsi_idc.slides.raster import Placement, SlideMask, SlidePicture
from wsi_idc.slides.summary import info_json

__all__ = [
    "READERS",
    "Bounds",
    "Level",
    "Placement",
    "ReadDescription",
    "Slide",
    "SlideInfo",
    "SlideLike",
    "SlideMask",
    "SlidePicture",
    "SlideSource",
    "as_source",
    "check_target_mpp",
    "choose_level",
    "describe_read",
    "info_json",
    "open_slide",
]
