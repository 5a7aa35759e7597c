"""Tiles decoded directly: OpenSlide's pixels and OpenSlide's errors, from any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from slide_factory import position_slide

from wsi_idc.errors import SlideReadError
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import base as base_module
from wsi_idc.slides import open_slide
from wsi_idc.slides.base import UnfitReaderError
from wsi_idc.slides.cells import as_cells


@pytest.fixture(scope="module")
def noise_slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Level sizes that no integer divides, tiles that hang over the edges."""
    path = tmp_path_factory.mktemp("direct") / "noise.svs"
    random = np.random.default_rng(0)
    pixels = random.normal(170, 40, (1333, 1777, 3)).clip(0, 255).astype(np.uint8)
    write_slide_from_array(path, pixels, mpp=0.25, downsamples=(1, 4))
    return path


def test_auto_reads_jpeg_tiles_directly_and_nothing_else(noise_slide: Path, tmp_path: Path) -> None:
    with open_slide(noise_slide) as slide:
        assert slide.info.reader == "direct"
    lossless, _ = position_slide(tmp_path, 400, 300, 0.25, (1,))
    with open_slide(lossless) as slide:
        assert slide.info.reader == "openslide"
    with pytest.raises(UnfitReaderError, match=r"not made of JPEG tiles.*--reader openslide"):
        open_slide(lossless, reader="direct")


@pytest.mark.parametrize("vendor", ["aperio", "generic"])
def test_every_pixel_is_openslides(vendor: str, noise_slide: Path, tmp_path: Path) -> None:
    path = noise_slide
    if vendor == "generic":
        path, _ = position_slide(
            tmp_path, 900, 700, (0.25, 0.26), (1, 2), period=64.0, compression="jpeg", tile=128
        )
    with (
        open_slide(path) as direct,
        open_slide(path, reader="openslide") as reference,
    ):
        assert (direct.info.reader, direct.info.levels) == ("direct", reference.info.levels)
        for level in direct.info.levels:
            for region in [
                (0, 0, level.width, level.height),
                (255, 100, 3, 200),
                (level.width - 5, level.height - 7, 5, 7),
                (-10, -20, 60, 70),
            ]:
                ours = direct.read_level(level.index, *region)
                theirs = reference.read_level(level.index, *region)
                # OpenSlide interpolates a level where its ratio is no whole number.
                moved = reference._displacement(level, max(region[0], 0), max(region[1], 0))
                if moved == (0.0, 0.0):
                    np.testing.assert_array_equal(ours, theirs)
                else:
                    assert max(map(abs, moved)) < 0.13
                    assert np.abs(ours.astype(int) - theirs).mean() < 0.13 * theirs.std()


@pytest.mark.parametrize("mpp", [0.25, 1.0, 0.5, 0.6])
@pytest.mark.parametrize("side", [50, 7])
def test_cells_are_those_of_the_picture(noise_slide: Path, mpp: float, side: int) -> None:
    """Whole pixels of a level or not, inside the slide or beyond its edges."""
    with open_slide(noise_slide, reader="direct") as slide:
        for x, y in [(0, 0), (408, 100), (404.4, 3.3), (-40, 20), (1500, 1000)]:
            cells = slide.read_cells(x, y, side, 6, 3, mpp)
            picture = slide.read(x, y, (6 * side, 3 * side), mpp)
            np.testing.assert_array_equal(cells, as_cells(picture, side))


def zeroed(data: bytes) -> bytes:
    return bytes(len(data))


def cut_short(data: bytes) -> bytes:
    """An end-of-image marker halfway."""
    half = len(data) // 2
    return data[:half] + b"\xff\xd9" + bytes(len(data) - half - 2)


def noise_inside(data: bytes) -> bytes:
    return data[:700] + np.random.default_rng(0).bytes(400) + data[1100:]


@pytest.mark.parametrize("damage", [zeroed, cut_short, noise_inside])
def test_a_damaged_tile_is_openslides_to_judge(
    damage: Callable[[bytes], bytes], noise_slide: Path, tmp_path: Path
) -> None:
    """Cut tiles are what fastslide returns half grey, as if they had been read."""
    path = tmp_path / "damaged.svs"
    content = noise_slide.read_bytes()
    with tifffile.TiffFile(noise_slide) as tiff:
        page = tiff.pages[0]
        # The smallest tile that is not at an edge: opening looks at the largest one.
        index = min((9, 10, 16, 17), key=lambda i: page.databytecounts[i])
        start, count = page.dataoffsets[index], page.databytecounts[index]
    row, column = divmod(index, 7)
    damaged = damage(content[start : start + count])
    path.write_bytes(content[:start] + damaged + content[start + count :])
    region = 256 * column + 5, 256 * row + 9, 40, 30
    with open_slide(path) as direct, open_slide(path, reader="openslide") as reference:
        assert direct.info.reader == "direct"
        messages = []
        for slide in (direct, reference):
            with pytest.raises(SlideReadError, match="cannot read level 0 at") as caught:
                slide.read_level(0, *region)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
        np.testing.assert_array_equal(
            direct.read_level(0, 0, 0, 200, 200), reference.read_level(0, 0, 0, 200, 200)
        )


def test_missing_tiles_and_strange_colours_are_left_to_openslide(tmp_path: Path) -> None:
    sparse, _ = position_slide(tmp_path, 600, 600, 0.25, (1, 4), compression="jpeg", name="sparse")
    with tifffile.TiffFile(sparse, mode="r+") as tiff:
        counts = tiff.pages[0].tags["TileByteCounts"]
        counts.overwrite((*counts.value[:-1], 0))
    with open_slide(sparse) as slide:
        assert slide.info.reader == "openslide"

    # Nobody can tell from such a stream that it is not meant as it says.
    strange, _ = position_slide(tmp_path, 600, 600, 0.25, (1,), compression="jpeg", name="strange")
    with tifffile.TiffFile(strange, mode="r+") as tiff:
        tiff.pages[0].tags["PhotometricInterpretation"].overwrite(2)
    with (
        open_slide(strange) as slide,
        open_slide(strange, reader="openslide") as reference,
    ):
        np.testing.assert_array_equal(
            slide.read_level(0, 0, 0, 600, 600), reference.read_level(0, 0, 0, 600, 600)
        )


def test_threads_share_one_handle(noise_slide: Path) -> None:
    with open_slide(noise_slide) as slide, open_slide(noise_slide, reader="openslide") as reference:
        assert slide.serves_threads
        whole = reference.read_level(0, 0, 0, 1777, 1333)
        places = [(x, y) for x in range(0, 1500, 130) for y in range(0, 1100, 170)]
        with ThreadPoolExecutor(4) as pool:
            regions = pool.map(lambda at: slide.read_level(0, *at, 250, 200), places * 2)
        for (x, y), region in zip(places * 2, regions, strict=True):
            np.testing.assert_array_equal(region, whole[y : y + 200, x : x + 250])


def test_a_large_picture_is_read_in_parts(
    noise_slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_slide(noise_slide) as slide:
        aligned, fractional = ((0, 0, (222, 166), 2.0), (3.7, 5.1, (170, 91), 2.3))
        expected = slide.read(*aligned), slide.read(*fractional)
        monkeypatch.setattr(base_module, "_LARGEST_SHARED_PIXELS", 5000)
        np.testing.assert_array_equal(slide.read(*aligned), expected[0])
        # Sums of floats in another order may round otherwise.
        assert np.abs(slide.read(*fractional).astype(int) - expected[1]).max() <= 1
