"""Tissue on slides of files: where it is, and how fine its mask is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import open_slide
from wsi_idc.tissue import find_tissue
from wsi_idc.tissue.grid import mask_frame

LEFT, TOP, RIGHT, BOTTOM = 400, 300, 1300, 900


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rectangle of stroma on glass, 1 µm/px."""
    path = tmp_path_factory.mktemp("find") / "stroma.svs"
    pixels = np.full((1203, 1601, 3), 243, np.uint8)
    pixels[TOP:BOTTOM, LEFT:RIGHT] = 215, 150, 190
    write_slide_from_array(path, pixels, mpp=1.0, downsamples=(1, 4))
    return path


@pytest.mark.parametrize("patch_um", [12.5, 50.0, 400.0])
def test_the_mask_of_any_patch_lies_over_the_tissue(patch_um: float, slide: Path) -> None:
    """Finer than 4 µm/px too, which is as fine as tissue is looked for."""
    with open_slide(slide) as opened:
        at, shape = mask_frame(opened.info, patch_um)
        mask = find_tissue(opened, patch_um).mask
    assert (mask.values.shape, mask.placement) == (shape, at)
    rows, columns = np.nonzero(mask.values)
    # Stain is seen over the smoothing's width beyond a sharp edge.
    reach = 12.0 + max(at.pixel_width, 4.0)
    for cells, pixel, first, last in (
        (columns, at.pixel_width, LEFT, RIGHT),
        (rows, at.pixel_height, TOP, BOTTOM),
    ):
        middle = (cells.min() + cells.max() + 1) / 2 * pixel
        assert middle == pytest.approx((first + last) / 2, abs=max(pixel, 4.0) / 2 + 0.5)
        assert first - reach <= cells.min() * pixel <= first
        assert last <= (cells.max() + 1) * pixel <= last + reach
