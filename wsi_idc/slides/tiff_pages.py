"""Which pages of a TIFF are the slide: the first scene, one plane of it, its pyramid."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsi_idc.errors import SlideReadError
from wsi_idc.slides.base import DAMAGED
from wsi_idc.slides.tiff_checks import odd_tables, odd_tag
from wsi_idc.slides.tiff_segments import GREY, JPEG, RGB, SUPPORTED_COMPRESSION, YCBCR, planes_of

# What tifffile finds wrong with a file is told in our own words; who sets up logging still sees it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# A segment is decoded as a whole, however little of it is asked for. Larger ones, which is to
# say large images in one strip, are left to the plain image reader.
_LARGEST_SEGMENT_PX = 2**24


@dataclass(frozen=True, eq=False)
class TiffLevel:
    """A page of a TIFF, cut into tiles or strips ("segments").

    Attributes
    ----------
    format : tifffile's page that tells how this one is stored.
    offsets, counts : where each segment lies in the file, and how many bytes it has; row by
        row, and plane after plane where the planes of colours are kept apart. 0 bytes: the
        segment was not scanned.
    """

    format: Any
    offsets: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return _size(self.format)

    @property
    def segment_size(self) -> tuple[int, int]:
        """Width and height of a segment; the last strip may be lower."""
        return _segment_size(self.format)

    @property
    def planes(self) -> int:
        """How many segments, one for each colour, make up the pixels of a place."""
        return planes_of(self.format)


@dataclass(frozen=True)
class TiffLayout:
    """The pages that make up a slide.

    Attributes
    ----------
    levels : the pyramid, finest first.
    notes : what is not read: other scenes, planes, pages.
    """

    levels: tuple[TiffLevel, ...]
    notes: tuple[str, ...]


def find_layout(path: Path, tiff: Any) -> TiffLayout:
    """Find the slide in an open TIFF.

    Scenes (series) other than the first are left out: bio-formats puts label and macro image
    behind the slide. Of several focal planes the middle one is taken, of time points and pages
    of no known meaning the first.

    Parameters
    ----------
    path : the file, for messages.
    tiff : tifffile's open file.

    Raises
    ------
    SlideReadError
        If its channels are not RGB or one grey, its pixels are not in 8 bits, or they are
        stored in a way that is not known.
    """
    if channels := separate_channels(tiff):
        raise SlideReadError(
            f"{path}: the image has {channels} channels of their own, not RGB; it may be "
            "fluorescence, or brightfield that was exported as channels: export it as RGB"
        )
    if reason := why_not(tiff):
        raise SlideReadError(
            f"{path}: the reader tiff cannot read it: {reason}; export it as 8-bit RGB, or try "
            "--reader openslide or image"
        )
    series = tiff.series[0]
    index, notes = _plane(_other_axes(series))
    if len(tiff.series) > 1 and not tiff.is_svs:  # Aperio's others are thumbnail, label, macro
        notes.append(f"the file has {len(tiff.series)} scenes; the first one is read")
    levels: list[TiffLevel] = []
    for of_series in series.levels:
        level = _level(path, of_series, index)
        if level is None or (levels and not _is_reduced(levels[0].size, level.size)):
            continue
        _check(path, level, tiff.filehandle.size)
        levels.append(level)
    if not levels or levels[0].size != _size(series.keyframe):
        raise SlideReadError(
            f"{path}: the plane that would be read has no directory of its own; save it as a "
            "single image"
        )
    return TiffLayout(tuple(levels), tuple(notes))


def separate_channels(tiff: Any) -> int:
    """How many channels the first series has that are planes of their own; 0 where none are."""
    count = _other_axes(tiff.series[0]).get("C", 1) if tiff.series else 1
    return count if count > 1 else 0


def why_not(tiff: Any) -> str | None:
    """What of the first series' form is not decoded here, in words; None where all of it is."""
    if not tiff.series:
        return "it holds no image"
    for page in (level.keyframe for level in tiff.series[0].levels):
        if odd := odd_tag(page):
            return f"its directory is damaged ({odd})"
        if page.dtype != np.uint8 or int(page.bitspersample) != 8:
            return f"its pixels are {page.dtype}, not colours of 8 bits"
        photometric, compression = int(page.photometric), int(page.compression)
        # libtiff undoes chroma subsampling for JPEG alone.
        if photometric not in (GREY, RGB, YCBCR) or (photometric == YCBCR and compression != JPEG):
            return f"its colours are {_name(page.photometric)}, not RGB"
        if compression not in SUPPORTED_COMPRESSION:
            return f"its compression is {_name(page.compression)}"
        width, height = _segment_size(page)
        if width * height > _LARGEST_SEGMENT_PX or int(page.imagedepth) != 1:
            return f"its pixels are in one piece of {width}x{height} px"
    return None


def _other_axes(series: Any) -> dict[str, int]:
    """How many planes there are along each axis other than x, y and colour."""
    return {
        axis: count
        for axis, count in zip(series.axes, series.shape, strict=True)
        if axis not in "YXS"
    }


def _plane(counts: dict[str, int]) -> tuple[int, list[str]]:
    """Which plane to read, as an index into the pages, and what to say of it."""
    notes, at = [], []
    for axis, count in counts.items():
        chosen = count // 2 if axis == "Z" else 0
        at.append(chosen)
        if count > 1:
            name = {"Z": "focal planes", "T": "time points"}.get(axis, "pages of one size")
            which = f"the middle one, {chosen + 1}," if axis == "Z" else "the first one"
            notes.append(f"the file has {count} {name}; {which} is read")
    return int(np.ravel_multi_index(at, tuple(counts.values()))) if at else 0, notes


def _level(path: Path, series_level: Any, index: int) -> TiffLevel | None:
    page = series_level.pages[index] if index < len(series_level.pages) else None
    if page is None:
        return None
    if odd := odd_tag(page.keyframe) or odd_tables(page):
        raise SlideReadError(f"{path}: its directory is damaged ({odd}); {DAMAGED}")
    return TiffLevel(
        page.keyframe,
        tuple(int(offset) for offset in page.dataoffsets),
        tuple(int(count) for count in page.databytecounts),
    )


def _is_reduced(full: tuple[int, int], reduced: tuple[int, int]) -> bool:
    """Whether a page has the shape of level 0, rounding to whole pixels aside."""
    (width0, height0), (width, height) = full, reduced
    if not (0 < width < width0 and 0 < height < height0):
        return False
    return abs(height0 * width / width0 - height) <= 1 + height / width


def _check(path: Path, level: TiffLevel, file_bytes: int) -> None:
    samples = int(level.format.samplesperpixel)
    is_grey = int(level.format.photometric) == GREY
    if (is_grey and samples != 1) or (not is_grey and samples not in (3, 4)):
        raise SlideReadError(f"{path}: the image has {samples} channels, not RGB; export it as RGB")
    width, height = level.size
    segment_width, segment_height = level.segment_size
    needed = -(-width // segment_width) * -(-height // segment_height) * level.planes
    ends = (offset + count for offset, count in zip(level.offsets, level.counts, strict=True))
    if len(level.offsets) < needed or max(ends, default=0) > file_bytes:
        raise SlideReadError(
            f"{path}: the file ends before its pixels do; it was not copied whole: copy it again"
        )


def _size(page: Any) -> tuple[int, int]:
    return int(page.imagewidth), int(page.imagelength)


def _segment_size(page: Any) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilewidth), int(page.tilelength)
    return int(page.imagewidth), min(int(page.rowsperstrip), int(page.imagelength))


def _name(value: Any) -> str:
    """A tag's value by name where the standard has one."""
    return str(getattr(value, "name", value))
