"""The tissue mask on made pictures with known truth, and on real slides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsi_idc.errors import SettingsError
from wsi_idc.tissue import TissueSettings, segment_tissue

GLASS = (242, 241, 243)
PALE_STROMA = (236, 212, 228)
STROMA = (215, 150, 190)
NUCLEI = (95, 60, 130)
BLACK = (3, 1, 5)
GREY = (150, 150, 152)
GREEN_INK = (40, 140, 80)
MPP = 16.0


def glass(height: int = 200, width: int = 300, noise: float = 3.0) -> np.ndarray:
    """Empty glass with the colour noise of a camera, float RGB."""
    random = np.random.default_rng(1)
    return np.array(GLASS, float) + random.normal(0, noise, (height, width, 3))


def disk(shape: tuple[int, ...], row: float, column: float, radius: float) -> np.ndarray:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def segment(pixels: np.ndarray, mpp: float = MPP, **settings: float) -> np.ndarray:
    picture = np.clip(pixels, 0, 255).astype(np.uint8)
    return segment_tissue(picture, mpp, settings=TissueSettings(**settings))


@pytest.mark.parametrize("noise", [0.0, 3.0, 10.0])
def test_an_empty_slide_has_no_tissue(noise: float) -> None:
    assert not segment(glass(noise=noise)).any()


def test_tinted_glass_is_no_tissue() -> None:
    assert not segment(glass() - np.array([0, 2, 9])).any()


@pytest.mark.parametrize("colour", [PALE_STROMA, STROMA, NUCLEI])
def test_stained_tissue_is_found_to_a_pixel(colour: tuple[int, int, int]) -> None:
    pixels = glass()
    truth = disk(pixels.shape, 100, 150, 60)
    pixels[truth] = colour
    mask = segment(pixels)
    assert not (mask & ~disk(pixels.shape, 100, 150, 61.5)).any()
    assert not (disk(pixels.shape, 100, 150, 58.5) & ~mask).any()


def test_a_picture_full_of_tissue_is_not_cut_in_half() -> None:
    pixels = np.empty((150, 150, 3))
    pixels[:, :75] = PALE_STROMA
    pixels[:, 75:] = NUCLEI
    assert segment(pixels).all()


def test_black_borders_grey_glass_and_green_ink_are_left_out() -> None:
    pixels = glass()
    pixels[:40] = BLACK
    pixels[:, :30] = GREY
    pixels[60:90, 40:120] = GREEN_INK
    truth = disk(pixels.shape, 140, 220, 40)
    pixels[truth] = STROMA
    mask = segment(pixels)
    assert mask[truth].mean() > 0.97
    assert not (mask & ~disk(pixels.shape, 140, 220, 41.5)).any()


def test_noise_in_a_black_border_is_no_tissue() -> None:
    random = np.random.default_rng(2)
    assert not segment(random.integers(0, 12, (100, 100, 3))).any()


def test_small_holes_are_filled_and_large_ones_are_glass() -> None:
    pixels = glass(300, 300)
    pixels[disk(pixels.shape, 150, 150, 140)] = STROMA
    small = disk(pixels.shape, 90, 150, 20)  # 0.32 mm² at 16 µm
    large = disk(pixels.shape, 200, 150, 45)  # 1.6 mm²
    pixels[small | large] = GLASS
    mask = segment(pixels)
    assert mask[small].all()
    assert not mask[disk(pixels.shape, 200, 150, 40)].any()
    assert not segment(pixels, largest_hole_mm2=0.1)[disk(pixels.shape, 90, 150, 15)].any()


def test_fat_counts_as_tissue() -> None:
    """Cells of 100 µm with walls of 10 µm, seen at 16 µm/px."""
    fine = np.empty((800, 800, 3))
    fine[:] = GLASS
    walls = np.zeros((800, 800), bool)
    walls[100:700, 100:700] = True
    y, x = np.mgrid[:800, :800]
    walls &= (x % 25 < 3) | (y % 25 < 3)  # 4 µm/px
    fine[walls] = STROMA
    seen = fine.reshape(200, 4, 200, 4, 3).mean((1, 3))
    mask = segment(seen)
    assert mask[30:170, 30:170].all()
    assert not mask[:20].any()


def test_specks_are_dropped_and_fragments_are_kept() -> None:
    pixels = glass()
    dust = disk(pixels.shape, 40, 40, 3)  # 0.007 mm²
    fragment = disk(pixels.shape, 140, 200, 8)  # 0.05 mm²
    pixels[dust | fragment] = NUCLEI
    mask = segment(pixels)
    assert not mask[:80].any()
    assert mask[fragment].mean() > 0.95


def test_sizes_are_microns_and_not_pixels() -> None:
    """The same scene seen at 8 and at 16 µm/px gives the same areas."""
    coarse = glass(150, 150, noise=0)
    coarse[disk(coarse.shape, 75, 60, 40)] = STROMA
    coarse[disk(coarse.shape, 75, 60, 12)] = GLASS
    coarse[disk(coarse.shape, 20, 130, 3)] = NUCLEI
    fine = np.kron(coarse, np.ones((2, 2, 1)))
    area_coarse = segment(coarse, 16.0).sum() * 4
    area_fine = segment(fine, 8.0).sum()
    assert area_coarse > 0
    assert area_fine == pytest.approx(area_coarse, rel=0.02)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="saturation range"):
        TissueSettings(lowest_saturation=0.3, highest_saturation=0.2)
    with pytest.raises(SettingsError, match="smoothing_um"):
        TissueSettings(smoothing_um=-1)


class TestRealSlides:
    def test_the_cut_has_tissue_in_the_middle_and_glass_beside_it(self, shared_data: Path) -> None:
        from wsi_idc.slides import SlideSource
        from wsi_idc.tissue import tissue_mask

        with SlideSource(shared_data / "slides" / "CMU-1-Small-Region.svs").open() as slide:
            mask = tissue_mask(slide, 400.0)
        assert 0.35 < mask.values.mean() < 0.45
        top_left, middle = mask.fraction_of(
            np.array([0.0, 1100.0]), np.array([1500.0, 1300.0]), 400.0, 400.0
        )
        assert top_left == 0
        assert middle == pytest.approx(1)

    def test_the_section_keeps_its_public_patches(self, shared_data: Path) -> None:
        import pandas as pd

        from wsi_idc.slides import SlideSource
        from wsi_idc.tissue import tissue_mask

        with SlideSource(shared_data / "slides" / "idc-14306.tif").open() as slide:
            mask = tissue_mask(slide, 400.0)
        labels = pd.read_csv(shared_data / "slides" / "idc-14306-labels.csv")
        x, y = (labels[axis].to_numpy(float) - 1 for axis in ("x", "y"))
        fraction = mask.fraction_of(x, y, 50.0, 50.0)
        positive = labels.filter(like="class").iloc[:, 0].to_numpy() == 1
        assert (fraction[positive] >= 0.15).all()
        assert (fraction >= 0.15).mean() > 0.95
        # The map's background is flat grey: hardly any tissue may lie outside the patches.
        inside = np.sum(fraction) * 0.16
        assert mask.area_mm2 - inside < 0.02 * mask.area_mm2
