"""Opening: which reader, which error, and what a damaged file does."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image
from slide_factory import position_slide

from wsi_idc.errors import SettingsError, SlideNotFoundError, SlideReadError
from wsi_idc.slides import Bounds, SlideSource, info_json, open_slide
from wsi_idc.slides.describe import find_background, find_bounds
from wsi_idc.slides.openslide_pixels import read_rgb
from wsi_idc.slides.openslide_reader import on_background


def read_error(path: Path, reader: str = "auto") -> str:
    """The one-line message of the error that opening a file meets."""
    with pytest.raises(SlideReadError) as caught:
        open_slide(path, reader=reader, slide_mpp=0.25)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SlideNotFoundError, match=r"gone\.svs: there is no such file"):
        open_slide(tmp_path / "gone.svs")
    with pytest.raises(FileNotFoundError):
        open_slide(str(tmp_path / "gone.svs"))


def test_a_folder(tmp_path: Path) -> None:
    assert "this is a folder" in read_error(tmp_path)


@pytest.mark.parametrize("reader", ["auto", "openslide", "image", "fastslide"])
def test_files_that_are_no_slides(tmp_path: Path, reader: str) -> None:
    if reader == "fastslide":
        pytest.importorskip("fastslide")
    empty = tmp_path / "empty.svs"
    empty.write_bytes(b"")
    assert "empty (0 bytes)" in read_error(empty, reader)
    text = tmp_path / "text.svs"
    text.write_text("not a slide\n" * 100)
    assert "damaged" in read_error(text, reader)


def test_an_unknown_reader_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="auto, direct, openslide, fastslide, tiff, image"):
        open_slide(tmp_path / "any.svs", reader="bioformats")


def test_a_slide_cut_short_or_damaged_inside(tmp_path: Path) -> None:
    whole, _ = position_slide(tmp_path, 1000, 800, 0.25, (1, 4), compression="jpeg")
    content = whole.read_bytes()
    with tifffile.TiffFile(whole) as tiff:
        offsets = tiff.pages[0].dataoffsets
    damaged = tmp_path / "damaged.svs"
    # The last tile of level 0; tiles are 256 px wide, four by four of them.
    damaged.write_bytes(content[: offsets[15]] + bytes(64) + content[offsets[15] + 64 :])
    with open_slide(damaged) as slide:
        sound = slide.read_level(0, 0, 0, 256, 256)
        with pytest.raises(SlideReadError, match=r"damaged\.svs: cannot read level 0 at 800, 790"):
            slide.read_level(0, 800, 790, 10, 10)
        # What lies elsewhere can still be read, and a second error names its own place.
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 256, 256), sound)
        with pytest.raises(SlideReadError, match="at 900, 780") as caught:
            slide.read_level(0, 900, 780, 10, 10)
        assert "\n" not in str(caught.value)
    cut = tmp_path / "cut.svs"
    cut.write_bytes(content[: len(content) // 2])
    assert "not copied whole" in read_error(cut)


def test_there_is_no_level_five(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 300, 300, 0.25, (1, 4))
    with open_slide(path) as slide, pytest.raises(SettingsError, match=r"no level 5.*0, 1"):
        slide.read_level(5, 0, 0, 10, 10)


@pytest.mark.parametrize("reader", ["openslide", "fastslide"])
def test_a_tile_that_was_not_scanned_is_background(tmp_path: Path, reader: str) -> None:
    if reader == "fastslide":
        pytest.importorskip("fastslide")
    path, code = position_slide(tmp_path, 512, 512, 0.25, (1, 4))
    with tifffile.TiffFile(path, mode="r+") as tiff:
        counts = tiff.pages[0].tags["TileByteCounts"]
        counts.overwrite((*counts.value[:-1], 0))
    with open_slide(path, reader=reader) as slide:
        pixels = slide.read_level(0, 0, 0, 512, 512)
    assert (pixels[256:, 256:] == 255).all()
    np.testing.assert_array_equal(pixels[:256], code.rows(0, 256))


@pytest.mark.parametrize("reader", ["openslide", "direct", "fastslide", "tiff"])
def test_a_property_whose_name_is_not_utf8_is_passed_over(tmp_path: Path, reader: str) -> None:
    """As of a scanner that was set up in German years ago."""
    if reader == "fastslide":
        pytest.importorskip("fastslide")
    options = {"compression": "jpeg", "objective_power": 20}
    path, _ = position_slide(tmp_path, 300, 400, 0.5, **options)
    content = path.read_bytes()
    assert b"AppMag = 20" in content
    path.write_bytes(content.replace(b"AppMag", "Größe ".encode("latin-1")))
    with open_slide(path, reader=reader) as slide:
        assert slide.info.mpp_x == 0.5


def test_transparency_is_laid_on_the_slides_own_background() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, 1] = (100, 50, 0, 255)
    rgba[0, 2] = (100, 50, 0, 51)
    pixels = on_background(Image.fromarray(rgba), (240, 230, 220))
    np.testing.assert_allclose(pixels[0], [[240, 230, 220], [100, 50, 0], [212, 194, 176]], atol=1)


@pytest.mark.parametrize("has_function", [True, False])
def test_openslides_pixels_come_as_its_pictures_have_them(
    has_function: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Straight from its C function, and from its picture where that function is not found."""
    monkeypatch.setattr("wsi_idc.slides.openslide_pixels._HAS_FUNCTION", has_function)
    path, _ = position_slide(tmp_path, 700, 500, 0.25, (1, 4))
    with openslide.OpenSlide(path) as handle:
        # Half of it lies outside the slide and is transparent.
        for location in ((100, 50), (500, 400)):
            picture = handle.read_region(location, 0, (300, 200))
            expected = on_background(picture, (240, 230, 220))
            pixels = read_rgb(handle, location, 0, (300, 200), (240, 230, 220))
            np.testing.assert_array_equal(pixels, expected)
        assert (pixels[-1, -1] == (240, 230, 220)).all()


