"""Reading a slide once for its pictures and its patches: nothing but time may change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsi_idc.errors import SlideReadError
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import SlideSource, open_slide
from wsi_idc.slides import overview as overview_module
from wsi_idc.slides.base import Slide
from wsi_idc.slides.direct_reader import DirectReader
from wsi_idc.slides.overview import Overview, read_overview
from wsi_idc.slides.resample import area_average
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tissue import find_tissue

PATCH, MPP = 50, 8.0


def tissue_pixels(width: int, height: int) -> np.ndarray:
    """Glass, and a blot of tissue over the left two thirds that runs off the lower edge."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    blot = ((x / width - 0.35) / 0.3) ** 2 + ((y / height - 0.75) / 0.5) ** 2 < 1
    stroma = np.array([205, 140, 185]) + random.normal(0, 22, (height, width, 1))
    pixels = np.where(blot[..., None], stroma, 243.0)
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=[1.0, 1.0108], ids=["whole ratio", "fractional ratio"])
def slide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One level, as if a pyramid ended there; at 1 µm/px eight pixels make one of the patches'."""
    path = tmp_path_factory.mktemp("overview") / "short.svs"
    pixels = tissue_pixels(3000, 2200)
    write_slide_from_array(path, pixels, mpp=request.param, downsamples=(1,))
    return path


def overview_of(slide: Slide) -> Overview:
    read_overview(slide, MPP, 16.0, PATCH)
    assert slide.overview is not None
    return slide.overview


def plan_of(slide: Slide, stride: int = PATCH) -> PatchPlan:
    return plan_patches(slide.info, None, mpp=MPP, patch_size=PATCH, stride=stride, min_tissue=0)


def patches_of(source: SlideSource, plan: PatchPlan, overview: Overview | None) -> np.ndarray:
    found = np.zeros((len(plan), PATCH, PATCH, 3), np.uint8)
    for block in read_patches(source, plan, threads=2, overview=overview):
        found[block.indices] = block.patches
    return found


@pytest.mark.parametrize("reader", ["direct", "openslide"])
@pytest.mark.parametrize("stride", [PATCH, 33])
def test_patches_are_the_same_to_the_last_bit(reader: str, stride: int, slide: Path) -> None:
    """All of them, so also those on glass, which was read roughly, and those over the edge."""
    source = SlideSource(slide, reader=reader)
    with source.open() as opened:
        overview, plan = overview_of(opened), plan_of(opened, stride)
    np.testing.assert_array_equal(
        patches_of(source, plan, overview), patches_of(source, plan, None)
    )


