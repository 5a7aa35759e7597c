"""Slides that are written come back through OpenSlide as they were meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.errors import SettingsError
from wsi_idc.phantom.slide_writer import write_slide, write_slide_from_array

# Multiples neither of the tile nor of the downsamples.
HEIGHT, WIDTH = 611, 1033


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """Smooth colours, so that JPEG stays close; every row and column is different."""
    noise = np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 3))
    noise = 0.3 * noise + noise[..., :1]  # JPEG halves colour, so brightness carries most
    smooth = ndimage.gaussian_filter(noise, (6, 6, 0))
    return np.clip(128 + 55 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def read_level(slide: openslide.OpenSlide, level: int) -> NDArray[np.uint8]:
    region = slide.read_region((0, 0), level, slide.level_dimensions[level])
    return np.asarray(region.convert("RGB"))


def area_averages(pixels: NDArray[np.uint8], step: int) -> NDArray[np.float64]:
    height, width = pixels.shape[0] // step, pixels.shape[1] // step
    whole = pixels[: height * step, : width * step].astype(np.float64)
    return whole.reshape(height, step, width, step, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("vendor", ["aperio", "generic"])
@pytest.mark.parametrize("downsamples", [(1, 4, 16), (1, 3, 12), (1,)])
def test_deflate_levels_are_exact(
    tmp_path: Path, pixels: NDArray[np.uint8], vendor: str, downsamples: tuple[int, ...]
) -> None:
    path = tmp_path / "slide.tif"
    write_slide_from_array(
        path, pixels, mpp=0.25, downsamples=downsamples, compression="deflate", vendor=vendor
    )
    with openslide.OpenSlide(path) as slide:
        assert slide.level_dimensions == tuple((WIDTH // d, HEIGHT // d) for d in downsamples)
        assert slide.associated_images.keys() == set()
        for level, downsample in enumerate(downsamples):
            expected = np.floor(area_averages(pixels, downsample) + 0.5)
            np.testing.assert_array_equal(read_level(slide, level), expected)


@pytest.mark.parametrize("vendor", ["aperio", "generic"])
def test_jpeg_levels_are_close(tmp_path: Path, pixels: NDArray[np.uint8], vendor: str) -> None:
    path = tmp_path / "slide.svs"
    write_slide_from_array(path, pixels, mpp=0.25, vendor=vendor, quality=90, downsamples=(1, 2))
    with openslide.OpenSlide(path) as slide:
        whole = read_level(slide, 0)
        error = np.abs(whole.astype(int) - pixels).mean()
        shifted = np.abs(whole[:, 1:].astype(int) - pixels[:, :-1]).mean()
        assert error < 1.5 < shifted / 2
        halves = np.abs(read_level(slide, 1) - area_averages(pixels, 2)).mean()
        assert halves < 2.5


@pytest.mark.parametrize("mpp", [0.25, 0.2428, 0.123456789, 8.0])
@pytest.mark.parametrize("vendor", ["aperio", "generic"])
def test_mpp_comes_back(tmp_path: Path, pixels: NDArray[np.uint8], mpp: float, vendor: str) -> None:
    path = tmp_path / "slide.tif"
    write_slide_from_array(path, pixels, mpp=mpp, vendor=vendor)
    with openslide.OpenSlide(path) as slide:
        assert (
            slide.properties["openslide.vendor"]
            == {
                "aperio": "aperio",
                "generic": "generic-tiff",
            }[vendor]
        )
        for axis in "xy":
            assert float(slide.properties[f"openslide.mpp-{axis}"]) == pytest.approx(mpp, rel=1e-6)


def test_generic_holds_two_mpp(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / "slide.tif"
    write_slide_from_array(path, pixels, mpp=(0.25, 0.3), vendor="generic")
    with openslide.OpenSlide(path) as slide:
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.25, rel=1e-6)
        assert float(slide.properties["openslide.mpp-y"]) == pytest.approx(0.3, rel=1e-6)


@pytest.mark.parametrize("vendor", ["aperio", "generic"])
def test_slide_without_mpp(tmp_path: Path, pixels: NDArray[np.uint8], vendor: str) -> None:
    path = tmp_path / "slide.tif"
    write_slide_from_array(path, pixels, mpp=None, vendor=vendor)
    with openslide.OpenSlide(path) as slide:
        assert "openslide.mpp-x" not in slide.properties
        assert "openslide.objective-power" not in slide.properties


def test_objective_power_comes_back(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / "slide.svs"
    write_slide_from_array(path, pixels, mpp=None, objective_power=40.0)
    with openslide.OpenSlide(path) as slide:
        assert slide.properties["openslide.objective-power"] == "40"


def test_rows_are_asked_for_once_in_order(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    asked: list[tuple[int, int]] = []

    def rows(y0: int, y1: int) -> NDArray[np.uint8]:
        asked.append((y0, y1))
        return pixels[y0:y1]

    write_slide(tmp_path / "slide.tif", rows, WIDTH, HEIGHT, mpp=0.25, tile=64)
    assert len(asked) > 5
    assert [y0 for y0, _ in asked] == [0] + [y1 for _, y1 in asked[:-1]]
    assert asked[-1][1] == HEIGHT


@pytest.mark.parametrize("compression", ["jpeg", "deflate"])
def test_same_pixels_same_bytes(
    tmp_path: Path, pixels: NDArray[np.uint8], compression: str
) -> None:
    for name in ("a.tif", "b.tif"):
        write_slide_from_array(tmp_path / name, pixels, mpp=0.25, compression=compression)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    def rows(y0: int, y1: int) -> NDArray[np.uint8]:
        if y0 > 0:
            raise RuntimeError("the source broke")
        return np.zeros((y1 - y0, 300, 3), np.uint8)

    with pytest.raises(RuntimeError, match="the source broke"):
        write_slide(tmp_path / "slide.tif", rows, 300, 900, mpp=0.25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mpp": (0.25, 0.3)}, "use vendor generic"),
        ({"mpp": 0.25, "vendor": "generic", "objective_power": 40.0}, "use vendor aperio"),
        ({"mpp": 0.0}, "must be positive"),
        ({"mpp": 0.25, "tile": 100}, "multiple of 16"),
        ({"mpp": 0.25, "downsamples": (4, 16)}, "start with 1"),
        ({"mpp": 0.25, "downsamples": (1, 4, 6)}, "multiple of the one before"),
        ({"mpp": 0.25, "downsamples": (1, 1024)}, "leave the coarsest"),
        ({"mpp": 0.25, "quality": 100}, "1 to 95"),
    ],
)
def test_settings_that_cannot_be_written(
    tmp_path: Path, pixels: NDArray[np.uint8], settings: dict, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        write_slide_from_array(tmp_path / "slide.tif", pixels, **settings)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"expected uint8 \(256, 300, 3\)"):
        write_slide(
            tmp_path / "slide.tif",
            lambda y0, y1: np.zeros((y1 - y0, 299, 3), np.uint8),
            300,
            300,
            mpp=0.25,
        )
