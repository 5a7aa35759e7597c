"""The small picture in a result folder as a slide, for when the slide itself is not at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wsi_idc.errors import SlideReadError
from wsi_idc.heatmap.result import MOST_PIXELS
from wsi_idc.slides import Slide, SlideSource
from wsi_idc.slides.base import Pixels
from wsi_idc.slides.info import Bounds, Level, SlideInfo
from wsi_idc.slides.pictures import opened_picture


@dataclass(frozen=True)
class SavedPictureSource(SlideSource):
    """How to open the picture of a result folder.

    Attributes
    ----------
    summary : the result's `summary.json`, which tells where the picture lies.
    """

    summary: dict[str, Any] = field(default_factory=dict)

    def open(self) -> Slide:
        """Open the picture.

        Raises
        ------
        SlideReadError
            If it cannot be read.
        """
        return SavedPicture(self.path, self.name or self.path.stem, self.summary)


class SavedPicture(Slide):
    """A picture in memory as a slide of one level, whose pixels are the picture's."""

    serves_threads = True

    def __init__(self, path: Path, name: str, summary: dict[str, Any]) -> None:
        try:
            with opened_picture(path, MOST_PIXELS, ("PNG",)) as image:
                self._pixels: Pixels = np.array(image.convert("RGB"))
            at = summary["thumbnail"]
            mpp_x, mpp_y = at["pixel_width"] * at["mpp_x"], at["pixel_height"] * at["mpp_y"]
        except (OSError, ValueError, SyntaxError, KeyError, TypeError) as error:
            raise SlideReadError(
                f"{path}: the picture kept with the map cannot be read; make the heatmap again"
            ) from error
        height, width = self._pixels.shape[:2]
        self.info = SlideInfo(
            path=path,
            name=name,
            reader="saved picture",
            vendor="wsi-idc",
            width=width,
            height=height,
            mpp_x=mpp_x,
            mpp_y=mpp_y,
            mpp_source="result folder",
            mpp_is_guess=False,
            objective_power=None,
            levels=(Level(0, width, height, 1.0, 1.0),),
            bounds=Bounds(0, 0, width, height),
        )

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        return self._pixels[y : y + height, x : x + width]

    def close(self) -> None:
        """Nothing is held open."""
