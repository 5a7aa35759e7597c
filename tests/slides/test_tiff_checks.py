"""What of a TIFF's directory cannot be, one by one; whole files of each kind are in tests/fuzz."""

from __future__ import annotations

import io
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from wsi_idc.slides.tiff_checks import check_chain, check_tile_tables, odd_tag


def page(**changed: Any) -> SimpleNamespace:
    """A sound page of one tile."""
    sound: dict[str, Any] = {
        "imagewidth": 256, "imagelength": 256, "imagedepth": 1, "samplesperpixel": 3,
        "bitspersample": 8, "tilewidth": 256, "tilelength": 256, "rowsperstrip": 0,
        "compression": 7, "photometric": 6, "planarconfig": 1, "predictor": 1, "fillorder": 1,
        "is_tiled": True, "jpegtables": None, "extrasamples": (), "dataoffsets": (1000,),
        "databytecounts": (20,),
    }  # fmt: skip
    return SimpleNamespace(**(sound | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"is_tiled": False, "tilewidth": 0, "rowsperstrip": 8},
        {"jpegtables": b"\xff\xd8", "extrasamples": (0, 2)},
        {"extrasamples": None},
        {"dataoffsets": (), "databytecounts": ()},
    ],
)
def test_a_sound_page_has_nothing_odd(changed: dict[str, Any]) -> None:
    assert odd_tag(page(**changed)) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"imagewidth": "256"}, "imagewidth is no number"),
        ({"imagelength": 0}, "imagelength is 0"),
        ({"samplesperpixel": 0}, "samplesperpixel is 0"),
        ({"bitspersample": (8, 8)}, "bitspersample is no number"),
        ({"compression": -1}, "compression is -1"),
        ({"tilewidth": 0}, "its tiles are 0x256 px"),
        ({"tilelength": 0}, "its tiles are 256x0 px"),
        ({"is_tiled": False}, "its strips have no rows"),
        ({"jpegtables": (1, 2)}, "its JPEG tables are none"),
        ({"extrasamples": ("a",)}, "extrasamples are no numbers"),
        ({"dataoffsets": "1000"}, "the places of its pixels are text"),
        ({"databytecounts": b"20"}, "the places of its pixels are text"),
        ({"dataoffsets": (1.5,)}, "the places of its pixels are no numbers"),
        ({"dataoffsets": (1, 2)}, "it has 2 places of pixels, and 1 lengths"),
        ({"dataoffsets": ((1,),)}, "it has 1 places of pixels, and 1 lengths"),
    ],
)
def test_what_cannot_be_is_told(changed: dict[str, Any], told: str) -> None:
    assert odd_tag(page(**changed)) == told


def chain(*following: int, order: str = "<") -> io.BytesIO:
    """A TIFF of empty directories from byte 8 on, 6 bytes each, by where the next one is."""
    header = b"II" if order == "<" else b"MM"
    content = header + struct.pack(f"{order}HL", 42, 8)
    return io.BytesIO(content + b"".join(struct.pack(f"{order}HL", 0, at) for at in following))


@pytest.mark.parametrize("order", "<>")
def test_directories_in_a_circle_are_refused(order: str) -> None:
    check_chain(chain(14, 0, order=order))
    check_chain(chain(14, 20, order=order))  # ends in nothing: the reader's to judge
    check_chain(chain(14, 18, order=order))  # cut in the middle of the next
    with pytest.raises(ValueError, match="its directory at byte 8 follows itself"):
        check_chain(chain(8, 0, order=order))
    with pytest.raises(ValueError, match="its directory at byte 14 follows itself"):
        check_chain(chain(14, 14, order=order))
    with pytest.raises(ValueError, match="its directory at byte 8 follows itself"):
        check_chain(chain(14, 8, order=order))


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_what_is_no_tiff_is_left_to_its_reader(content: bytes) -> None:
    check_chain(io.BytesIO(content))


def test_a_chain_of_a_bigtiff_and_one_that_leaves_the_file() -> None:
    header = b"II" + struct.pack("<HHHQ", 43, 8, 0, 16)
    check_chain(io.BytesIO(header + struct.pack("<QQ", 0, 0)))
    check_chain(io.BytesIO(header + struct.pack("<QQ", 0, 2**63)))
    with pytest.raises(ValueError, match="at byte 16 follows itself"):
        check_chain(io.BytesIO(header + struct.pack("<QQ", 0, 16)))


def test_more_directories_than_any_slide_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsi_idc.slides.tiff_checks._MOST_DIRECTORIES", 3)
    check_chain(chain(14, 20, 0))
    with pytest.raises(ValueError, match="it has more than 3 directories"):
        check_chain(chain(14, 20, 26, 0))


def image(places: int, *, order: str = "<", big: bool = False, **changed: int) -> io.BytesIO:
    """A TIFF of one image of 1000x700 px in tiles of 256 px, 4 x 3 of them."""
    values = {256: 1000, 257: 700, 322: 256, 323: 256} | {
        int(tag[1:]): value for tag, value in changed.items()
    }
    mark, long = b"II" if order == "<" else b"MM", "Q" if big else "L"
    # Widths and lengths as SHORT, or as LONG; the table of places stands elsewhere in the file.
    entries = [(tag, 3 if value < 2**16 else 4, 1, value) for tag, value in values.items()]
    entries.append((324, 4, places, 2**31))
    content = mark + struct.pack(
        order + ("HHHQ" if big else "HL"), *((43, 8, 0, 16) if big else (42, 8))
    )
    content += struct.pack(order + ("Q" if big else "H"), len(entries))
    for tag, kind, count, value in entries:
        form = {3: "H", 4: "L"}[kind]
        field = struct.pack(order + form, value).ljust(8 if big else 4, b"\0")
        content += struct.pack(f"{order}HH{long}", tag, kind, count) + field
    return io.BytesIO(content + bytes(8 if big else 4))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_an_image_has_a_place_for_each_of_its_tiles(order: str, big: bool) -> None:
    check_tile_tables(image(12, order=order, big=big))
    check_tile_tables(image(36, order=order, big=big))  # a plane for each colour
    with pytest.raises(ValueError, match="of 1000x700 px, has 12 tiles, and it tells where 11"):
        check_tile_tables(image(11, order=order, big=big))
    with pytest.raises(ValueError, match="of 100000x700 px, has 1,173 tiles"):
        check_tile_tables(image(12, order=order, big=big, _256=100_000))


def test_images_in_strips_and_other_files_have_no_tiles() -> None:
    check_tile_tables(image(0, _322=0))
    check_tile_tables(io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(20)))


def test_more_entries_than_any_slide_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsi_idc.slides.tiff_checks._MOST_ENTRIES", 4)
    with pytest.raises(ValueError, match="its directories have more than 4 entries"):
        check_tile_tables(image(12))
