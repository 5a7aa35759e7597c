"""What every reader offers: pixels of a level, and of any place at any µm/px."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError, SlideReadError
from wsi_idc.fresh_process import usable_processors
from wsi_idc.slides.cells import as_cells
from wsi_idc.slides.colours import ToSrgb
from wsi_idc.slides.display import SHOWN_SIDE_PX
from wsi_idc.slides.info import Level, SlideInfo
from wsi_idc.slides.levels import choose_level, is_fine_enough, pixels_across
from wsi_idc.slides.raster import Placement, SlidePicture
from wsi_idc.slides.resample import Box, area_average

if TYPE_CHECKING:
    from wsi_idc.slides.overview import Overview

Pixels = NDArray[np.uint8]
_Part = TypeVar("_Part")

DAMAGED = "the file is probably damaged or was not copied whole: copy it again, or leave it out"

# A larger source region is read in parts: 100 MB of pixels, a few times that while they are
# averaged, however coarse the picture and however poor the pyramid.
_LARGEST_SOURCE_PIXELS = 2**25

# By several threads, smaller parts: each holds one, and small ones stay in the processor's cache.
_LARGEST_SHARED_PIXELS = 2**22

# Decoding stops scaling where the disk or the memory bus is full; more threads only take memory.
_MOST_THREADS = 8

# Where floats meet whole pixels up to rounding, no extra pixel is read for the difference.
_SNAP_PX = 1e-6

# A reader's own displacement is undone where it exceeds this part of a target pixel; below it
# the plain pixels are better than pixels interpolated once more.
_NOTICEABLE_PX = 0.04


def usual_threads() -> int:
    """How many threads read, or write, where nobody says: one a processor, at most 8."""
    return min(_MOST_THREADS, usable_processors())


class UnfitReaderError(SlideReadError):
    """A reader is not made for such files; another one may well be."""


class Slide(ABC):
    """An open slide. A context manager; `SlideSource` passes it on to other threads.

    Attributes
    ----------
    info : what the slide is.
    icc_profile : the bytes of its ICC profile, or None.
    serves_threads : whether several threads may read from it at a time.
    overview : all of it at the µm/px of its patches, where `read_overview` has read that.
    """

    info: SlideInfo
    icc_profile: bytes | None = None
    serves_threads: bool = False
    overview: Overview | None = None
    _to_srgb: ToSrgb | None = None

    @abstractmethod
    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        """Read a region that lies wholly inside `level`; the same frame as `read_level`."""

    def _cannot_read(
        self, level: Level, x: int, y: int, width: int, height: int, reason: str
    ) -> SlideReadError:
        """The error of a region that a reader's library failed to read."""
        return SlideReadError(
            f"{self.info.path}: cannot read level {level.index} at {x}, {y} "
            f"({width}x{height} px): {reason}; {DAMAGED}"
        )

    def _displacement(self, level: Level, x: int, y: int) -> tuple[float, float]:
        """How far right of and below x, y the pixels lie that `_read_inside` gives, level px."""
        return 0.0, 0.0

    def _means(self, level: Level) -> Level | None:
        """A level of the means of a level's blocks of pixels, right to a few grey levels.

        None where reading that would cost no less than reading the level itself.
        """
        return None

    def is_plain(self, x: float, y: float, size: tuple[int, int], mpp: float) -> bool:
        """Whether a rectangle looks like empty glass by what is known without decoding it.

        A guess, which decides what is read with more care and never what is seen. The arguments
        are those of `read`. False where the reader cannot tell.
        """
        return False

    @abstractmethod
    def close(self) -> None:
        """Release the file; the slide cannot be read afterwards."""

    def convert_to_srgb(self) -> None:
        """From now on, give colours as sRGB by the slide's ICC profile.

        Where the slide has none, its colours stay as they are and a note in `info` says so.

        Raises
        ------
        SlideReadError
            If the profile is damaged, or not for RGB.
        """
        if self.icc_profile is None:
            note = "the slide has no ICC profile; its colours are as the file has them"
            self.info = dataclasses.replace(self.info, notes=(*self.info.notes, note))
            return
        self._to_srgb = ToSrgb(self.info.path, self.icc_profile)
        self.info = dataclasses.replace(self.info, icc_applied=True)

    def read_level(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Read whole pixels of one level.

        Parameters
        ----------
        level : the reader's number of the level, as in `Level.index`.
        x, y : top-left corner in pixels of that level; may lie outside.
        width, height : size in pixels of that level, at least 1.

        Returns
        -------
        uint8 RGB [height, width, 3]; what lies outside the image or is transparent has the
        slide's background colour.

        Raises
        ------
        SettingsError
            If there is no such level.
        SlideReadError
            If the file is damaged there.
        """
        return self._in_colour(self._raw(self._level(level), x, y, width, height))

    def _raw(self, wanted: Level, x: int, y: int, width: int, height: int) -> Pixels:
        """As `read_level`, in the file's own colours."""
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, wanted.width), min(y + height, wanted.height)
        if (left, top, right, bottom) == (x, y, x + width, y + height):
            return self._read_inside(wanted, x, y, width, height)
        region = np.empty((height, width, 3), np.uint8)
        region[:] = self.info.background
        if left < right and top < bottom:
            region[top - y : bottom - y, left - x : right - x] = self._read_inside(
                wanted, left, top, right - left, bottom - top
            )
        return region

    def read(self, x: float, y: float, size: tuple[int, int], mpp: float) -> Pixels:
        """Read any rectangle at any scale, right to a small part of a pixel.

        The coarsest level that is fine enough is read and area-averaged. `check_target_mpp`
        tells beforehand whether the slide is fine enough; this function enlarges silently.

        Parameters
        ----------
        x, y : top-left corner in level-0 pixels; floats, not rounded.
        size : width and height in target pixels.
        mpp : microns per target pixel, which is square on the slide even where the slide's
            own pixels are not.

        Returns
        -------
        uint8 RGB [size[1], size[0], 3].

        Raises
        ------
        SlideReadError
            If the file is damaged there.
        """
        return self._in_colour(self._read_from(choose_level(self.info, mpp), x, y, size, mpp))

    def read_cells(
        self, x: float, y: float, side: int, across: int, down: int, mpp: float
    ) -> Pixels:
        """Read a rectangle as the square cells that it is made of.

        Parameters
        ----------
        x, y, mpp : as for `read`.
        side : of a cell, target pixels.
        across, down : how many cells.

        Returns
        -------
        uint8 RGB [down, across, side, side, 3].

        Raises
        ------
        SlideReadError
            If the file is damaged there.
        """
        return as_cells(self.read(x, y, (across * side, down * side), mpp), side)

    def read_roughly(
        self, x: float, y: float, size: tuple[int, int], mpp: float, *, detail_mpp: float
    ) -> Pixels:
        """As `read`, for pictures to look at: right to a few grey levels, and sooner where it can.

        Parameters
        ----------
        x, y, size, mpp : as for `read`.
        detail_mpp : no detail finer than this many microns is needed, `mpp` or more.
        """
        level = choose_level(self.info, mpp)
        means = self._means(level)
        if means is not None and is_fine_enough(self.info, means, detail_mpp):
            level = means
        return self._in_colour(self._read_from(level, x, y, size, mpp))

    def _in_colour(self, pixels: Pixels) -> Pixels:
        return pixels if self._to_srgb is None else self._to_srgb(pixels)

    def picture(self, mpp: float | None = None, *, max_side: int) -> SlidePicture:
        """Read the whole scanned part of the slide as one picture, right to a few grey levels.

        It comes from the overview where there is one that is fine enough.

        Parameters
        ----------
        mpp : microns per pixel; None for the slide's own. Coarser where the picture would
            not fit into `max_side`.
        max_side : the longest side allowed, pixels.
        """
        info = self.info
        bounds = info.bounds
        extent_x, extent_y = bounds.width * info.mpp_x, bounds.height * info.mpp_y
        wanted = max(info.mpp_x, info.mpp_y) if mpp is None else mpp
        mpp = max(wanted, max(extent_x, extent_y) / max_side)
        size = pixels_across(extent_x, mpp), pixels_across(extent_y, mpp)
        placement = Placement(
            origin_x=float(bounds.x),
            origin_y=float(bounds.y),
            pixel_width=mpp / info.mpp_x,
            pixel_height=mpp / info.mpp_y,
            mpp_x=info.mpp_x,
            mpp_y=info.mpp_y,
        )
        if self.overview is not None and self.overview.mpp <= mpp:
            return SlidePicture(self.overview.reduced(size, mpp), placement)
        pixels = self.read_roughly(bounds.x, bounds.y, size, mpp, detail_mpp=mpp)
        return SlidePicture(pixels, placement)

    def _repr_jpeg_(self) -> bytes:
        """Show the slide in a notebook."""
        return self.picture(max_side=SHOWN_SIDE_PX)._repr_jpeg_()

    def _read_from(
        self, level: Level, x: float, y: float, size: tuple[int, int], mpp: float
    ) -> Pixels:
        width, height = size
        left, top, right, bottom = self._box(level, x, y, size, mpp)
        most = _LARGEST_SHARED_PIXELS if self.serves_threads else _LARGEST_SOURCE_PIXELS
        if (right - left) * (bottom - top) > most and max(size) > 1:
            parts = _halved((0, 0, *size), most / ((right - left) * (bottom - top)))
            return self._read_parts(parts, level, x, y, size, mpp)
        # Bilinear weights reach half a pixel beyond the box.
        margin_x = 1 if right - left < width * (1 - _SNAP_PX) else 0
        margin_y = 1 if bottom - top < height * (1 - _SNAP_PX) else 0
        x0, x1 = _whole_pixels(left, right, margin_x)
        y0, y1 = _whole_pixels(top, bottom, margin_y)
        dx, dy = self._displacement(level, max(x0, 0), max(y0, 0))
        if max(abs(dx) * width / (right - left), abs(dy) * height / (bottom - top)) > (
            _NOTICEABLE_PX
        ):
            x0, y0, x1, y1 = x0 - 1, y0 - 1, x1 + 1, y1 + 1
            dx, dy = self._displacement(level, max(x0, 0), max(y0, 0))
        else:
            dx = dy = 0.0
        box: Box = (left - x0 - dx, top - y0 - dy, right - x0 - dx, bottom - y0 - dy)
        return self._averaged(level, (x0, y0, x1 - x0, y1 - y0), box, size)

    def _box(self, level: Level, x: float, y: float, size: tuple[int, int], mpp: float) -> Box:
        """What `read` reads, in pixels of a level."""
        scale_x, scale_y = mpp / self.info.mpp_x, mpp / self.info.mpp_y
        return (
            x / level.downsample_x,
            y / level.downsample_y,
            (x + size[0] * scale_x) / level.downsample_x,
            (y + size[1] * scale_y) / level.downsample_y,
        )

    def _averaged(
        self, level: Level, region: tuple[int, int, int, int], box: Box, size: tuple[int, int]
    ) -> Pixels:
        """Area average of a box of a region (x, y, width, height), in the file's own colours."""
        return area_average(self._raw(level, *region), box, size)

    def _read_parts(
        self,
        parts: list[tuple[int, int, int, int]],
        level: Level,
        x: float,
        y: float,
        size: tuple[int, int],
        mpp: float,
    ) -> Pixels:
        """Put a picture together from parts (left, top, width, height in target pixels)."""
        scale_x, scale_y = mpp / self.info.mpp_x, mpp / self.info.mpp_y
        result = np.empty((size[1], size[0], 3), np.uint8)

        def read(part: tuple[int, int, int, int]) -> None:
            left, top, width, height = part
            at = x + left * scale_x, y + top * scale_y
            pixels = self._read_from(level, *at, (width, height), mpp)
            result[top : top + height, left : left + width] = pixels

        self.in_threads(read, parts)
        return result

    def in_threads(self, read: Callable[[_Part], None], parts: Iterable[_Part]) -> None:
        """Call a function that reads, once for each part, in as many threads as that is worth."""
        threads = usual_threads() if self.serves_threads else 1
        if threads == 1:
            for part in parts:
                read(part)
            return
        with ThreadPoolExecutor(threads, thread_name_prefix="read-parts") as pool:
            for _ in pool.map(read, parts):
                pass  # or the error of one

    def _level(self, index: int) -> Level:
        for level in self.info.levels:
            if level.index == index:
                return level
        known = ", ".join(str(level.index) for level in self.info.levels)
        raise SettingsError(f"{self.info.path}: there is no level {index}; the levels are {known}")

    def __enter__(self) -> Self:
        """Return the slide itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the slide."""
        self.close()


def _halved(part: tuple[int, int, int, int], share: float) -> list[tuple[int, int, int, int]]:
    """Halve a rectangle of whole pixels until no piece has more than a share of it."""
    left, top, width, height = part
    if share >= 1 or width == height == 1:
        return [part]
    if width >= height:
        half = width // 2
        pieces = (left, top, half, height), (left + half, top, width - half, height)
    else:
        half = height // 2
        pieces = (left, top, width, half), (left, top + half, width, height - half)
    area = width * height
    return [
        small for piece in pieces for small in _halved(piece, share * area / (piece[2] * piece[3]))
    ]


def _whole_pixels(start: float, stop: float, margin: int) -> tuple[int, int]:
    """The pixels an interval touches, rounding noise at its ends aside."""
    return math.floor(start + _SNAP_PX) - margin, math.ceil(stop - _SNAP_PX) + margin
