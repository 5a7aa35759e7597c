"""Slides through fastslide, an optional, faster reader for several threads.

Chosen only on demand (`--reader fastslide`) and never by `auto`. Version 0.8.1 reads sound
slides nearly rightly (the mean of a channel up to 1.3 grey levels from OpenSlide's). Where a JPEG
tile is damaged it hangs, ends the process, or, where the tile's data are cut short or lie
outside the file, returns a partly grey or white tile as if it had been read, as it does with a
damaged JPEG 2000 tile. The first two cost one slide, since it always runs in a child process
(`wsi_idc.slides.isolation`); against the third there is no help but another reader.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from wsi_idc.errors import SettingsError, SlideReadError
from wsi_idc.privacy import reason_of
from wsi_idc.slides import openslide_reader
from wsi_idc.slides.base import Pixels, Slide
from wsi_idc.slides.describe import describe_slide
from wsi_idc.slides.info import Level, SlideInfo
from wsi_idc.slides.openslide_reader import OpenSlideReader

# Neighbouring reads share tiles; without a cache fastslide decodes them again each time.
_CACHE_BYTES = 32 * 2**20

_ELSE = "it is not a slide, or is damaged: copy it again, or use --reader openslide"


def is_installed() -> bool:
    """Whether the optional dependency is there."""
    return importlib.util.find_spec("fastslide") is not None


class FastslideReader(Slide):
    """A slide opened with fastslide, described by OpenSlide where that opens it.

    Parameters
    ----------
    path : the slide.
    slide_mpp : microns per level-0 pixel given by the user, one number or (x, y).

    Raises
    ------
    SettingsError
        If fastslide is not installed.
    SlideReadError
        If fastslide cannot open the file, or sees another pyramid than OpenSlide.
    MissingMppError
        If the slide does not tell its µm/px and none were given.
    """

    def __init__(self, path: Path, slide_mpp: float | tuple[float, float] | None = None) -> None:
        if not is_installed():
            raise SettingsError(
                "the reader fastslide is not installed; pip install 'wsi-idc[fast]', "
                "or use --reader openslide"
            )
        self._handle = _open(path)
        try:
            disagreement = _disagreement(path, self._handle)
            if disagreement:
                raise SlideReadError(f"{path}: {disagreement}; use --reader openslide")
            if str(self._handle.dtype) != "uint8" or self._handle.num_channels != 3:
                raise SlideReadError(
                    f"{path}: fastslide reads {self._handle.num_channels} channels of "
                    f"{self._handle.dtype}, not 8-bit RGB; use --reader openslide"
                )
            self.info = self._describe(path, slide_mpp)
        except BaseException:
            self._handle.close()
            raise

    def _describe(self, path: Path, slide_mpp: float | tuple[float, float] | None) -> SlideInfo:
        if openslide_reader.can_open(path):
            with OpenSlideReader(path, slide_mpp) as reference:
                self.icc_profile = reference.icc_profile
                return dataclasses.replace(reference.info, reader="fastslide")
        (x, y), (bounds_width, bounds_height) = self._handle.bounds
        own = self._handle.properties
        properties = {
            "openslide.mpp-x": str(self._handle.mpp[0]),
            "openslide.mpp-y": str(self._handle.mpp[1]),
            "openslide.objective-power": str(own.get("objective_magnification", "")),
            "openslide.bounds-x": str(x),
            "openslide.bounds-y": str(y),
            "openslide.bounds-width": str(bounds_width),
            "openslide.bounds-height": str(bounds_height),
        }
        return describe_slide(
            path,
            properties,
            self._handle.level_dimensions,
            slide_mpp,
            reader="fastslide",
            vendor=str(self._handle.format),
        )

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        try:
            region = self._handle.read_region((x, y), level.index, (width, height)).numpy()
        except RuntimeError as error:
            raise self._cannot_read(level, x, y, width, height, _first_line(error)) from error
        return np.array(region, dtype=np.uint8)

    def close(self) -> None:
        """Release the file."""
        self._handle.close()


def _open(path: Path) -> Any:
    import fastslide

    try:
        handle = fastslide.FastSlide.from_file_path(path, cache=_CACHE_BYTES)
    except RuntimeError as error:
        raise SlideReadError(
            f"{path}: fastslide cannot open it ({_first_line(error)}); {_ELSE}"
        ) from error
    if not handle.level_dimensions:  # what it makes of a file that is no slide
        raise SlideReadError(f"{path}: fastslide cannot open it; {_ELSE}")
    return handle


def _first_line(error: Exception) -> str:
    return reason_of(RuntimeError(str(error).partition("\n")[0]))  # a C++ trace follows


def _disagreement(path: Path, handle: Any) -> str | None:
    """How fastslide's pyramid differs from OpenSlide's, or None."""
    if not openslide_reader.can_open(path):
        return None
    reference = openslide_reader.level_sizes(path)
    own = tuple(tuple(size) for size in handle.level_dimensions)
    if own == reference:
        return None
    return f"fastslide sees levels of {own} px, OpenSlide of {reference} px"
