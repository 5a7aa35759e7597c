"""JPEG tiles of TIFF slides, decoded without a slide library in between.

Most scanners' slides are TIFFs of JPEG tiles, and OpenSlide spends four fifths of its time on
other things than decoding them. Here libjpeg-turbo decodes each tile straight to RGB, in as many
threads as ask. OpenSlide stays the reference: it describes the slide, one tile of every level
must come out the same to the last bit before a slide is read this way, and a tile that looks
unusual in any way is OpenSlide's to read or to refuse. So the pixels and the errors are
OpenSlide's, only sooner.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsi_idc.byte_cache import ByteCache
from wsi_idc.privacy import reason_of
from wsi_idc.slides.array_pool import ArrayPool
from wsi_idc.slides.base import Pixels, UnfitReaderError
from wsi_idc.slides.cells import put_strip
from wsi_idc.slides.info import Level
from wsi_idc.slides.levels import choose_level
from wsi_idc.slides.openslide_reader import OpenSlideReader, vendor
from wsi_idc.slides.pictures import MOST_SCANS, has_too_many_scans
from wsi_idc.slides.resample import Box, whole_means, whole_ratios
from wsi_idc.slides.tiff_checks import check_chain, odd_tag
from wsi_idc.slides.tiff_segments import JPEG, RGB, YCBCR

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

# Formats of OpenSlide that keep whole RGB tiles as they are; others overlap or blend them.
_VENDORS = ("aperio", "generic-tiff")

# Tiles that a read cuts through are wanted again by its neighbours: so many bytes of them are
# kept, which the blocks of `wsi_idc.tiling.blocks` around one place need.
_CACHE_BYTES = 48 * 2**20

# Blocks that are read, waited for and worked on at a time, with eight threads (`tiling.blocks`).
_ARRAYS_USED_OVER = 11

# The first coefficient of a JPEG block is its mean: a tile's means cost half of decoding it where
# there is tissue, and less on glass.
_MEAN_PX = 8

# Glass takes few bytes. Where the tiles with most bytes have so many times those of the tiles with
# least, there is glass on the slide, and what has fewer than the geometric mean of both is it.
_LEAST_CONTRAST = 3.0
_QUANTILES = 0.01, 0.99

_CONTIGUOUS = 1  # TIFF 6.0, tag PlanarConfiguration


def can_open(path: Path) -> bool:
    """Whether it is of a format whose files often are TIFFs of JPEG tiles."""
    return vendor(path) in _VENDORS


class DirectReader(OpenSlideReader):
    """A TIFF slide whose JPEG tiles are decoded directly. Threads may share it.

    Parameters
    ----------
    path : the slide.
    slide_mpp : microns per level-0 pixel given by the user, one number or (x, y).

    Raises
    ------
    SlideReadError
        If OpenSlide cannot open the file.
    UnfitReaderError
        If it is not made of such tiles.
    MissingMppError
        If the slide does not tell its µm/px and none were given.
    """

    serves_threads = True

    def __init__(self, path: Path, slide_mpp: float | tuple[float, float] | None = None) -> None:
        super().__init__(path, slide_mpp)
        try:
            self.info = dataclasses.replace(self.info, reader="direct")
            self._levels = _tiled_levels(path, self.info.levels)
            for level in self.info.levels:
                self._levels[_level_of_means(level).index] = self._levels[level.index].reduced()
            self._cache = ByteCache[_TileKey, Pixels](_CACHE_BYTES, lambda tile: tile.nbytes)
            self._pool = ArrayPool(_ARRAYS_USED_OVER)
            self._mine = threading.local()
            self._reading = threading.Lock()
            self._refused = threading.Lock()
            self._file = path.open("rb", buffering=0)
            self._file_bytes = os.fstat(self._file.fileno()).st_size
            for level in self.info.levels:
                self._check_against_openslide(level)
        except BaseException:
            self.close()
            raise

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        try:
            return self._decoded(level, x, y, width, height)
        except _EndlessError as error:
            raise self._cannot_read(level, x, y, width, height, str(error)) from error
        except _Unusual:
            with self._refused:
                return self._read_by_openslide(level, x, y, width, height)

    def _read_by_openslide(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        if level.index >= 0:
            return super()._read_inside(level, x, y, width, height)
        read = self._level(-1 - level.index)  # what `level` has the means of
        px = _MEAN_PX
        right, bottom = min((x + width) * px, read.width), min((y + height) * px, read.height)
        region = super()._read_inside(read, x * px, y * px, right - x * px, bottom - y * px)
        beyond = height * px - region.shape[0], width * px - region.shape[1]
        region = np.pad(region, ((0, beyond[0]), (0, beyond[1]), (0, 0)), mode="edge")
        return whole_means(region, px, px)

    def _displacement(self, level: Level, x: int, y: int) -> tuple[float, float]:
        return 0.0, 0.0

    def _averaged(
        self, level: Level, region: tuple[int, int, int, int], box: Box, size: tuple[int, int]
    ) -> Pixels:
        """The same, tile by tile while each is in the processor's cache, where that is possible."""
        tiles = self._levels[level.index]
        ratio, other = whole_ratios(box, size) or (1, 1)
        x, y = region[0] + round(box[0]), region[1] + round(box[1])
        is_inside = min(x, y) >= 0 and x + size[0] * ratio <= level.width
        is_inside = is_inside and y + size[1] * ratio <= level.height
        is_even = not any(side % ratio for side in (x, y, tiles.width, tiles.height))
        if ratio == other > 1 and is_inside and is_even:
            with contextlib.suppress(_Unusual):
                return self._decoded(level, x // ratio, y // ratio, *size, ratio)
        return super()._averaged(level, region, box, size)

    def read_cells(
        self, x: float, y: float, side: int, across: int, down: int, mpp: float
    ) -> Pixels:
        """The same, a column of tiles at a time while it is in the processor's cache."""
        level, size = choose_level(self.info, mpp), (across * side, down * side)
        left, top, right, bottom = box = self._box(level, x, y, size, mpp)
        is_inside = min(left, top) >= 0 and right <= level.width and bottom <= level.height
        if whole_ratios(box, size) != (1, 1) or not is_inside or self._to_srgb is not None:
            return super().read_cells(x, y, side, across, down, mpp)
        cells = self._pool.take((down, across, side, side, 3))
        first, last, width = round(left), round(right), self._levels[level.index].width
        try:
            for column in range(first // width, -(-last // width)):
                start, stop = max(column * width, first), min((column + 1) * width, last)
                strip = self._column(level, column, start, stop, round(top), round(bottom))
                put_strip(cells, start - first, strip)
        except _Unusual:  # what it is, and what to say of it, the usual way tells
            return super().read_cells(x, y, side, across, down, mpp)
        return cells

    def _column(
        self, level: Level, column: int, left: int, right: int, top: int, bottom: int
    ) -> Pixels:
        """A rectangle within a column of tiles, in memory that this thread's next call takes."""
        tiles = self._levels[level.index]
        first, last = top // tiles.height, -(-bottom // tiles.height)
        pixels = self._scratch((last - first) * tiles.height, tiles.width)
        is_cut = right - left < tiles.width
        for row in range(first, last):
            at = row * tiles.height
            keep = is_cut or at < top or at + tiles.height > bottom
            into = pixels[at - first * tiles.height :][: tiles.height]
            self._tile(level, row * tiles.across + column, 1, keep=keep, into=into)
        above, before = first * tiles.height, column * tiles.width
        return pixels[top - above : bottom - above, left - before : right - before]

    def _scratch(self, height: int, width: int) -> Pixels:
        """Memory for uint8 RGB [height, width, 3] that this thread's next call takes again."""
        size = height * width * 3
        memory: Pixels | None = getattr(self._mine, "memory", None)
        if memory is None or memory.size < size:
            memory = self._mine.memory = np.empty(size, np.uint8)
        return memory[:size].reshape(height, width, 3)

    def _means(self, level: Level) -> Level | None:
        return _level_of_means(level)

    def is_plain(self, x: float, y: float, size: tuple[int, int], mpp: float) -> bool:
        """Whether all tiles under a rectangle have as few bytes as glass has."""
        level = choose_level(self.info, mpp)
        tiles = self._levels[level.index]
        left, top, right, bottom = self._box(level, x, y, size, mpp)
        columns = _tiles_between(left, right, tiles.width)
        rows = _tiles_between(top, bottom, tiles.height)
        return bool(tiles.looks_plain[rows, columns].all())

    def close(self) -> None:
        """Release the file."""
        super().close()
        if hasattr(self, "_file"):
            self._file.close()

    def _decoded(
        self, level: Level, x: int, y: int, width: int, height: int, ratio: int = 1
    ) -> Pixels:
        """A rectangle of a level or, in pixels of that size, of its means over `ratio` pixels."""
        tiles = self._levels[level.index]
        tile_width, tile_height = tiles.width // ratio, tiles.height // ratio
        region = np.empty((height, width, 3), np.uint8)
        # Column by column: the block to the right, in another thread, has by then left the
        # column between the two in the cache.
        for column in range(x // tile_width, -(-(x + width) // tile_width)):
            left = column * tile_width - x
            for row in range(y // tile_height, -(-(y + height) // tile_height)):
                top = row * tile_height - y
                is_cut = (
                    min(left, top) < 0 or left + tile_width > width or top + tile_height > height
                )
                # Means are small, and neighbours want them whether they are cut or not.
                tile = self._tile(
                    level, row * tiles.across + column, ratio, keep=is_cut or ratio > 1
                )
                region[max(top, 0) : top + tile_height, max(left, 0) : left + tile_width] = tile[
                    max(-top, 0) : height - top, max(-left, 0) : width - left
                ]
        return region

    def _tile(
        self, level: Level, index: int, ratio: int, *, keep: bool, into: Pixels | None = None
    ) -> Pixels:
        """A whole tile or its means, uint8 RGB [height, width, 3]; what hangs over, too.

        `into` takes a tile as it is, contiguous and of its size.
        """
        key = level.index, index, ratio
        if keep and (known := self._cache.get(key)) is not None:
            if into is not None:
                into[:] = known
            return known
        tiles = self._levels[level.index]
        data = self._bytes_of(tiles, index)
        if ratio > 1:
            whole = tiles.decode(data, self._scratch(tiles.height, tiles.width))
            tile = whole_means(whole, ratio, ratio)
        else:
            tile = tiles.decode(data, into)
        if keep:
            self._cache.put(key, tile if into is None else tile.copy())
        return tile

    def _bytes_of(self, tiles: _TiledLevel, index: int) -> bytes:
        offset, count = int(tiles.offsets[index]), int(tiles.counts[index])
        if offset + count > self._file_bytes:  # memory for them is taken before they are read
            raise _Unusual
        if hasattr(os, "pread"):  # not on Windows; one call, and threads need not wait
            data = os.pread(self._file.fileno(), count, offset)
        else:
            with self._reading:
                self._file.seek(offset)
                data = self._file.read(count)
        if len(data) != count:
            raise _Unusual
        return data

    def _check_against_openslide(self, level: Level) -> None:
        """Refuse the slide unless a tile of a level comes out as OpenSlide's.

        The one with most bytes, so most to be wrong in, among those that OpenSlide does not
        move by a part of a pixel; the one at the corner is always among them.
        """
        tiles = self._levels[level.index]
        for index in (int(np.argmax(tiles.counts)), 0):
            row, column = divmod(index, tiles.across)
            x, y = column * tiles.width, row * tiles.height
            if super()._displacement(level, x, y) == (0.0, 0.0):
                break
        size = min(tiles.width, level.width - x), min(tiles.height, level.height - y)
        try:
            own = self._decoded(level, x, y, *size)
        except _EndlessError as error:
            raise self._cannot_read(level, x, y, *size, str(error)) from error
        except _Unusual:
            own = None
        if own is None or not np.array_equal(own, super()._read_inside(level, x, y, *size)):
            raise _unfit(self.info.path, f"level {level.index} is coded in an unusual way")


class _Unusual(Exception):
    """A tile is not what it should be; OpenSlide shall judge it."""


class _EndlessError(_Unusual):
    """A tile would keep OpenSlide busy for ever; it is not to see it."""


@dataclasses.dataclass(frozen=True, eq=False)
class _TiledLevel:
    """Where the tiles of a level lie in the file, and what their JPEG streams lack.

    Attributes
    ----------
    width, height : size of a tile in pixels.
    across : tiles in a row.
    offsets, counts : int64 [tiles], bytes.
    header : bytes to put behind the two that begin a tile: its colour space, and tables
        that all tiles share.
    looks_plain : bool [down, across], where tiles have as few bytes as glass has.
    mean_px : pixels of the file a side that are decoded to one, their mean; 1 or 8.
    """

    width: int
    height: int
    across: int
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    header: bytes
    looks_plain: NDArray[np.bool_]
    mean_px: int = 1

    def reduced(self) -> _TiledLevel:
        """The means of its blocks of 8 px; the sides of JPEG tiles are multiples of 16 px."""
        px = _MEAN_PX
        return dataclasses.replace(
            self, width=self.width // px, height=self.height // px, mean_px=px
        )

    def decode(self, data: bytes, into: Pixels | None = None) -> Pixels:
        """Decode a tile, uint8 RGB [height, width, 3]; into memory of that size, if given.

        Raises
        ------
        _Unusual
            If it has another size, or libjpeg has any objection, be it a warning.
        """
        import simplejpeg

        how: dict[str, int] = {}
        if self.mean_px > 1:
            how = {"min_factor": self.mean_px, "min_width": self.width, "min_height": self.height}
        side = self.mean_px
        try:
            stream = data[:2] + self.header + data[2:]
            # libjpeg makes room for what a stream says it holds, and fills it, before it objects.
            height, width = simplejpeg.decode_jpeg_header(stream)[:2]
            if (width, height) != (self.width * side, self.height * side):
                raise _Unusual
            if has_too_many_scans(stream):  # OpenSlide would decode them all
                raise _EndlessError(f"a JPEG tile has more than {MOST_SCANS} scans")
            tile: Pixels = simplejpeg.decode_jpeg(stream, "RGB", buffer=into, **how)
        except ValueError as error:
            raise _Unusual from error
        if tile.shape != (self.height, self.width, 3):
            raise _Unusual
        return tile


_TileKey = tuple[int, int, int]
"""A level's number, a tile's, and how many pixels a side are one: 1 of a tile as it is."""


def _tiled_levels(path: Path, levels: tuple[Level, ...]) -> dict[int, _TiledLevel]:
    """The tiles of every level, by the level's number.

    Raises
    ------
    UnfitReaderError
        If one of them is not made of JPEG tiles of 8-bit RGB.
    """
    import tifffile

    pages = {}
    try:
        with tifffile.TiffFile(path) as tiff:
            check_chain(tiff.filehandle)
            for page in reversed(_all_pages(tiff)):  # of two of one size OpenSlide takes the first
                if odd_tag(page) is None and _is_fit(page):
                    pages[page.imagewidth, page.imagelength] = _tiled_level(page)
    except (tifffile.TiffFileError, ValueError, OSError) as error:
        raise _unfit(path, f"its TIFF structure is unusual ({error})") from error
    found = {}
    for level in levels:
        if (level.width, level.height) not in pages:
            raise _unfit(path, f"level {level.index} is not made of JPEG tiles of 8-bit RGB")
        found[level.index] = pages[level.width, level.height]
    return found


def _all_pages(tiff: TiffFile) -> list[TiffPage]:
    try:
        return list(tiff.pages)
    except Exception as error:  # a damaged directory makes tifffile stumble in many ways
        raise ValueError(reason_of(error)) from error


def _is_fit(page: TiffPage) -> bool:
    return bool(
        page.is_tiled
        and page.compression == JPEG
        and page.photometric in (RGB, YCBCR)
        and page.planarconfig == _CONTIGUOUS
        and page.samplesperpixel == 3
        and page.bitspersample == 8
        and page.imagedepth == page.tiledepth == 1
    )


def _tiled_level(page: TiffPage) -> _TiledLevel:
    across = -(-page.imagewidth // page.tilewidth)
    offsets, counts = (
        np.array(table, np.int64) for table in (page.dataoffsets, page.databytecounts)
    )
    if not len(offsets) == len(counts) == across * -(-page.imagelength // page.tilelength):
        raise ValueError("its tile tables have the wrong length")
    if not counts.all():
        # OpenSlide shows other levels in their place, and does so on the coarser levels too.
        raise ValueError("it leaves out tiles")
    # What libjpeg cannot know from the stream of a TIFF tile: an Adobe marker, whose last byte
    # says RGB or YCbCr. Then the tables without the two markers around them.
    colour = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
    colour += b"\x01" if page.photometric == YCBCR else b"\x00"
    tables = page.jpegtables or b""
    return _TiledLevel(
        width=page.tilewidth,
        height=page.tilelength,
        across=across,
        offsets=offsets,
        counts=counts,
        header=colour + tables[2:-2],
        looks_plain=_plain(counts).reshape(-1, across),
    )


def _plain(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which tiles have as few bytes as glass has, bool [tiles]; none where there is no glass."""
    least, most = np.quantile(counts, _QUANTILES)
    if most < _LEAST_CONTRAST * least:
        return np.zeros(len(counts), bool)
    return np.asarray(counts < math.sqrt(least * most))


def _tiles_between(start: float, stop: float, side: int) -> slice:
    """The tiles that an interval of pixels touches, rounding noise at its ends aside."""
    slack = 1e-6
    return slice(max(0, math.floor(start / side + slack)), max(0, math.ceil(stop / side - slack)))


def _level_of_means(level: Level) -> Level:
    px = _MEAN_PX
    return Level(
        index=-1 - level.index,
        width=-(-level.width // px),
        height=-(-level.height // px),
        downsample_x=level.downsample_x * px,
        downsample_y=level.downsample_y * px,
    )


def _unfit(path: Path, reason: str) -> UnfitReaderError:
    return UnfitReaderError(
        f"{path}: {reason}, so it cannot be read directly; use --reader openslide"
    )
