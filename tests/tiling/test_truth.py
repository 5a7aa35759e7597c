from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiling.plans import slide_info

from wsi_idc.errors import SettingsError
from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.truth import truth_mask_from_image


def truth_of(path: Path, info: SlideInfo) -> SlideMask:
    return truth_mask_from_image(
        path, name=info.name, bounds=info.bounds, mpp_x=info.mpp_x, mpp_y=info.mpp_y
    )


def saved(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def test_a_mask_lies_over_the_bounds(tmp_path: Path) -> None:
    info = slide_info(9000, 9000, bounds=Bounds(1000, 500, 6400, 3200))
    grey = np.zeros((10, 20))
    grey[9, 19] = 128
    grey[0, 0] = 127
    truth = truth_of(saved(tmp_path / "m.png", grey), info)
    assert np.argwhere(truth.values).tolist() == [[9, 19]]
    at = truth.placement
    assert (at.origin_x, at.origin_y, at.pixel_width, at.pixel_height) == (1000, 500, 320, 320)
    assert (at.mpp_x, at.mpp_y) == (0.25, 0.25)


@pytest.mark.parametrize("size", [(20, 10), (200, 101), (201, 100), (33, 16), (33, 17)])
def test_rounded_sizes_of_the_same_shape_are_taken(tmp_path: Path, size: tuple[int, int]) -> None:
    path = saved(tmp_path / "m.png", np.full(size[::-1], 255))
    truth = truth_of(path, slide_info(16000, 8000))
    assert truth.placement.pixel_width * size[0] == pytest.approx(16000)
    assert truth.placement.pixel_height * size[1] == pytest.approx(8000)


@pytest.mark.parametrize(
    ("size", "expected"), [((200, 200), 100), ((100, 200), 50), ((200, 103), 100), ((200, 97), 100)]
)
def test_a_mask_of_another_shape_is_refused(
    tmp_path: Path, size: tuple[int, int], expected: int
) -> None:
    path = saved(tmp_path / "m.png", np.full(size[::-1], 255))
    with pytest.raises(SettingsError, match=rf"m\.png.*{expected} px high"):
        truth_of(path, slide_info(16000, 8000))


def test_a_mask_of_zeros_and_ones_is_not_taken_for_empty(tmp_path: Path) -> None:
    grey = np.zeros((10, 20))
    grey[3:5] = 1
    with pytest.raises(SettingsError, match=r"up to 1 only.*255"):
        truth_of(saved(tmp_path / "m.png", grey), slide_info(16000, 8000))


def test_an_empty_mask_means_no_tumour(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.png", np.zeros((10, 20)))
    assert not truth_of(path, slide_info(16000, 8000)).values.any()


def test_black_and_white_images_are_read(tmp_path: Path) -> None:
    values = np.zeros((10, 20), bool)
    values[:, 7] = True
    Image.fromarray(values).save(tmp_path / "m.tif")
    truth = truth_of(tmp_path / "m.tif", slide_info(16000, 8000))
    np.testing.assert_array_equal(truth.values, values)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "m.png"
    text.write_text("no image")
    with pytest.raises(SettingsError, match=r"m\.png cannot be read as an image"):
        truth_of(text, slide_info())
    with pytest.raises(SettingsError, match="no mask image"):
        truth_of(tmp_path / "absent.png", slide_info())
