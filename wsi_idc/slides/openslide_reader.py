"""Slides through OpenSlide: the reference reader, for nearly every scanner's format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openslide
from PIL import Image

from wsi_idc.errors import SlideReadError
from wsi_idc.slides.base import DAMAGED, Pixels, Slide
from wsi_idc.slides.info import Bounds, Level, Rgb, SlideInfo
from wsi_idc.slides.levels import make_levels
from wsi_idc.slides.microns import find_microns, objective_power


def can_open(path: Path) -> bool:
    """Whether OpenSlide knows the file's format."""
    try:
        return openslide.OpenSlide.detect_format(path) is not None
    except openslide.OpenSlideError:
        return False


def level_sizes(path: Path) -> tuple[tuple[int, int], ...]:
    """Sizes (width, height) of all levels as OpenSlide sees them."""
    with _open(path) as handle:
        return tuple(handle.level_dimensions)


class OpenSlideReader(Slide):
    """A slide opened with OpenSlide.

    Parameters
    ----------
    path : the slide.
    slide_mpp : microns per level-0 pixel given by the user, one number or (x, y).

    Raises
    ------
    SlideReadError
        If OpenSlide cannot open the file.
    MissingMppError
        If the slide does not tell its µm/px and none were given.
    """

    def __init__(self, path: Path, slide_mpp: float | tuple[float, float] | None = None) -> None:
        self._handle = _open(path)
        try:
            self._native_downsamples: tuple[float, ...] = self._handle.level_downsamples
            self.info = _describe(path, self._handle, slide_mpp)
        except BaseException:
            self._handle.close()
            raise

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        location = self._location(level, x, y)
        try:
            region = self._handle.read_region(location, level.index, (width, height))
        except openslide.OpenSlideError as error:
            self._replace_handle()
            raise self._cannot_read(level, x, y, width, height, _one_line(error)) from error
        return on_background(region, self.info.background)

    def _location(self, level: Level, x: int, y: int) -> tuple[int, int]:
        # OpenSlide divides a location in level-0 pixels by its own downsample, the mean ratio
        # of sizes; only that number leads back to this level's pixel.
        native = self._native_downsamples[level.index]
        return round(x * native), round(y * native)

    def _displacement(self, level: Level, x: int, y: int) -> tuple[float, float]:
        # The location is whole level-0 pixels, and OpenSlide interpolates what is left.
        native = self._native_downsamples[level.index]
        location_x, location_y = self._location(level, x, y)
        return location_x / native - x, location_y / native - y

    def _replace_handle(self) -> None:
        """Open the file anew: after an error a handle refuses everything with that error."""
        self._handle.close()
        self._handle = _open(self.info.path)

    def close(self) -> None:
        """Release the file."""
        self._handle.close()


def on_background(image: Image.Image, background: Rgb) -> Pixels:
    """Lay an RGBA picture on a colour; uint8 RGB [height, width, 3].

    Scanners leave out what they did not scan, and OpenSlide makes it transparent black.
    """
    if image.getchannel("A").getextrema() == (255, 255):
        return np.array(image.convert("RGB"))
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return np.array(Image.alpha_composite(canvas, image).convert("RGB"))


def _open(path: Path) -> openslide.OpenSlide:
    try:
        return openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        raise SlideReadError(
            f"{path}: OpenSlide cannot open it: {_one_line(error)}; it is not a slide of a "
            f"known format, or {DAMAGED}"
        ) from error


def _describe(
    path: Path, handle: openslide.OpenSlide, slide_mpp: float | tuple[float, float] | None
) -> SlideInfo:
    properties: Mapping[str, str] = handle.properties
    microns = find_microns(path, properties, slide_mpp)
    width, height = handle.dimensions
    return SlideInfo(
        path=path,
        name=path.stem,
        reader="openslide",
        vendor=properties.get(openslide.PROPERTY_NAME_VENDOR, "unknown"),
        width=width,
        height=height,
        mpp_x=microns.x,
        mpp_y=microns.y,
        mpp_source=microns.source,
        mpp_is_guess=microns.is_guess,
        objective_power=objective_power(properties),
        levels=make_levels(handle.level_dimensions),
        bounds=find_bounds(properties, width, height),
        background=find_background(properties),
    )


def find_bounds(properties: Mapping[str, str], width: int, height: int) -> Bounds:
    """The scanned part of level 0, clipped to it; all of it where the slide does not say."""
    try:
        x, y, bounds_width, bounds_height = (
            int(properties[f"openslide.bounds-{name}"]) for name in ("x", "y", "width", "height")
        )
    except (KeyError, ValueError):
        return Bounds(0, 0, width, height)
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + bounds_width), min(height, y + bounds_height)
    if left >= right or top >= bottom:
        return Bounds(0, 0, width, height)
    return Bounds(left, top, right - left, bottom - top)


def find_background(properties: Mapping[str, str]) -> Rgb:
    """The slide's background colour, RGB; white where the slide does not say."""
    try:
        red, green, blue = bytes.fromhex(properties.get("openslide.background-color", ""))
    except ValueError:
        return (255, 255, 255)
    return (red, green, blue)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
