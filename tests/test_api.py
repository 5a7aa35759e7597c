"""`import wsi_idc`: what it offers, what it costs, and what notebooks show of it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from heatmap.test_region import Brightness
from PIL import Image

import wsi_idc
from wsi_idc.errors import SettingsError, SlideReadError
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.phantom import write_slide_from_array
from wsi_idc.slides.raster import Placement, SlideMask

PLACEMENT = Placement(0.0, 0.0, 50.0, 50.0, 4.0, 4.0)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tissue on all of 3.2 by 2.4 mm, darker to the right."""
    pixels = np.full((300, 400, 3), (215, 140, 190), np.uint8)
    pixels = (pixels * np.linspace(1, 0.7, 400)[None, :, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("slides") / "a.tif"
    write_slide_from_array(
        path, pixels, mpp=8.0, vendor="generic", downsamples=(1,), compression="deflate"
    )
    return path


@pytest.fixture(scope="module")
def plan(slide: Path) -> wsi_idc.PatchPlan:
    with wsi_idc.open_slide(slide) as opened:
        return wsi_idc.plan_tiles(opened, wsi_idc.TileSettings(min_tissue=0)).plan


def shown(thing: object) -> np.ndarray:
    show = getattr(thing, "_repr_png_", None) or thing._repr_jpeg_  # type: ignore[attr-defined]
    return np.asarray(Image.open(io.BytesIO(show())))


def test_every_name_is_there_and_none_costs_tensorflow() -> None:
    """Names that need TensorFlow import it when they are called."""
    code = (
        "import sys, wsi_idc\n"
        "print([m for m in ('numpy', 'tensorflow', 'keras', 'pandas') if m in sys.modules])\n"
        "for name in wsi_idc.__all__: getattr(wsi_idc, name)\n"
        "print([m for m in ('tensorflow', 'keras', 'openvino') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "[]"], done.stderr
    assert set(dir(wsi_idc)) == set(wsi_idc.__all__)


def test_batches_from_a_file_name_are_those_of_the_dataset(
    slide: Path, plan: wsi_idc.PatchPlan
) -> None:
    batches = list(wsi_idc.read_batches(str(slide), plan, 5))
    stream = wsi_idc.patch_dataset(slide, plan, 5)
    assert len(stream) == len(batches) == 10  # of 48 patches
    for _ in range(2):  # each pass reads anew
        for (indices, patches), (streamed, at) in zip(batches, stream, strict=True):
            np.testing.assert_array_equal(at.numpy(), indices)
            np.testing.assert_array_equal(streamed.numpy(), patches)


def test_dataset_refuses_empty_batches_at_once_and_tells_of_a_slide_that_is_gone(
    slide: Path, plan: wsi_idc.PatchPlan, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="at least 1 patch"):
        wsi_idc.patch_dataset(slide, plan, 0)
    with pytest.raises(Exception, match=r"gone\.tif: there is no such file"):
        next(iter(wsi_idc.patch_dataset(tmp_path / "gone.tif", plan)))


def test_result_in_memory_is_the_one_that_is_written(slide: Path, tmp_path: Path) -> None:
    model: wsi_idc.Scorer = Brightness()  # type: ignore[assignment]
    kept = wsi_idc.predict_slide(slide, model)
    assert list(tmp_path.iterdir()) == []
    wsi_idc.predict_slide(str(slide), model, str(tmp_path / "a"))
    written = wsi_idc.read_result(str(tmp_path / "a"))
    np.testing.assert_array_equal(written.probability.values, kept.probability.values)
    assert written.summary == kept.summary
    with Image.open(tmp_path / "a" / "overlay.png") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(kept.overlay()))
    assert max(shown(kept).shape) == 800
    assert repr(kept) == "<HeatmapResult 'a': 12 x 16 cells, 165 patches>"


def test_tile_slide_takes_names(slide: Path, tmp_path: Path) -> None:
    tiled = wsi_idc.tile_slide(str(slide), str(tmp_path))
    assert tiled.index.is_relative_to(tmp_path)
    with pytest.raises(SlideReadError, match="folder"):
        wsi_idc.tile_slide(str(tmp_path), str(tmp_path))


class TestNotebook:
    def test_slide_is_shown_as_it_is(self, slide: Path) -> None:
        with wsi_idc.open_slide(slide) as opened:
            picture = shown(opened)
        assert picture.shape == (300, 400, 3)
        assert picture[0, 0].mean() > picture[0, -1].mean()

    def test_mask_keeps_its_cells(self) -> None:
        values = np.zeros((4, 8), bool)
        values[1, 2] = True
        picture = shown(SlideMask(values, PLACEMENT))
        assert picture.shape == (400, 800)
        np.testing.assert_array_equal(picture[::100, ::100] == 255, values)

    def test_map_tells_low_from_not_assessed(self) -> None:
        values = np.array([[0.0, 1.0, np.nan]], np.float32)
        picture = shown(ProbabilityMap(values, PLACEMENT))
        low, high, none = picture[0, 10], picture[0, 300], picture[0, 700]
        assert len({tuple(low), tuple(high), tuple(none)}) == 3
        assert none[0] == none[1] == none[2]

    def test_large_pictures_are_shrunk(self) -> None:
        picture = shown(SlideMask(np.ones((900, 2000), bool), PLACEMENT))
        assert picture.shape == (360, 800)
