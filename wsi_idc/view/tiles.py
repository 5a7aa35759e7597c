"""Tiles of slides as JPEG: read, encoded, and kept while there is room."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass

import simplejpeg

from wsi_idc.byte_cache import ByteCache
from wsi_idc.slides.info import SlideInfo
from wsi_idc.view.entry import SlideEntry
from wsi_idc.view.handles import OpenSlides
from wsi_idc.view.pyramid import TilePyramid

# Above what scanners use, and colours at full resolution: the second coding is not seen.
_QUALITY, _COLOURS = 88, "444"
_CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class TileKey:
    """Which tile of which slide."""

    slide: str
    level: int
    column: int
    row: int


class TileMaker:
    """Makes tiles; many threads may ask at a time, and one tile is made once.

    Parameters
    ----------
    slides : lends open slides.
    """

    def __init__(self, slides: OpenSlides) -> None:
        self._slides = slides
        self._cache = ByteCache[TileKey, bytes](_CACHE_BYTES, len)
        self._under_way: dict[TileKey, Future[bytes | None]] = {}
        self._lock = threading.Lock()

    def info(self, entry: SlideEntry) -> SlideInfo:
        """What a slide is.

        Raises
        ------
        SlideError
            If it cannot be opened.
        """
        with self._slides.lend(entry.key, entry.source) as slide:
            return slide.info

    def cached(self, key: TileKey) -> bytes | None:
        """A tile that is there already."""
        return self._cache.get(key)

    def tile(self, entry: SlideEntry, key: TileKey) -> bytes | None:
        """A tile as JPEG; None where the slide has no such tile.

        Raises
        ------
        SlideError
            If the slide cannot be opened, or is damaged there.
        """
        with self._lock:
            waiting = self._under_way.get(key)
            if waiting is None:
                mine: Future[bytes | None] = Future()
                self._under_way[key] = mine
        if waiting is not None:
            return waiting.result()
        try:
            made = self._cache.get(key) or self._make(entry, key)
            if made is not None:
                self._cache.put(key, made)
            mine.set_result(made)
            return made
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._under_way[key]

    def _make(self, entry: SlideEntry, key: TileKey) -> bytes | None:
        with self._slides.lend(entry.key, entry.source) as slide:
            info = slide.info
            box = TilePyramid.of(info).box(key.level, key.column, key.row)
            if box is None:
                return None
            x = info.bounds.x + box.x_um / info.mpp_x
            y = info.bounds.y + box.y_um / info.mpp_y
            pixels = slide.read(x, y, (box.width_px, box.height_px), box.mpp)
        encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorsubsampling=_COLOURS)
        return encoded
