"""Colour profiles: off unless asked for, the same through every reader, and said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.errors import SlideReadError
from wsi_idc.slides import SlideSource, open_slide

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# A profile whose red primary is sRGB's green and the other way round: a scanner that confuses
# them. Converted, the channels of a pixel change places.
SWAPPED = SRGB.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")

PIXELS = np.random.default_rng(5).integers(0, 256, (512, 512, 3), dtype=np.uint8)
PIXELS[:256, :256] = (200, 80, 120)
PIXELS[256:, 256:] = 255


def write(path: Path, profile: bytes | None) -> Path:
    if path.suffix == ".png":
        Image.fromarray(PIXELS).save(path, icc_profile=profile, dpi=(50_800, 50_800))
    else:
        tifffile.imwrite(
            path,
            PIXELS,
            tile=(256, 256),
            photometric="rgb",
            compression="zlib",
            iccprofile=profile,
            resolution=(20_000, 20_000),
            resolutionunit="CENTIMETER",
        )
    return path


@pytest.mark.parametrize(
    ("suffix", "reader"), [(".tif", "openslide"), (".tif", "fastslide"), (".png", "image")]
)
def test_colours_are_converted_only_where_asked(tmp_path: Path, suffix: str, reader: str) -> None:
    if reader == "fastslide":
        pytest.importorskip("fastslide")
    path = write(tmp_path / f"slide{suffix}", SWAPPED)
    with open_slide(path, reader=reader) as slide:
        assert (slide.info.has_icc_profile, slide.info.icc_applied) == (True, False)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 512, 512), PIXELS)
        plain = slide.read(0, 0, (512, 512), 0.5)
    with SlideSource(path, reader, icc=True).open() as slide:
        assert slide.info.icc_applied
        level = slide.read_level(0, 0, 0, 512, 512)
        converted = slide.read(0, 0, (512, 512), 0.5)
        reduced = slide.read(0, 0, (16, 16), 8.0)
    np.testing.assert_array_equal(level, converted)
    difference = converted[..., [1, 0, 2]].astype(int) - plain
    assert np.abs(difference).max() <= 2
    assert (converted[256:, 256:] == 255).all(), "glass stays white"
    # The first 256 px are one colour, and averaging comes before converting.
    np.testing.assert_allclose(reduced[:8, :8], np.broadcast_to([80, 200, 120], (8, 8, 3)), atol=2)


def test_without_a_profile_colours_stay_and_it_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "slide.tif", None)
    with open_slide(path, icc=True) as slide:
        assert (slide.info.has_icc_profile, slide.info.icc_applied) == (False, False)
        assert any("no ICC profile" in warning for warning in slide.info.warnings)
        np.testing.assert_array_equal(slide.read(0, 0, (512, 512), 0.5), PIXELS)
    with open_slide(path) as slide:
        assert not any("ICC" in warning for warning in slide.info.warnings)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [(SRGB[:16] + b"GRAY" + SRGB[20:], "for GRAY colours"), (SRGB[:200], "cannot be used")],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_profile_that_cannot_be_used(
    tmp_path: Path, profile: bytes, reason: str, suffix: str
) -> None:
    """It keeps the slide from nothing but being converted."""
    path = write(tmp_path / f"slide{suffix}", profile)
    with open_slide(path) as slide:
        assert slide.info.has_icc_profile
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 512, 512), PIXELS)
    said = rf"slide\{suffix}: .*{reason}.*leave out --icc"
    with pytest.raises(SlideReadError, match=said) as caught:
        open_slide(path, icc=True)
    assert "\n" not in str(caught.value)
    with open_slide(path) as slide:
        assert slide.read(0, 0, (9, 9), 0.5).shape == (9, 9, 3)


def test_the_commands_take_it_and_record_it(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, result.stderr
        return result.stdout

    path = write(tmp_path / "slide.tif", SWAPPED)
    assert "as stored; --icc converts them by the ICC profile (sRGB" in run("info", str(path))
    assert "converted to sRGB by the ICC profile (sRGB" in run("info", str(path), "--icc")
    told = json.loads(run("info", str(path), "--icc", "--json"))
    assert (told["has_icc_profile"], told["icc_applied"]) == (True, True)

    output = str(tmp_path / "patches")
    tile = ("tile", str(path), "-o", output, "--mpp", "0.5", "--min-tissue", "0")
    run(*tile, "--icc")
    manifest = json.loads((tmp_path / "patches/slides/slide/manifest.json").read_text())
    assert manifest["slide"]["icc_applied"] is True
    again = CliRunner().invoke(app, list(tile))
    assert again.exit_code != 0
    assert "slide.icc_applied was True and is False" in again.stderr
