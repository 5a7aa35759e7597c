"""TIFFs that OpenSlide does not read, or reads in part, through tifffile.

These are OME-TIFFs, whose pyramids are in SubIFDs that OpenSlide does not look into and whose
channels it takes for colours, and TIFFs in strips, plain or pyramidal. Scanners' own formats
are not taken, though they are TIFFs: what OpenSlide refuses of them is most likely damaged.
Aperio's are read where this reader is asked for by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wsi_idc.byte_cache import ByteCache
from wsi_idc.errors import SlideReadError
from wsi_idc.privacy import reason_of
from wsi_idc.slides import openslide_reader
from wsi_idc.slides.base import DAMAGED, Pixels, Slide
from wsi_idc.slides.describe import describe_slide
from wsi_idc.slides.info import Level
from wsi_idc.slides.openslide_reader import on_background
from wsi_idc.slides.scale_statements import resolution_properties
from wsi_idc.slides.tiff_checks import check_chain
from wsi_idc.slides.tiff_pages import TiffLevel, find_layout, separate_channels, why_not
from wsi_idc.slides.tiff_segments import decode_segment

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SCANNER_FORMATS = ("svs", "ndpi", "scn", "philips", "bif", "qpi", "lsm", "stk", "fluoview")

# Neighbouring reads share tiles: a row of 256 px tiles over a block of 2,048 px is 1.6 MB.
_CACHE_BYTES = 64 * 2**20

_ICC_TAG, _X_TAG, _Y_TAG, _UNIT_TAG = 34675, 282, 283, 296
_INCH = 2  # what a TIFF means that names no unit


def can_open(path: Path) -> bool:
    """Whether it is a TIFF of no scanner's own format whose tiles or strips are decoded here.

    True as well for one whose channels are not colours, which `TiffReader` refuses and says
    why: another reader would show one of them as if it were the slide.
    """
    if not _is_tiff(path):
        return False
    try:
        with _open(path) as tiff:
            return not _is_of_a_scanner(tiff) and (
                why_not(tiff) is None or separate_channels(tiff) > 0
            )
    except SlideReadError:
        return False


def comes_before_openslide(path: Path) -> bool:
    """Whether OpenSlide would open the file, but not see its pyramid, planes or channels."""
    if not _is_tiff(path) or openslide_reader.vendor(path) != "generic-tiff":
        return False
    try:
        with _open(path) as tiff:
            return (tiff.is_ome or bool(tiff.pages.first.subifds)) and not _is_of_a_scanner(tiff)
    except SlideReadError:
        return False


class TiffReader(Slide):
    """A TIFF read by its tiles and strips.

    Parameters
    ----------
    path : the slide.
    slide_mpp : microns per level-0 pixel given by the user, one number or (x, y).

    Raises
    ------
    SlideReadError
        If it is no TIFF, cut short, not in 8-bit RGB or grey, or compressed in a way that is
        not known.
    MissingMppError
        If the slide does not tell its µm/px and none were given.
    """

    def __init__(self, path: Path, slide_mpp: float | tuple[float, float] | None = None) -> None:
        self._tiff = _open(path)
        try:
            layout = find_layout(path, self._tiff)
            self._levels = layout.levels
            self._cache = ByteCache[tuple[int, int, int], Pixels](
                _CACHE_BYTES, lambda segment: segment.nbytes
            )
            self.icc_profile = _icc_profile(self._levels[0].format)
            self.info = describe_slide(
                path,
                _properties(self._tiff, self._levels[0].format),
                [level.size for level in layout.levels],
                slide_mpp,
                reader="tiff",
                vendor=_format(self._tiff),
                has_icc_profile=self.icc_profile is not None,
                notes=layout.notes,
            )
        except BaseException:
            self._tiff.close()
            raise

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        segment_width, segment_height = self._levels[level.index].segment_size
        region = np.empty((height, width, 3), np.uint8)
        try:
            for row in range(y // segment_height, -(-(y + height) // segment_height)):
                for column in range(x // segment_width, -(-(x + width) // segment_width)):
                    left, top = column * segment_width, row * segment_height
                    x0, y0 = max(x, left), max(y, top)
                    x1 = min(x + width, left + segment_width)
                    y1 = min(y + height, top + segment_height)
                    segment = self._segment(level.index, column, row)
                    region[y0 - y : y1 - y, x0 - x : x1 - x] = segment[
                        y0 - top : y1 - top, x0 - left : x1 - left
                    ]
        except (OSError, SyntaxError, ValueError) as error:
            reason = reason_of(error)
            raise self._cannot_read(level, x, y, width, height, reason) from error
        return region

    def _segment(self, level: int, column: int, row: int) -> Pixels:
        """A tile or strip as RGB, out of the cache where it is there."""
        key = level, column, row
        if (segment := self._cache.get(key)) is None:
            segment = self._decoded(self._levels[level], column, row)
            self._cache.put(key, segment)
        return segment

    def _decoded(self, level: TiffLevel, column: int, row: int) -> Pixels:
        width, height = level.segment_size
        index = row * -(-level.size[0] // width) + column
        if not level.format.is_tiled:  # the last strip may be lower
            height = min(height, level.size[1] - row * height)
        planes = []
        for plane in range(level.planes):
            at = index + plane * (len(level.offsets) // level.planes)
            if level.counts[at] == 0:  # not scanned
                return np.full((height, width, 3), self.info.background, np.uint8)
            self._tiff.filehandle.seek(level.offsets[at])
            data = self._tiff.filehandle.read(level.counts[at])
            planes.append(decode_segment(level.format, data, width, height))
        pixels = np.concatenate(planes, axis=2) if len(planes) > 1 else planes[0]
        if pixels.shape[2] == 1:
            return np.repeat(pixels, 3, axis=2)
        if pixels.shape[2] == 4:
            return on_background(Image.fromarray(pixels), self.info.background)
        return pixels

    def close(self) -> None:
        """Release the file."""
        self._tiff.close()


def _is_tiff(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in _TIFF_MAGIC
    except OSError:
        return False


def _open(path: Path) -> Any:
    import tifffile

    try:
        tiff = tifffile.TiffFile(path, _multifile=False)
    except Exception as error:  # a damaged directory makes it stumble in many ways
        raise SlideReadError(
            f"{path}: not a TIFF that can be read ({reason_of(error)}); it is of "
            f"another format, or {DAMAGED}"
        ) from error
    try:
        check_chain(tiff.filehandle)  # tifffile goes round in a circle for hours
        _ = tiff.series
    except Exception as error:
        tiff.close()
        raise SlideReadError(
            f"{path}: the TIFF's directory cannot be read ({reason_of(error)}); {DAMAGED}"
        ) from error
    return tiff


def _is_of_a_scanner(tiff: Any) -> bool:
    return any(getattr(tiff, f"is_{name}", False) for name in _SCANNER_FORMATS)


def _format(tiff: Any) -> str:
    if tiff.is_svs:
        return "aperio"
    return "ome-tiff" if tiff.is_ome else "tiff"


def _icc_profile(page: Any) -> bytes | None:
    tag = page.tags.get(_ICC_TAG)
    return tag.value if tag is not None and isinstance(tag.value, bytes) else None


def _properties(tiff: Any, page: Any) -> dict[str, str]:
    """What the file says of its scale, under OpenSlide's names."""
    tags = page.tags
    unit, x, y = (tags[tag].value if tag in tags else None for tag in (_UNIT_TAG, _X_TAG, _Y_TAG))
    description = str(tiff.pages.first.description or "")
    found = resolution_properties(unit or _INCH, x, y)
    found["tiff.ImageDescription"] = description
    if tiff.is_svs:
        pairs = (entry.partition("=") for entry in description.split("|")[1:])
        found |= {f"aperio.{name.strip()}": value.strip() for name, _, value in pairs}
    return found
