"""Plain images as slides: their scale, their modes, their limits."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from wsi_idc.errors import MissingMppError, SlideReadError
from wsi_idc.slides import open_slide

RANDOM = np.random.default_rng(3)
RGB = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(RGB).reduce(10).resize((60, 40), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("suffix", "reader"),
    [("png", "image"), ("bmp", "image"), ("webp", "image"), ("jpg", "image"), ("tif", "tiff")],
)
def test_a_plain_image_is_a_slide_of_one_level(tmp_path: Path, suffix: str, reader: str) -> None:
    path = tmp_path / f"section.{suffix}"
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}
    original = SMOOTH if suffix == "jpg" else RGB
    Image.fromarray(original).save(path, **options.get(suffix, {}))
    with pytest.raises(MissingMppError, match=r"--slide-mpp"):
        open_slide(path)
    with open_slide(path, slide_mpp=(8.0, 4.0)) as slide:
        info = slide.info
        assert (info.reader, info.vendor, info.name) == (reader, reader, "section")
        assert (info.width, info.height, len(info.levels)) == (60, 40, 1)
        assert (info.mpp_x, info.mpp_y) == (8.0, 4.0)
        pixels = slide.read_level(0, 5, 7, 50, 30)
        tolerance = 4 if suffix == "jpg" else 0
        assert np.abs(pixels.astype(int) - original[7:37, 5:55]).max() <= tolerance
        halved = slide.read(0, 0, (60, 20), 8.0)
        expected = slide.read_level(0, 0, 0, 60, 40).reshape(20, 2, 60, 3).mean(1)
        np.testing.assert_allclose(halved, expected, atol=0.51)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_plausible_resolution_tags_are_a_guess(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"section.{suffix}"
    Image.fromarray(RGB).save(path, dpi=(25400 / 0.5, 25400 / 0.5))
    with open_slide(path) as slide:
        assert slide.info.mpp_x == pytest.approx(0.5, rel=1e-3)
        assert slide.info.mpp_is_guess
        assert slide.info.mpp_source.endswith("resolution tags")


def test_a_tiff_of_imagej_or_ome_states_its_scale(tmp_path: Path) -> None:
    path = tmp_path / "imagej.tif"
    tifffile.imwrite(
        path, RGB, imagej=True, resolution=(4, 2), metadata={"unit": "um", "axes": "YXS"}
    )
    with open_slide(path, reader="image") as slide:
        info = slide.info
        assert (info.mpp_x, info.mpp_y) == pytest.approx((0.25, 0.5))
        assert (info.mpp_source, info.mpp_is_guess) == ("ImageJ description", False)
    path = tmp_path / "one.ome.tif"
    sizes = {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.0005}
    metadata = {"axes": "YXS", **sizes, "PhysicalSizeYUnit": "mm"}
    tifffile.imwrite(path, RGB, ome=True, photometric="rgb", metadata=metadata)
    with open_slide(path, reader="image") as slide:
        assert (slide.info.mpp_x, slide.info.mpp_y) == pytest.approx((0.25, 0.5))
        assert slide.info.mpp_source == "OME-XML"


def test_units_of_png_and_jpeg(tmp_path: Path) -> None:
    """pHYs is in metres or tells a mere aspect; JFIF is in inches, centimetres, or likewise."""

    def scale(path: Path) -> tuple[float, float] | None:
        try:
            with open_slide(path) as slide:
                assert slide.info.mpp_is_guess
                return slide.info.mpp_x, slide.info.mpp_y
        except MissingMppError:
            return None

    path = tmp_path / "section.png"
    Image.fromarray(RGB).save(path, dpi=(101_600, 50_800))
    assert scale(path) == pytest.approx((0.25, 0.5), rel=1e-3)
    content = bytearray(path.read_bytes())
    start = content.index(b"pHYs")
    content[start + 12] = 0  # the unit: a mere aspect
    content[start + 13 : start + 17] = struct.pack(">I", zlib.crc32(content[start : start + 13]))
    path.write_bytes(content)
    assert scale(path) is None
    path = tmp_path / "section.jpg"
    for unit, density, expected in [(1, 25_400, 1.0), (2, 20_000, 0.5), (0, 20_000, None)]:
        Image.fromarray(SMOOTH).save(path, dpi=(72, 72))
        content = bytearray(path.read_bytes())
        start = content.index(b"JFIF\0") + 7
        content[start : start + 5] = struct.pack(">BHH", unit, density, density)
        path.write_bytes(content)
        found = scale(path)
        assert found == (None if expected is None else pytest.approx((expected,) * 2, rel=1e-3))


@pytest.mark.parametrize("dpi", [72, 96, 300, 600, 1200])
def test_resolutions_of_print_and_screen_are_none(tmp_path: Path, dpi: int) -> None:
    path = tmp_path / "figure.png"
    Image.fromarray(RGB).save(path, dpi=(dpi, dpi))
    with pytest.raises(MissingMppError):
        open_slide(path)


def read_whole(path: Path, image: Image.Image) -> np.ndarray:
    image.save(path)
    with open_slide(path, slide_mpp=8) as slide:
        return slide.read_level(0, 0, 0, image.width, image.height)


def test_grey_of_8_and_16_bits(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_whole(tmp_path / "8.png", Image.fromarray(grey)), as_rgb)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_whole(tmp_path / "16.png", deep), as_rgb)
    np.testing.assert_array_equal(read_whole(tmp_path / "16.tif", deep), as_rgb)


def test_transparent_pixels_are_background(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, np.full((40, 60), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    rgba[10:20, :, 3] = 51
    pixels = read_whole(tmp_path / "rgba.png", Image.fromarray(rgba))
    assert (pixels[:10] == 255).all()
    np.testing.assert_allclose(pixels[10:20], 0.2 * RGB[10:20] + 0.8 * 255, atol=1.01)
    np.testing.assert_array_equal(pixels[20:], RGB[20:])


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    palette = Image.fromarray(RGB).quantize(16)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_whole(tmp_path / "palette.png", palette), expected)
    indices = np.asarray(palette)
    palette.info["transparency"] = 3
    pixels = read_whole(tmp_path / "transparent.png", palette)
    assert (indices == 3).any()
    assert (pixels[indices == 3] == 255).all()
    np.testing.assert_array_equal(pixels[indices != 3], expected[indices != 3])


def test_of_several_pictures_the_first_is_read_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    grey = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
    grey.save(path, save_all=True, append_images=[grey])
    with open_slide(path, slide_mpp=8) as slide:
        assert slide.info.reader == "image"
        assert slide.info.warnings == (
            "the file has 2 pictures; the first one is read, as a plain image",
        )


def test_floating_point_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    with pytest.raises(SlideReadError, match=r"float\.tif.*floating-point"):
        read_whole(path, Image.fromarray(RGB[..., 0].astype(np.float32)))


def test_an_image_too_large_for_memory_is_refused_before_decoding(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", 20_001, 20_001, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(SlideReadError, match=r"bomb\.png.*20001x20001 px.*pyramidal TIFF"):
        open_slide(path, slide_mpp=0.25)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_truncated_image_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(RGB).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with (
        open_slide(path, slide_mpp=8) as slide,
        pytest.raises(SlideReadError, match=r"cut\.png.*cannot be decoded") as caught,
    ):
        slide.read(0, 0, (10, 10), 8.0)
    assert "\n" not in str(caught.value)
