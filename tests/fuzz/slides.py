"""Hostile slides: sound ones damaged anywhere, and TIFFs whose directories lie."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.damage import damaged, flipped, mangled, truncated
from fuzz.images import many_scans
from fuzz.reading import read_everything
from fuzz.tiff_tags import SUB_IFDS, Directory, Entry, Tiff

_READERS = ("auto", "auto", "auto", "tiff", "openslide", "direct", "image")

_WIDTH, _HEIGHT, _BITS, _COMPRESSION = 256, 257, 258, 259
_TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS = 322, 323, 324, 325
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_COUNTS, _TABLES = 273, 278, 279, 347
_SAMPLES, _PLANAR = 277, 284
_ODD = (0, 1, 2, 7, 255, 256, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
_GIANT = (65_520, 100_000, 1_000_000, 2**31 - 1, 2**32 - 1)


def attempt(path: Path, content: bytes, about: str, rng: Random) -> Attempt:
    """Write a slide; it is to be read by the reader that the program chooses, mostly."""
    path.write_bytes(content)
    reader = rng.choice(_READERS)
    # Without a scale of its own a slide ends at once, and nothing else of it is tried.
    slide_mpp = rng.choice([None, 0.5, 0.5, 2.0])
    run = partial(read_everything, path, reader=reader, slide_mpp=slide_mpp)
    given = "" if slide_mpp is None else f", µm/px {slide_mpp}"
    return Attempt(run, (path.name,), f"{path.name} ({about}), reader {reader}{given}")


def _truncated(path: Path, folder: Path, rng: Random) -> Attempt:
    content, about = truncated(path.read_bytes(), rng)
    return attempt(folder / path.name, content, about, rng)


def _flipped(path: Path, folder: Path, rng: Random) -> Attempt:
    content = path.read_bytes()
    head = None
    if path.suffix in (".svs", ".tif", ".tiff"):
        head = [directory.at for directory in Tiff(content).directories]
    how = flipped if rng.random() < 0.7 else mangled
    changed, about = flipped(content, rng, head) if how is flipped else mangled(content, rng)
    return attempt(folder / path.name, changed, about, rng)


def made_truncated(bases: Bases, folder: Path, rng: Random) -> Attempt:
    return _truncated(rng.choice(bases.slides), folder, rng)


def made_flipped(bases: Bases, folder: Path, rng: Random) -> Attempt:
    return _flipped(rng.choice(bases.slides), folder, rng)


def real_truncated(bases: Bases, folder: Path, rng: Random) -> Attempt:
    return _truncated(rng.choice(bases.real_slides), folder, rng)


def real_flipped(bases: Bases, folder: Path, rng: Random) -> Attempt:
    return _flipped(rng.choice(bases.real_slides), folder, rng)


def _tiff(bases: Bases, rng: Random) -> tuple[Path, Tiff]:
    path = rng.choice(bases.tiffs)
    return path, Tiff(path.read_bytes())


def _set(tiff: Tiff, directory: Directory, tag: int, value: int) -> bool:
    entry = directory.entry(tag)
    if entry is not None:
        tiff.set_value(entry, value)
    return entry is not None


def lying_tags(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """Entries of the directories changed: another value, type, count, place or tag."""
    path, tiff = _tiff(bases, rng)
    told = []
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        directory = rng.choice(tiff.directories)
        entry = rng.choice(directory.entries)
        told.append(f"tag {entry.tag}: {_lie(tiff, entry, rng)}")
    return attempt(folder / path.name, bytes(tiff.content), "; ".join(told), rng)


def _lie(tiff: Tiff, entry: Entry, rng: Random) -> str:
    how = rng.choice(["value", "value", "value", "type", "count", "place", "tag"])
    if how == "value":
        value = rng.choice([*_ODD, rng.randrange(2**16), len(tiff.content)])
        tiff.set_value(entry, value, rng.randrange(min(max(1, entry.count), 4)))
        return f"value {value}"
    if how == "type":
        kind = rng.choice([0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 99])
        tiff.set_kind(entry, kind)
        return f"type {kind}"
    if how == "count":
        count = rng.choice([0, 2, entry.count + 1, 70_000, 2**31 - 1, 2**32 - 1])
        tiff.set_count(entry, count)
        return f"count {count}"
    if how == "place":
        offset = rng.choice([0, 8, entry.at, len(tiff.content) - 1, len(tiff.content), 2**32 - 1])
        tiff.set_field(entry, offset)
        return f"at {offset}"
    tag = rng.choice([_WIDTH, _OFFSETS, _TABLES, 270, 34675, SUB_IFDS, 65000])
    tiff.set_tag(entry, tag)
    return f"renamed {tag}"


def giant(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """Dimensions that no slide has, of the image, of its tiles, or of both."""
    path, tiff = _tiff(bases, rng)
    which = rng.choice([tiff.directories[:1], tiff.directories[1:], tiff.directories])
    tags = rng.choice(
        [
            (_WIDTH, _HEIGHT),
            (_WIDTH,),
            (_HEIGHT,),
            (_TILE_WIDTH, _TILE_HEIGHT),
            (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT),
            (_ROWS_PER_STRIP, _HEIGHT),
        ]
    )
    side = rng.choice(_GIANT)
    for directory in which:
        for tag in tags:
            entry = directory.entry(tag)
            if entry is not None and entry.kind == 3 and side > 65_535:
                # A SHORT cannot hold it: the same place as a LONG, in one field of four bytes.
                tiff.set_kind(entry, 4)
                tiff.set_field(entry, side)
            elif entry is not None:
                tiff.set_value(entry, side)
    about = f"{len(which)} directories with tags {tags} of {side:,}"
    return attempt(folder / path.name, bytes(tiff.content), about, rng)


def zero(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """No tiles, tiles of no size, no bytes in them, no bits in a pixel."""
    path, tiff = _tiff(bases, rng)
    tag = rng.choice(
        [
            *(_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, _BITS, _SAMPLES, _PLANAR),
            *(_OFFSETS, _COUNTS, _STRIP_OFFSETS, _STRIP_COUNTS, _ROWS_PER_STRIP),
        ]
    )
    directories = rng.choice([tiff.directories[:1], tiff.directories[-1:], tiff.directories])
    no_values = rng.random() < 0.3
    for directory in directories:
        entry = directory.entry(tag)
        if entry is None:
            continue
        if no_values:
            tiff.set_count(entry, 0)
            continue
        for index in range(entry.count):
            tiff.set_value(entry, 0, index)
    about = f"tag {tag} of {len(directories)} directories {'without values' if no_values else '0'}"
    return attempt(folder / path.name, bytes(tiff.content), about, rng)


def cyclic(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """Directories that follow themselves or each other, or point into nothing."""
    path, tiff = _tiff(bases, rng)
    directory = rng.choice(tiff.directories)
    places = [one.at for one in tiff.directories]
    to = rng.choice([*places, *places, directory.at, 4, len(tiff.content) - 2, 2**31])
    entry = rng.choice(directory.entries)
    if rng.random() < 0.5:
        tiff.set_next(directory, to)
        about = f"the directory at {directory.at} is followed by the one at {to}"
    else:
        tiff.set_tag(entry, SUB_IFDS)
        tiff.set_kind(entry, 4)
        tiff.set_count(entry, 1)
        tiff.set_field(entry, to)
        about = f"the directory at {directory.at} has one at {to} inside"
    return attempt(folder / path.name, bytes(tiff.content), about, rng)


def jpeg_streams(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """JPEG tiles with wrong tables, other dimensions, other components, or nonsense in them."""
    path = rng.choice([p for p in bases.tiffs if p.name in ("aperio.svs", "generic.tif")])
    tiff = Tiff(path.read_bytes())
    directory = rng.choice(tiff.directories)
    offsets, counts = directory.entry(_OFFSETS), directory.entry(_COUNTS)
    assert offsets is not None and counts is not None
    sizes = tiff.values(counts)
    index = rng.choice([0, sizes.index(max(sizes)), rng.randrange(len(sizes))])
    start = tiff.values(offsets)[index]
    stream = tiff.content[start : start + sizes[index]]
    if rng.random() < 0.1:
        scans = many_scans(rng.choice([20, 200, 20_000]), side=128)
        tiff.set_value(offsets, len(tiff.content), index)
        tiff.set_value(counts, len(scans), index)
        about = f"tile {index} of many scans"
        return attempt(folder / path.name, bytes(tiff.content) + scans, about, rng)
    marker, name = rng.choice(
        [(0xC0, "frame"), (0xC4, "Huffman tables"), (0xDB, "quantisation tables"), (0xDA, "scan")]
    )
    at = stream.find(bytes([0xFF, marker]))
    assert at >= 0
    if marker == 0xC0 and rng.random() < 0.7:
        height, width = rng.choice(
            [(0, 0), (1, 1), (20_000, 20_000), (65_500, 65_500), (128, 136), (65_500, 128)]
        )
        stream[at + 5 : at + 9] = height.to_bytes(2) + width.to_bytes(2)
        about = f"tile {index} says {width}x{height}"
    else:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4])
        place = rng.randrange(at + 1, end)
        stream[place:end] = damaged(bytes(stream[place:end]), rng)[0][: end - place].ljust(
            end - place, b"\xff"
        )
        about = f"tile {index} with damaged {name}"
    tiff.content[start : start + sizes[index]] = stream
    return attempt(folder / path.name, bytes(tiff.content), about, rng)


def jpeg_tables(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """A JPEGTables tag where there was none: too short, random, or a whole other JPEG."""
    path = rng.choice([p for p in bases.tiffs if p.name in ("aperio.svs", "generic.tif")])
    tiff = Tiff(path.read_bytes())
    directory = rng.choice(tiff.directories)
    picture = next(p for p in bases.slides if p.name == "plain.jpg").read_bytes()
    tables = rng.choice(
        [
            b"",
            b"\xff",
            b"\xff\xd8\xff\xd9",
            rng.randbytes(300),
            picture,
            picture[:620] + b"\xff\xd9",
        ]
    )
    # In place of a tag that no reader needs, of a number near it: tags are to stand in order.
    entry = directory.entry(282) or directory.entry(_SAMPLES)
    assert entry is not None
    tiff.set_tag(entry, _TABLES)
    tiff.set_kind(entry, 7)
    tiff.set_count(entry, len(tables))
    tiff.set_field(entry, len(tiff.content))
    content = bytes(tiff.content) + tables
    return attempt(folder / path.name, content, f"JPEG tables of {len(tables)} bytes", rng)


KINDS = {
    "slide-truncated": Kind(made_truncated, 30, 1000),
    "slide-flipped": Kind(made_flipped, 40, 1600),
    "slide-tags": Kind(lying_tags, 40, 1600),
    "slide-giant": Kind(giant, 20, 480),
    "slide-zero": Kind(zero, 20, 480),
    "slide-cyclic": Kind(cyclic, 15, 320),
    "slide-jpeg": Kind(jpeg_streams, 20, 480),
    "slide-tables": Kind(jpeg_tables, 8, 160),
    "real-truncated": Kind(real_truncated, 10, 480, needs_real=True),
    "real-flipped": Kind(real_flipped, 10, 640, needs_real=True),
}
