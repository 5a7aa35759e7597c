"""A heatmap of a region: what is scored, what is mapped, and which areas are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wsi_idc.annotations.roi import RegionOfInterest
from wsi_idc.errors import AnnotationError, ResultFolderError
from wsi_idc.heatmap.predict import predict_slide
from wsi_idc.heatmap.result import HeatmapResult, read_result
from wsi_idc.model.folder import model_folder, read_card
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import SlideSource


class Brightness:
    """A model of no training: the darker a patch, the more probable."""

    card = read_card(model_folder(None))
    runtime = "numpy"
    batch_size = 16

    def predict_classes(self, patches: np.ndarray, *, tta: bool = False) -> np.ndarray:
        return (1 - patches.mean(axis=(1, 2, 3)) / 255).astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SlideSource:
    """Tissue on all of 3.2 by 2.4 mm, darker to the right."""
    pixels = np.full((300, 400, 3), (215, 140, 190), np.uint8)
    pixels = (pixels * np.linspace(1, 0.7, 400)[None, :, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("slides") / "a.tif"
    write_slide_from_array(
        path, pixels, mpp=8.0, vendor="generic", downsamples=(1,), compression="deflate"
    )
    return SlideSource(path)


def predict(
    source: SlideSource, output: Path, roi: RegionOfInterest | None = None
) -> HeatmapResult:
    return predict_slide(source, Brightness(), output, roi=roi)  # type: ignore[arg-type]


def test_patches_cells_and_areas_are_those_of_the_region(
    source: SlideSource, tmp_path: Path
) -> None:
    whole = predict(source, tmp_path / "whole")
    result = predict(source, tmp_path / "a", RegionOfInterest((100, 50, 150, 125)))
    scores = pd.read_csv(tmp_path / "a" / "scores.csv")
    # Centres are half a patch of 50 px behind the corners; right and lower edges are not inside.
    assert (scores["minx"].min(), scores["minx"].max()) == (75, 200)
    assert (scores["miny"].min(), scores["miny"].max()) == (25, 125)
    assert len(scores) == 6 * 5

    cells = np.argwhere(np.isfinite(result.probability.values))
    # Cells are 25 px: their centres in the region are 112.5 to 237.5 and 62.5 to 162.5.
    assert cells.min(axis=0).tolist() == [2, 4] and cells.max(axis=0).tolist() == [6, 9]
    assert len(cells) == 5 * 6
    inner = (slice(3, 6), slice(5, 9))
    assert np.array_equal(result.probability.values[inner], whole.probability.values[inner])

    area_mm2 = 150 * 125 * 0.008**2
    summary = result.summary
    assert summary.assessed_mm2 == pytest.approx(area_mm2)
    assert summary.tissue_mm2 == pytest.approx(area_mm2, rel=0.02)
    assert read_result(tmp_path / "a").tissue_mm2 == pytest.approx(summary.tissue_mm2)


def test_the_region_is_part_of_what_a_rerun_compares(source: SlideSource, tmp_path: Path) -> None:
    roi = RegionOfInterest((100, 50, 150, 125))
    predict(source, tmp_path / "a", roi)
    before = (tmp_path / "a" / "run.json").stat().st_mtime_ns
    predict(source, tmp_path / "a", RegionOfInterest((100.0, 50.0, 150.0, 125.0)))
    assert (tmp_path / "a" / "run.json").stat().st_mtime_ns == before
    with pytest.raises(ResultFolderError, match="region_sha256 was"):
        predict(source, tmp_path / "a")
    summary = json.loads((tmp_path / "a" / "summary.json").read_text(encoding="utf-8"))
    assert len(summary["settings"]["region_sha256"]) == 64


def test_a_region_off_the_slide_is_an_error(source: SlideSource, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="off the slide"):
        predict(source, tmp_path / "a", RegionOfInterest((400, 0, 10, 10)))
    assert not (tmp_path / "a").exists()