def test_a_slide_is_not_opened_again_for_what_the_overview_holds(
    slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SlideSource(slide)
    with source.open() as opened:
        overview, plan = overview_of(opened), plan_of(opened)
    inside = plan.select((plan.columns > 1) & (plan.columns < 5) & (plan.rows == 4))
    monkeypatch.setattr(SlideSource, "open", lambda self: pytest.fail("opened again"))
    assert len(patches_of(source, inside, overview)) == 3


def test_only_glass_is_read_roughly(slide: Path) -> None:
    with open_slide(slide) as opened:
        assert opened.info.reader == "direct"
        assert opened.is_plain(2500, 150, (20, 20), MPP)
        assert not opened.is_plain(1000, 1600, (20, 20), MPP)
    with open_slide(slide, reader="openslide") as opened:
        assert not opened.is_plain(2500, 150, (20, 20), MPP)


def test_no_guess_makes_a_patch_wrong(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SlideSource(slide)
    with source.open() as opened:
        plan = plan_of(opened)
        expected = patches_of(source, plan, None)
        monkeypatch.setattr(DirectReader, "is_plain", lambda *_: True)
        overview = overview_of(opened)
    np.testing.assert_array_equal(patches_of(source, plan, overview), expected)


def test_a_slide_full_of_tissue_has_no_glass(tmp_path: Path) -> None:
    path = tmp_path / "full.svs"
    stroma = np.random.default_rng(0).normal(170, 25, (1100, 1300, 3)).clip(0, 255)
    write_slide_from_array(path, stroma.astype(np.uint8), mpp=1.0, downsamples=(1,))
    with open_slide(path) as opened:
        assert not opened.is_plain(0, 0, (40, 40), MPP)


def test_pictures_are_right_to_a_few_grey_levels(slide: Path) -> None:
    """With an overview, and without one, from the means of JPEG blocks."""
    with open_slide(slide) as opened, open_slide(slide, reader="openslide") as reference:
        for mpp in (16.0, 21.3):
            exact = reference.picture(mpp, max_side=4000)
            without = opened.picture(mpp, max_side=4000)
            overview_of(opened)
            with_it = opened.picture(mpp, max_side=4000)
            opened.overview = None
            for picture in (without, with_it):
                assert picture.placement == exact.placement
                off = np.abs(picture.pixels.astype(int) - exact.pixels)
                assert off.mean() < 0.7
                # A step of 100 grey levels between tissue and glass: a tenth of a pixel.
                assert off.max() <= 12


def test_rough_reading_does_not_shift(slide: Path) -> None:
    centres = []
    with open_slide(slide) as opened:
        for pixels in (
            opened.read_roughly(0, 0, (350, 250), MPP, detail_mpp=MPP * 1.02),
            opened.read(0, 0, (350, 250), MPP),
        ):
            density = 243.0 - pixels[..., 1]
            centres.append([np.average(at, weights=density) for at in np.indices(density.shape)])
    assert np.abs(np.subtract(*centres)).max() < 0.02


def test_the_mask_hardly_changes(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_slide(slide) as opened, open_slide(slide, reader="openslide") as reference:
        exact = find_tissue(reference, PATCH * MPP).mask.values
        once = find_tissue(opened, PATCH * MPP, patch_mpp=MPP).mask.values
    assert exact.any()
    overlap = 2 * np.count_nonzero(once & exact) / (np.count_nonzero(once) + exact.sum())
    assert overlap > 0.998


def test_isolated_slides_give_the_same(slide: Path) -> None:
    with open_slide(slide) as opened, open_slide(slide, isolated=True) as isolated:
        ours, theirs = (
            find_tissue(each, PATCH * MPP, patch_mpp=MPP).mask.values for each in (opened, isolated)
        )
        assert opened.overview is not None
        assert isolated.overview is not None
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(opened.overview.pixels, isolated.overview.pixels)


def test_there_is_none_where_it_would_spare_nothing(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyramid = tmp_path / "pyramid.svs"
    write_slide_from_array(pyramid, tissue_pixels(700, 500), mpp=0.25, downsamples=(1, 4))
    with open_slide(pyramid) as opened:
        read_overview(opened, 0.5, 8.0, PATCH)  # the patches are of level 0, the mask of 1/4
        assert opened.overview is None
    with open_slide(slide) as opened:
        read_overview(opened, 16.0, 8.0, PATCH)  # a mask finer than the patches
        assert opened.overview is None
        monkeypatch.setattr(overview_module, "_MOST_PIXELS", 1000)
        read_overview(opened, MPP, 16.0, PATCH)
        assert opened.overview is None


@pytest.mark.parametrize("ratio", [2, 4, 8, 16])
def test_tiles_are_averaged_as_regions_are(ratio: int, tmp_path: Path) -> None:
    path = tmp_path / "noise.svs"
    pixels = np.random.default_rng(ratio).integers(0, 256, (1111, 1333, 3), dtype=np.uint8)
    write_slide_from_array(path, pixels, mpp=1.0, downsamples=(1,))
    with open_slide(path) as opened:
        whole = opened.read_level(0, 0, 0, 1333, 1111)
        for x, y, width, height in [
            (0, 0, 32, 32),
            (3, 5, 17, 19),
            (1, 2, 1333 // ratio - 1, 1111 // ratio - 2),
            (1300 // ratio, 0, 9, 1111 // ratio),  # over the edge
        ]:
            ours = opened.read(x * ratio, y * ratio, (width, height), float(ratio))
            padded = np.pad(whole, ((0, 400), (0, 400), (0, 0)), constant_values=255)
            box = x * ratio, y * ratio, (x + width) * ratio, (y + height) * ratio
            np.testing.assert_array_equal(ours, area_average(padded, box, (width, height)))


def test_a_damaged_tile_is_an_error_in_a_rough_picture_too(tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "damaged.svs"
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 1300, 3), dtype=np.uint8)
    write_slide_from_array(path, pixels, mpp=1.0, downsamples=(1,))
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[7], tiff.pages[0].databytecounts[7]
    data = bytearray(path.read_bytes())
    data[offset + 2 : offset + count] = bytes(count - 2)
    path.write_bytes(data)
    with open_slide(path) as opened, pytest.raises(SlideReadError, match="cannot read level 0"):
        opened.picture(16.0, max_side=4000)
