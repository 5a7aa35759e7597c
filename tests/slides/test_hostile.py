"""Slides whose directories or tiles lie: refused, or left to OpenSlide, before they do harm."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pytest
from fuzz.tiff_tags import Tiff
from PIL import Image

from wsi_idc.errors import SlideReadError
from wsi_idc.phantom import write_slide_from_array
from wsi_idc.slides import open_slide

_TILE_WIDTH, _TILE_HEIGHT, _OFFSETS = 322, 323, 324
PIXELS = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)


def write(path: Path, compression: str = "jpeg", vendor: str = "aperio") -> Tiff:
    write_slide_from_array(
        path,
        PIXELS,
        mpp=0.5,
        downsamples=(1, 2),
        tile=128,
        compression=compression,  # type: ignore[arg-type]
        vendor=vendor,  # type: ignore[arg-type]
    )
    return Tiff(path.read_bytes())


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize(("reader", "said"), [("tiff", "follows itself"), ("auto", "damaged")])
def test_directories_in_a_circle_are_refused(tmp_path: Path, reader: str, said: str) -> None:
    path = tmp_path / "circle.tif"
    tiff = write(path, vendor="generic")
    tiff.set_next(tiff.directories[-1], tiff.directories[-1].at)
    path.write_bytes(tiff.content)
    began = time.process_time()
    with pytest.raises(SlideReadError, match=rf"circle\.tif.*{said}"):
        open_slide(path, reader=reader)
    assert time.process_time() - began < 5


def test_a_jpeg_tile_that_says_it_is_huge_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.svs"
    tiff = write(path)
    offsets = tiff.directories[0].entry(_OFFSETS)
    assert offsets is not None
    start = tiff.values(offsets)[5]
    frame = tiff.content.find(b"\xff\xc0", start)
    tiff.content[frame + 5 : frame + 9] = (20_000).to_bytes(2) * 2
    path.write_bytes(tiff.content)
    before = peak_mib()
    with open_slide(path, reader="direct") as slide:
        with pytest.raises(SlideReadError, match=r"bomb\.svs: cannot read level 0 at 200, 150"):
            slide.read_level(0, 200, 150, 20, 20)
        assert slide.read_level(0, 0, 0, 20, 20).shape == (20, 20, 3)
    assert peak_mib() - before < 300


def test_tiles_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    """OpenSlide would end the process."""
    path = tmp_path / "giant.tif"
    tiff = write(path, "deflate", "generic")
    for tag in (_TILE_WIDTH, _TILE_HEIGHT):
        entry = tiff.directories[0].entry(tag)
        assert entry is not None
        tiff.set_value(entry, 65_520)
    path.write_bytes(tiff.content)
    with pytest.raises(SlideReadError, match=r"giant\.tif.*65520x65520 px are too large"):
        open_slide(path, reader="openslide")


def test_a_jpeg_2000_tile_of_another_size_is_refused_unread(tmp_path: Path) -> None:
    from ome_tiff import write_ome_pyramid

    path = write_ome_pyramid(tmp_path / "j.ome.tif", [[PIXELS]], compression="jpeg2000")
    content = bytearray(path.read_bytes())
    sizes = content.find(b"\xff\x4f\xff\x51") + 8
    content[sizes : sizes + 8] = (30_000).to_bytes(4) * 2
    path.write_bytes(content)
    with (
        open_slide(path, reader="tiff") as slide,
        pytest.raises(SlideReadError, match=r"j\.ome\.tif: cannot read level 0"),
    ):
        slide.read_level(0, 0, 0, 20, 20)


def test_a_damaged_second_picture_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    floats = [Image.fromarray(PIXELS[..., 0].astype(np.int32)) for _ in range(2)]
    floats[0].save(path, save_all=True, append_images=floats[1:], dpi=(50_800, 50_800))
    tiff = Tiff(path.read_bytes())
    tiff.set_next(tiff.directories[0], len(tiff.content))
    path.write_bytes(tiff.content)
    with pytest.raises(SlideReadError, match=r"two\.tif: its list of pictures is damaged"):
        open_slide(path, reader="image")