def test_background_and_bounds_as_slides_state_them() -> None:
    assert find_background({"openslide.background-color": "F0E6dc"}) == (240, 230, 220)
    assert find_background({}) == find_background({"openslide.background-color": "x"}) == (255,) * 3

    def stated(x: int, y: int, width: int, height: int) -> dict[str, str]:
        values = {"x": x, "y": y, "width": width, "height": height}
        return {f"openslide.bounds-{name}": str(value) for name, value in values.items()}

    assert find_bounds({}, 100, 80) == Bounds(0, 0, 100, 80)
    assert find_bounds(stated(10, 20, 30, 40), 100, 80) == Bounds(10, 20, 30, 40)
    assert find_bounds(stated(-5, 70, 300, 40), 100, 80) == Bounds(0, 70, 100, 10)
    assert find_bounds(stated(200, 0, 30, 40), 100, 80) == Bounds(0, 0, 100, 80)


def test_a_source_travels_and_opens_elsewhere(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 300, 300, None, (1,))
    source = pickle.loads(pickle.dumps(SlideSource(path, "openslide", (0.25, 0.26))))
    with source.open() as slide:
        assert (slide.info.mpp_x, slide.info.mpp_y) == (0.25, 0.26)
        assert slide.info.reader == "openslide"


def test_the_summary_names_neither_folder_nor_scanner_properties(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 300, 200, 0.25, (1, 4), objective_power=40.0)
    with open_slide(path) as slide:
        text = json.dumps(info_json(slide.info), allow_nan=False)
    assert str(tmp_path) not in text
    summary = json.loads(text)
    assert (summary["file"], summary["width_px"], summary["mpp_x"]) == ("position.svs", 300, 0.25)
    assert (summary["objective_power"], summary["levels"][1]["mpp_y"]) == (40.0, 1.0)


def test_a_slide_that_was_cut_off_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.svs"  # its directory would begin behind its end
    path.write_bytes(b"II*\0" + (10**6).to_bytes(4, "little") + bytes(500))
    # In a process of its own: pytest catches what libraries log.
    call = [sys.executable, "-c", "from wsi_idc.cli import main; main()", "info", path]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "not copied whole" in line
