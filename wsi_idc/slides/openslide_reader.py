"""Slides through OpenSlide: the reference reader, for nearly every scanner's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
from PIL import Image

from wsi_idc.errors import SlideReadError, reason
from wsi_idc.privacy import allowed_properties, reason_of
from wsi_idc.slides.base import DAMAGED, Pixels, Slide
from wsi_idc.slides.describe import describe_slide, planes_and_scenes
from wsi_idc.slides.info import Level, Rgb, SlideInfo
from wsi_idc.slides.openslide_pixels import read_rgb
from wsi_idc.slides.tiff_checks import check_tile_tables

# Scanners' tiles have 256 to 4,096 px a side; one of these takes 256 MB while it is decoded.
_LARGEST_TILE_PX = 2**26
# Formats that are TIFF or BigTIFF to the letter; NDPI tells places beyond 4 GB its own way.
_TIFF_VENDORS = ("aperio", "generic-tiff", "leica", "philips", "trestle", "ventana")
_SIDES = ("width", "height")


def can_open(path: Path) -> bool:
    """Whether OpenSlide knows the file's format."""
    return vendor(path) is not None


def vendor(path: Path) -> str | None:
    """OpenSlide's name of the file's format; None where it knows none."""
    try:
        found: str | None = openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError:
        return None
    return found


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
            _check_tiles(path, self._handle)
            self._native_downsamples: tuple[float, ...] = self._handle.level_downsamples
            self.icc_profile = _icc_profile(self._handle)
            has_profile = self.icc_profile is not None
            self.info = _describe(path, self._handle, slide_mpp, has_icc_profile=has_profile)
        except BaseException:
            self._handle.close()
            raise

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        location = self._location(level, x, y)
        try:
            return read_rgb(
                self._handle, location, level.index, (width, height), self.info.background
            )
        except openslide.OpenSlideError as error:
            self._replace_handle()
            raise self._cannot_read(level, x, y, width, height, reason_of(error)) from error

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

    Other files than scanners' may leave parts transparent, too.
    """
    if image.getchannel("A").getextrema() == (255, 255):
        return np.array(image.convert("RGB"))
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return np.array(Image.alpha_composite(canvas, image).convert("RGB"))


def _check_tiles(path: Path, handle: openslide.OpenSlide) -> None:
    """Refuse tiles that OpenSlide could not hold: it ends the process if it gets no memory.

    And those that the file has no place for, which it takes for glass.
    """
    properties = handle.properties
    if properties.get(openslide.PROPERTY_NAME_VENDOR) in _TIFF_VENDORS:
        try:
            with path.open("rb") as file:
                check_tile_tables(file)
        except (ValueError, OSError) as error:
            raise SlideReadError(
                f"{path}: its directory is damaged ({reason(error)}); {DAMAGED}"
            ) from error
    for level in range(handle.level_count):
        sides = [properties.get(f"openslide.level[{level}].tile-{side}") for side in _SIDES]
        width, height = (int(side) if side and side.isdecimal() else 0 for side in sides)
        if width * height > _LARGEST_TILE_PX:
            raise SlideReadError(
                f"{path}: its tiles of {width}x{height} px are too large to hold in memory; "
                f"{DAMAGED}, or convert it to a TIFF with tiles of 256 px"
            )


def _open(path: Path) -> openslide.OpenSlide:
    try:
        return openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        raise SlideReadError(
            f"{path}: OpenSlide cannot open it: {reason_of(error)}; it is not a slide of a "
            f"known format, or {DAMAGED}"
        ) from error


def _describe(
    path: Path,
    handle: openslide.OpenSlide,
    slide_mpp: float | tuple[float, float] | None,
    *,
    has_icc_profile: bool,
) -> SlideInfo:
    properties = allowed_properties(handle.properties)
    return describe_slide(
        path,
        properties,
        handle.level_dimensions,
        slide_mpp,
        reader="openslide",
        vendor=properties.get(openslide.PROPERTY_NAME_VENDOR, "unknown"),
        has_icc_profile=has_icc_profile,
        notes=planes_and_scenes(properties),
    )


def _icc_profile(handle: openslide.OpenSlide) -> bytes | None:
    """The slide's profile; one that is damaged is empty, and is refused where it is to be used."""
    from PIL.ImageCms import PyCMSError

    try:
        profile = handle.color_profile
    except PyCMSError:
        return b""
    return None if profile is None else bytes(profile.tobytes())
