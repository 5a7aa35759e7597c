"""From level-0 pixels, the frame of results and drawings, to the microns of pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wsi_idc.slides.info import SlideInfo
from wsi_idc.view.entry import SlideEntry


@dataclass(frozen=True)
class Frame:
    """Where a page's microns begin, and how large a level-0 pixel is.

    Attributes
    ----------
    origin_x, origin_y : the corner of the scanned bounds, level-0 pixels of the whole frame.
    mpp_x, mpp_y : microns per level-0 pixel.
    """

    origin_x: float
    origin_y: float
    mpp_x: float
    mpp_y: float

    def microns(self, x: float, y: float) -> tuple[float, float]:
        """Where a level-0 pixel lies."""
        return (x - self.origin_x) * self.mpp_x, (y - self.origin_y) * self.mpp_y


def frame_of(entry: SlideEntry, info: SlideInfo, summary: dict[str, Any] | None) -> Frame:
    """The frame of a slide; where only its small picture is there, that of the slide itself."""
    if entry.is_picture and summary is not None:
        about = summary["slide"]
        bounds = about["bounds"]
        return Frame(bounds["x"], bounds["y"], about["mpp_x"], about["mpp_y"])
    return Frame(info.bounds.x, info.bounds.y, info.mpp_x, info.mpp_y)
