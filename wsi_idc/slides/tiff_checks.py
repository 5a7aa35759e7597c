"""Whether what a TIFF says of itself can be, before a library takes it at its word.

tifffile hands over what stands in the file: numbers where lists should be, texts where numbers
should be, tiles of no width; and it follows directories as long as there is a next one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

# Pages of a stack, levels, labels: a few thousand at most. More are no slide.
_MOST_DIRECTORIES, _MOST_ENTRIES = 100_000, 5_000_000

# TIFF 6.0: width, length, width and length of a tile; the kinds that hold whole numbers.
_SIZES, _TILE_OFFSETS = (256, 257, 322, 323), 324
_WHOLE_NUMBERS = {3: "H", 4: "L", 16: "Q"}

# Whole numbers that every page has, and the least that each may be.
_NUMBERS = {
    **dict.fromkeys(("imagewidth", "imagelength", "imagedepth", "samplesperpixel"), 1),
    **dict.fromkeys(("bitspersample", "tilewidth", "tilelength", "rowsperstrip"), 0),
    **dict.fromkeys(("compression", "photometric", "planarconfig", "predictor", "fillorder"), 0),
}


def check_chain(file: BinaryIO) -> None:
    """Refuse a TIFF whose directories follow each other in a circle.

    Parameters
    ----------
    file : the open file; where it was read up to changes.

    Raises
    ------
    ValueError
        If one follows itself, directly or by way of others, or if there are too many. A chain
        that ends in nothing is the reader's to judge.
    """
    if (layout := _layout(file)) is not None:
        for _ in _directories(file, layout):
            pass


def check_tile_tables(file: BinaryIO) -> None:
    """Refuse a TIFF with an image of more tiles than it has places for.

    Libraries take those that are missing for tiles that were not scanned, and go through them all:
    a small file that claims to be huge would take minutes.

    Parameters
    ----------
    file : the open file; where it was read up to changes.

    Raises
    ------
    ValueError
        If an image does, if all directories have too many entries, or as `check_chain`.
    """
    if (layout := _layout(file)) is None:
        return
    looked_at = 0
    for number, (at, entries) in enumerate(_directories(file, layout)):
        looked_at += entries
        if looked_at > _MOST_ENTRIES:
            raise ValueError(f"its directories have more than {_MOST_ENTRIES:,} entries")
        found = _whole_numbers(file, layout, at, entries)
        width, height, tile_width, tile_height = (found.get(tag, (0, 0))[1] for tag in _SIZES)
        places, _ = found.get(_TILE_OFFSETS, (0, 0))
        if not (tile_width and tile_height):
            continue
        tiles = -(-width // tile_width) * -(-height // tile_height)
        if tiles > places:
            raise ValueError(
                f"its image {number}, of {width}x{height} px, has {tiles:,} tiles, and it tells "
                f"where {places:,} of them are"
            )


class _Layout(NamedTuple):
    """How numbers and entries of a directory are laid out: in a TIFF or a BigTIFF."""

    order: str
    first: int
    offset: struct.Struct
    number: struct.Struct
    entry: struct.Struct


def _layout(file: BinaryIO) -> _Layout | None:
    """As the file's header tells it; None where that is of no TIFF."""
    file.seek(0)
    header = file.read(16)
    if len(header) < 16 or header[:2] not in (b"II", b"MM"):
        return None
    order = "<" if header[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", header, 2)
    at, forms = (8, ("Q", "Q", "HHQ8s")) if version == 43 else (4, ("L", "H", "HHL4s"))
    offset, count, entry = (struct.Struct(order + form) for form in forms)
    return _Layout(order, offset.unpack_from(header, at)[0], offset, count, entry)


def _directories(file: BinaryIO, layout: _Layout) -> Iterator[tuple[int, int]]:
    """Where the entries of each directory begin, and how many it has.

    Raises
    ------
    ValueError
        As `check_chain`.
    """
    at = layout.first
    seen: set[int] = set()
    while at:
        if at in seen:
            raise ValueError(f"its directory at byte {at} follows itself")
        if len(seen) == _MOST_DIRECTORIES:
            raise ValueError(f"it has more than {_MOST_DIRECTORIES:,} directories")
        seen.add(at)
        entries = _read_number(file, at, layout.number)
        if entries is None:
            return
        begin = at + layout.number.size
        following = _read_number(file, begin + entries * layout.entry.size, layout.offset)
        if following is None:
            return
        yield begin, entries
        at = following


def _whole_numbers(
    file: BinaryIO, layout: _Layout, at: int, entries: int
) -> dict[int, tuple[int, int]]:
    """Of tags that tell sizes or places: how many values they have, and the first.

    That is 0 where it does not stand in the directory itself, or is no whole number.
    """
    file.seek(at)
    found = {}
    for tag, kind, count, value in layout.entry.iter_unpack(file.read(entries * layout.entry.size)):
        if tag in _SIZES or tag == _TILE_OFFSETS:
            form = struct.Struct(layout.order + _WHOLE_NUMBERS.get(kind, "Q"))
            is_there = kind in _WHOLE_NUMBERS and 0 < count * form.size <= len(value)
            found[tag] = count, form.unpack_from(value)[0] if is_there else 0
    return found


def odd_tag(page: Any) -> str | None:
    """What of a page's directory cannot be, in words; None where all of it can.

    Parameters
    ----------
    page : tifffile's page, or frame, of which a slide's pixels are to be read.
    """
    for name, least in _NUMBERS.items():
        value = getattr(page, name)
        if not isinstance(value, int):
            return f"{name} is no number"
        if value < least:
            return f"{name} is {value}"
    if page.is_tiled and not (page.tilewidth and page.tilelength):
        return f"its tiles are {page.tilewidth}x{page.tilelength} px"
    if not (page.is_tiled or page.rowsperstrip):
        return "its strips have no rows"
    if not isinstance(page.jpegtables, bytes | None):
        return "its JPEG tables are none"
    if not all(isinstance(extra, int) for extra in page.extrasamples or ()):
        return "extrasamples are no numbers"
    return odd_tables(page)


def odd_tables(page: Any) -> str | None:
    """What is wrong with the tables that say where a page's tiles or strips lie, in words."""
    tables = page.dataoffsets, page.databytecounts
    if any(isinstance(table, str | bytes) for table in tables):
        return "the places of its pixels are text"
    offsets, counts = (np.asarray(table) for table in tables)
    if any(len(table) and table.dtype.kind not in "ui" for table in (offsets, counts)):
        return "the places of its pixels are no numbers"
    if offsets.shape != counts.shape or offsets.ndim != 1:
        return f"it has {offsets.size} places of pixels, and {counts.size} lengths"
    return None


def _read_number(file: BinaryIO, at: int, form: struct.Struct) -> int | None:
    """A number at a place; None where the file ends before."""
    if at >= 2**63:  # beyond what a system can be asked for
        return None
    file.seek(at)
    content = file.read(form.size)
    if len(content) < form.size:
        return None
    (value,) = form.unpack(content)
    return int(value)
