"""TIFFs that OpenSlide does not read, or reads in part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from ome_tiff import COMPRESSIONS, LOSSY, pyramid_of, write_ome_pyramid
from PIL import Image
from slide_factory import PositionCode, decode_position

from wsi_idc.errors import SlideReadError
from wsi_idc.slides import open_slide

NOISE = np.random.default_rng(1).integers(0, 256, (500, 701, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(NOISE).reduce(20).resize((701, 500), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_ome_pyramids_in_subifds_are_read_level_by_level(tmp_path: Path, compression: str) -> None:
    levels = pyramid_of(SMOOTH)
    path = write_ome_pyramid(
        tmp_path / "a.ome.tif", [levels], compression=compression, mpp=(0.25, 0.26)
    )
    with open_slide(path) as slide:
        info = slide.info
        assert (info.reader, info.vendor, info.warnings) == ("tiff", "ome-tiff", ())
        assert (info.mpp_x, info.mpp_y, info.mpp_source) == (0.25, 0.26, "OME-XML")
        assert [level.downsample_x for level in info.levels] == [1, 2, 4]
        for level, expected in zip(info.levels, levels, strict=True):
            pixels = slide.read_level(level.index, 0, 0, level.width, level.height)
            difference = np.abs(pixels.astype(int) - expected)
            assert difference.max() <= (12 if compression in LOSSY else 0)
        # A part that begins and ends inside tiles, and one that reaches over the edge.
        part = slide.read_level(0, 101, 117, 300, 250)
        np.testing.assert_allclose(
            part, SMOOTH[117:367, 101:401], atol=12 if compression in LOSSY else 0
        )
        assert (slide.read_level(0, 690, 0, 30, 9)[:, 11:] == 255).all()


@pytest.mark.parametrize("jpeg_as_rgb", [False, True])
def test_jpeg_tiles_are_ycbcr_whatever_the_tag_says(tmp_path: Path, jpeg_as_rgb: bool) -> None:
    flat = np.full((256, 256, 3), (200, 90, 160), np.uint8)
    path = write_ome_pyramid(
        tmp_path / "j.ome.tif", [[flat]], compression="jpeg", jpeg_as_rgb=jpeg_as_rgb
    )
    with open_slide(path) as slide:
        np.testing.assert_allclose(slide.read_level(0, 0, 0, 256, 256), flat, atol=2)


def test_positions_in_an_ome_pyramid(tmp_path: Path) -> None:
    code = PositionCode(1507, 1203, 128, 128)
    path = write_ome_pyramid(tmp_path / "p.ome.tif", [pyramid_of(code.rows(0, 1203), (1, 2, 4))])
    with open_slide(path) as slide:
        for mpp in (0.25, 0.7, 1.0, 1.3):
            scale = mpp / 0.25
            side = int(400 / scale)
            for x, y in [(0.0, 0.0), (33.4, 71.8), (1504 - side * scale, 1200 - side * scale)]:
                found = decode_position(slide.read(x, y, (side, side), mpp), code, scale, scale)
                assert abs(found[0] - x) < 0.05 * scale
                assert abs(found[1] - y) < 0.05 * scale


def test_the_middle_focal_plane_is_read_and_said(tmp_path: Path) -> None:
    planes = [pyramid_of(SMOOTH // divisor) for divisor in (3, 1, 2)]
    path = write_ome_pyramid(tmp_path / "z.ome.tif", planes)
    with open_slide(path) as slide:
        assert slide.info.warnings == ("the file has 3 focal planes; the middle one, 2, is read",)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 701, 500), SMOOTH)
        np.testing.assert_array_equal(slide.read_level(1, 0, 0, 350, 250), planes[1][1])


def test_the_first_scene_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "scenes.ome.tif"
    options = {"photometric": "rgb", "tile": (128, 128), "metadata": {"axes": "YXS"}}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(SMOOTH, **options)
        tiff.write(SMOOTH[:200, :300], **options)
    with open_slide(path, slide_mpp=0.25) as slide:
        assert slide.info.warnings == ("the file has 2 scenes; the first one is read",)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 701, 500), SMOOTH)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("tile", [None, (128, 128)])
def test_fluorescence_is_refused_and_not_shown_by_its_first_channel(
    tmp_path: Path, kind: type, tile: tuple[int, int] | None
) -> None:
    path = tmp_path / "f.ome.tif"
    channels = np.moveaxis(np.dstack([SMOOTH, SMOOTH[..., 0]]), 2, 0).astype(kind)
    tifffile.imwrite(
        path, channels, ome=True, photometric="minisblack", tile=tile, metadata={"axes": "CYX"}
    )
    with pytest.raises(SlideReadError, match=r"f\.ome\.tif: .* 4 channels .* export it as RGB"):
        open_slide(path, slide_mpp=0.25)


def test_pixels_that_were_not_scanned_are_background(tmp_path: Path) -> None:
    path = write_ome_pyramid(tmp_path / "m.ome.tif", [pyramid_of(SMOOTH)], missing=(1, 8))
    with open_slide(path) as slide:
        assert slide.info.reader == "tiff"
        pixels = slide.read_level(0, 0, 0, 701, 500)
    expected = SMOOTH.copy()
    expected[:128, 128:256] = 255  # six tiles across: number 8 is the third of the second row
    expected[128:256, 256:384] = 255
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("rows", [7, 500])
def test_a_tiff_in_strips(tmp_path: Path, planar: str, rows: int) -> None:
    path = tmp_path / "s.tif"
    pixels = SMOOTH if planar == "contig" else np.moveaxis(SMOOTH, 2, 0)
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        planarconfig=planar,
        rowsperstrip=rows,
        compression="zlib",
        bigtiff=rows == 7,
        byteorder=">" if rows == 7 else "<",
        resolution=(101_600, 50_800),
        resolutionunit="INCH",
    )
    with open_slide(path) as slide:
        info = slide.info
        assert (info.reader, info.vendor) == ("tiff", "tiff")
        assert (info.mpp_x, info.mpp_y) == pytest.approx((0.25, 0.5))
        assert (info.mpp_source, info.mpp_is_guess) == ("TIFF resolution tags", True)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 701, 500), SMOOTH)
        np.testing.assert_array_equal(slide.read_level(0, 300, 490, 50, 10), SMOOTH[490:, 300:350])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", None])
@pytest.mark.parametrize("predictor", [1, 2])
def test_strips_as_other_programs_write_them(
    tmp_path: Path, compression: str | None, predictor: int
) -> None:
    path = tmp_path / "s.tif"
    options = {} if predictor == 1 or compression in ("jpeg", None) else {"tiffinfo": {317: 2}}
    Image.fromarray(SMOOTH).save(path, compression=compression, **options)
    with open_slide(path, slide_mpp=0.25) as slide:
        assert slide.info.reader == "tiff"
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 701, 500), expected)


def test_transparent_and_grey_strips(tmp_path: Path) -> None:
    rgba = np.dstack([SMOOTH, np.full((500, 701), 255, np.uint8)])
    rgba[:100, :, 3] = 0
    rgba[100:200, :, 3] = 51
    Image.fromarray(rgba).save(tmp_path / "rgba.tif")
    Image.fromarray(SMOOTH[..., 1]).save(tmp_path / "grey.tif")
    with open_slide(tmp_path / "rgba.tif", slide_mpp=1) as slide:
        assert slide.info.reader == "tiff"
        pixels = slide.read_level(0, 0, 0, 701, 500)
    assert (pixels[:100] == 255).all()
    np.testing.assert_allclose(pixels[100:200], 0.2 * SMOOTH[100:200] + 0.8 * 255, atol=1.01)
    np.testing.assert_array_equal(pixels[200:], SMOOTH[200:])
    with open_slide(tmp_path / "grey.tif", slide_mpp=1) as slide:
        pixels = slide.read_level(0, 0, 0, 701, 500)
    np.testing.assert_array_equal(pixels, np.repeat(SMOOTH[..., 1:2], 3, axis=2))


def test_a_pyramid_of_pages_in_strips(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    levels = pyramid_of(SMOOTH)
    with tifffile.TiffWriter(path) as tiff:
        for level in levels:
            tiff.write(level, photometric="rgb", subfiletype=int(level is not levels[0]),
                       rowsperstrip=32, metadata=None)  # fmt: skip
    with open_slide(path, slide_mpp=0.25) as slide:
        assert [level.downsample_x for level in slide.info.levels] == [1, 2, 4]
        np.testing.assert_array_equal(slide.read_level(2, 0, 0, 175, 125), levels[2])


def test_pages_of_one_size_and_stacks_of_imagej(tmp_path: Path) -> None:
    pages = np.stack([SMOOTH, SMOOTH // 2, SMOOTH // 4])
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="rgb")
    with open_slide(tmp_path / "pages.tif", slide_mpp=0.25) as slide:
        assert slide.info.warnings == ("the file has 3 pages of one size; the first one is read",)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 701, 500), SMOOTH)
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(
        stack, pages, imagej=True, metadata={"axes": "ZYXS", "unit": "um"}, resolution=(4, 4)
    )
    with open_slide(stack) as slide:
        info = slide.info
        assert (info.mpp_x, info.mpp_source) == (0.25, "ImageJ description")
        assert info.warnings == ("the file has 3 focal planes; the middle one, 2, is read",)
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 701, 500), SMOOTH // 2)


# Bytes of uncompressed pixels are never wrong.
@pytest.mark.parametrize("compression", sorted(set(COMPRESSIONS) - {"none"}))
def test_damaged_tiles_are_an_error_and_other_tiles_are_read(
    tmp_path: Path, compression: str
) -> None:
    path = write_ome_pyramid(tmp_path / "d.ome.tif", [pyramid_of(SMOOTH)], compression=compression)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        offset, count = page.dataoffsets[-1], page.databytecounts[-1]
    content = bytearray(path.read_bytes())
    content[offset : offset + count // 2] = b"\x80" * (count // 2)
    path.write_bytes(content)
    with open_slide(path) as slide:
        with pytest.raises(SlideReadError, match=r"d\.ome\.tif: cannot read level 0 at 690, 490"):
            slide.read_level(0, 690, 490, 10, 10)
        difference = np.abs(slide.read_level(0, 0, 0, 50, 50).astype(int) - SMOOTH[:50, :50])
        assert difference.max() <= 12


def test_a_file_cut_short_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    # The directory comes first, so that it survives the cut.
    tifffile.imwrite(path, NOISE, photometric="rgb", rowsperstrip=50, metadata=None)
    path.write_bytes(path.read_bytes()[: NOISE.nbytes // 2])
    with pytest.raises(SlideReadError, match=r"cut\.tif: .*not copied whole"):
        open_slide(path, slide_mpp=0.25)
    ome = write_ome_pyramid(tmp_path / "cut.ome.tif", [pyramid_of(NOISE)])
    ome.write_bytes(ome.read_bytes()[: ome.stat().st_size // 2])
    with pytest.raises(SlideReadError, match=r"cut\.ome\.tif: .*not copied whole"):
        open_slide(ome, slide_mpp=0.25)
