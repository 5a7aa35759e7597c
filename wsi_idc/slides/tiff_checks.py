"""Whether what a TIFF says of itself can be, before a library takes it at its word.

tifffile hands over what stands in the file: numbers where lists should be, texts where numbers
should be, tiles of no width; and it follows directories as long as there is a next one.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np

# Pages of a stack, levels, labels: a few thousand at most. More are no slide.
_MOST_DIRECTORIES = 100_000

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
    file.seek(0)
    header = file.read(16)
    if len(header) < 16 or header[:2] not in (b"II", b"MM"):
        return
    order = "<" if header[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", header, 2)
    is_big = version == 43
    offset, count, entry_bytes = (
        (struct.Struct(f"{order}Q"), struct.Struct(f"{order}Q"), 20)
        if is_big
        else (struct.Struct(f"{order}L"), struct.Struct(f"{order}H"), 12)
    )
    (at,) = offset.unpack_from(header, 8 if is_big else 4)
    seen: set[int] = set()
    while at:
        if at in seen:
            raise ValueError(f"its directory at byte {at} follows itself")
        if len(seen) == _MOST_DIRECTORIES:
            raise ValueError(f"it has more than {_MOST_DIRECTORIES:,} directories")
        seen.add(at)
        entries = _read_number(file, at, count)
        if entries is None:
            return
        following = _read_number(file, at + count.size + entries * entry_bytes, offset)
        if following is None:
            return
        at = following


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
