"""Hostile plain images: PNG and JPEG bombs, and the like; as slides, as masks, as patches."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.damage import damaged
from fuzz.reading import read_everything
from PIL import Image

from wsi_idc.slides.info import Bounds
from wsi_idc.slides.mask_image import mask_from_image

_PNG = b"\x89PNG\r\n\x1a\n"
# Below the largest that is read, so that it is decoded: 48 MB of pixels out of 50 KB.
_BOMB_SIDE = 4000


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", check)


def png(width: int, height: int, data: bytes, *, form: int = 2, more: bytes = b"") -> bytes:
    """A PNG of 8 bits a channel; `form` 2 is RGB, 0 grey, 3 by a palette; more chunks before it."""
    head = struct.pack(">LLBBBBB", width, height, 8, form, 0, 0, 0)
    return b"".join([_PNG, chunk(b"IHDR", head), more, chunk(b"IDAT", data), chunk(b"IEND", b"")])


@cache
def zeros(count: int) -> bytes:
    """So many zero bytes, packed; they are never held unpacked."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(2**20)) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count & (2**20 - 1))), packer.flush()])


def _png(rng: Random) -> tuple[bytes, str]:
    few = zeros(3000)
    which = rng.randrange(10)
    if which == 0:
        side = rng.choice([20_001, 60_000, 2**31 - 1])
        return png(side, rng.choice([side, 20_001]), few), f"PNG that says {side} px"
    if which == 1:
        side = rng.choice([2000, 5_000])
        return png(side, side, few), f"PNG of {side} px with 3,000 bytes of pixels"
    if which == 2:
        side = _BOMB_SIDE
        return png(side, side, zeros(side * (3 * side + 1))), f"PNG of {side} px from few bytes"
    if which == 3:
        name, head = rng.choice(
            [(b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")]
        )
        more = chunk(name, head + zeros(2**28))
        return png(20, 20, zeros(20 * 61), more=more), f"PNG with 256 MiB in {name.decode()}"
    if which == 4:
        more = chunk(b"tEXt", b"a\0b") * 30_000
        return png(20, 20, zeros(20 * 61), more=more), "PNG with 30,000 texts"
    if which == 5:
        return png(0, rng.choice([0, 20]), few), "PNG without pixels"
    if which == 6:
        return png(20, 20, zeros(20 * 21), form=3), "PNG without its palette"
    if which == 7:
        more = chunk(b"pHYs", struct.pack(">LLB", rng.choice([0, 1, 2**32 - 1]), 0, 1))
        return png(20, 20, zeros(20 * 61), more=more), "PNG of an odd scale"
    if which == 8:
        more = chunk(b"acTL", struct.pack(">LL", 2**31 - 1, 0))
        return png(20, 20, zeros(20 * 61), more=more), "PNG of two billion frames"
    more = struct.pack(">L", rng.choice([2**31, 2**32 - 1])) + b"tEXtabc"
    return png(20, 20, zeros(20 * 61), more=more), "PNG with a chunk of gigabytes"


@cache
def _photo(progressive: bool) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    Image.fromarray(pixels).save(
        stream, "JPEG", progressive=progressive, dpi=(12_700, 12_700), quality=50
    )
    return stream.getvalue()


def _jpeg(rng: Random) -> tuple[bytes, str]:
    progressive = rng.random() < 0.5
    content = bytearray(_photo(progressive))
    frame = content.find(bytes([0xFF, 0xC2 if progressive else 0xC0]))
    which = rng.randrange(4)
    if which == 0:
        side = rng.choice([0, 1, 2000, 5000, 65_500])
        content[frame + 5 : frame + 9] = side.to_bytes(2) * 2
        return bytes(content), f"JPEG that says {side} px"
    if which == 1:
        content[frame + 9] = rng.choice([0, 1, 2, 4, 255])
        return bytes(content), "JPEG of another number of components"
    if which == 2:
        return many_scans(rng.choice([200, 20_000])), "JPEG of many scans"
    return damaged(bytes(content), rng)


def many_scans(count: int, side: int = 2000) -> bytes:
    """A progressive JPEG that gives the same coefficients again and again, each in a pass over all.

    Of the pixels that it says it has, its scans have a few only: that costs libjpeg as much.
    """
    content = bytearray(_photo(True))
    frame = content.find(b"\xff\xc2")
    content[frame + 5 : frame + 9] = side.to_bytes(2) * 2
    first = content.find(b"\xff\xda")
    second = content.find(b"\xff\xda", first + 2)
    scan = bytes(content[second : second + 40])
    return bytes(content[:second]) + scan * count + b"\xff\xd9"


def _bmp(rng: Random) -> tuple[bytes, str]:
    width, height = (rng.choice([0, 1, 40, -40, 20_000, 60_000, 2**31 - 1]) for _ in "xy")
    bits, packing = rng.choice([0, 1, 8, 24, 32, 99]), rng.choice([0, 1, 2, 3, 99])
    head = struct.pack("<LllHHLLllLL", 40, width, height, 1, bits, packing, 0, 5000, 5000, 0, 0)
    content = b"BM" + struct.pack("<LHHL", 54 + 3000, 0, 0, 54) + head + rng.randbytes(3000)
    return content, f"BMP of {width}x{height} px, {bits} bits, compression {packing}"


def _any(bases: Bases, rng: Random) -> tuple[str, bytes, str]:
    """Ending, content, and what it is."""
    which = rng.randrange(10)
    if which < 5:
        return ("png", *_png(rng))
    if which < 8:
        return ("jpg", *_jpeg(rng))
    if which < 9:
        return ("bmp", *_bmp(rng))
    path = rng.choice([path for path in bases.slides if path.stem == "plain"])
    return (path.suffix[1:], *damaged(path.read_bytes(), rng))


def as_slide(bases: Bases, folder: Path, rng: Random) -> Attempt:
    ending, content, about = _any(bases, rng)
    path = folder / f"picture.{ending}"
    path.write_bytes(content)
    run = partial(read_everything, path, slide_mpp=rng.choice([None, 2.0, 2.0, 2.0]))
    return Attempt(run, (path.name,), about)


def as_mask(bases: Bases, folder: Path, rng: Random) -> Attempt:
    ending, content, about = _any(bases, rng)
    path = folder / f"mask.{ending}"
    path.write_bytes(content)
    width, height = rng.choice([(100, 100), (20_000, 20_000), (420, 300), (960, 640)])
    bounds = Bounds(0, 0, width, height)
    run = partial(
        mask_from_image, path, name="slide", bounds=bounds, mpp_x=0.5, mpp_y=0.5, what="tumour"
    )
    return Attempt(run, (path.name,), f"mask of {width}x{height} px: {about}")


def as_patch(bases: Bases, folder: Path, rng: Random) -> Attempt:
    _, content, about = _any(bases, rng)
    place = folder / "patient" / "0"
    place.mkdir(parents=True)
    hostile = place / "slide_x1_y51_class0.png"
    hostile.write_bytes(content)
    Image.new("RGB", (50, 50)).save(place / "slide_x1_y1_class0.png")

    def run() -> None:
        from wsi_idc.patches import find_patches, read_pixels

        read_pixels(find_patches(folder).table, 50)

    return Attempt(run, (hostile.name,), f"patch: {about}")


KINDS = {
    "image-slide": Kind(as_slide, 30, 800),
    "image-mask": Kind(as_mask, 20, 480),
    "image-patch": Kind(as_patch, 15, 320),
}
