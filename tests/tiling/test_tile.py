"""Tiling a slide file from end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiling.killed_runs import files_below

from wsi_idc.errors import NoTissueError, SettingsError, SlideReadError, UpsamplingError
from wsi_idc.patches import find_patches
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import SlideSource
from wsi_idc.tiling import tile as tile_module
from wsi_idc.tiling.tile import TileResult, TileSettings, tile_slide

# 4 µm/px keeps the slide small: a patch of 400 µm is 100 px.
MPP = 4.0
SETTINGS = TileSettings()
STROMA = (215, 150, 190)


def write_tissue_slide(path: Path, seed: int = 0, tissue: bool = True) -> None:
    """3.2 x 2.4 mm with 1.6 x 1.6 mm of tissue at (800, 400) µm: columns 2 to 5, rows 1 to 4."""
    random = np.random.default_rng(seed)
    pixels = np.full((600, 800, 3), 243.0)
    if tissue:
        pixels[100:500, 200:600] = STROMA
    pixels += random.normal(0, 4, pixels.shape)
    write_slide_from_array(
        path,
        np.clip(pixels, 0, 255).astype(np.uint8),
        mpp=MPP,
        downsamples=(1, 2),
        compression="deflate",
        vendor="generic",
    )


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "case 7.tif"
    write_tissue_slide(path)
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """IDC over columns 2 and 3, and a third of column 4."""
    grey = np.zeros((60, 80), np.uint8)
    grey[:, 20:43] = 255
    path = tmp_path / "truth.png"
    Image.fromarray(grey).save(path)
    return path


def tile(
    slide: Path, output: Path, settings: TileSettings = SETTINGS, **options: Any
) -> TileResult:
    return tile_slide(SlideSource(slide), output, settings, **options)


def test_the_tissue_is_cut_and_nothing_else(slide: Path, tmp_path: Path) -> None:
    result = tile(slide, tmp_path)
    table = pd.read_csv(result.index)
    cells = {(x // 50, y // 50) for x, y in zip(table["x"], table["y"], strict=True)}
    assert cells == {(column, row) for column in range(2, 6) for row in range(1, 5)}
    assert (table["tissue_fraction"] > 0.97).all()
    assert result.patches == 16
    assert result.tissue_mm2 == pytest.approx(2.56, rel=0.05)
    assert (result.positive, result.negative, result.skipped) == (0, 0, False)
    assert table["file"].str.startswith("case 7/unlabelled/case 7_x").all()
    assert all((tmp_path / file).is_file() for file in table["file"])


def test_side_files_and_manifest(slide: Path, tmp_path: Path) -> None:
    result = tile(slide, tmp_path, patient="P1")
    folder = tmp_path / "slides" / "case 7"
    assert result.folder == folder
    assert {p.name for p in folder.iterdir()} == {
        "case 7_patches.csv",
        "case 7_mask.png",
        "case 7_tissue.geojson",
        "case 7_grid.png",
        "case 7_contact.png",
        "manifest.json",
    }
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    assert str(slide.parent) not in text
    manifest = json.loads(text)
    assert manifest["patient"] == "P1"
    assert manifest["settings"]["mpp"] == 8.0
    assert manifest["settings"]["stride"] == 50
    assert manifest["slide"]["width"] == 800
    assert manifest["slide"]["mpp_x"] == MPP
    assert manifest["counts"] == {
        "grid_cells": 48,
        "patches": 16,
        "positive": 0,
        "negative": 0,
        "touched_by_idc": 0,
        "border_left_out": 0,
        "ignored_left_out": 0,
    }
    assert manifest["annotations"] is None
    mask = np.asarray(Image.open(folder / "case 7_mask.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert mask.shape == (150, 200)  # 16 µm a pixel
    assert Image.open(folder / "case 7_grid.png").size[0] <= 1500


def test_the_output_is_a_patch_collection(slide: Path, truth: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = tile(slide, output, patient="P1", truth=truth)
    collection = find_patches(output)
    patches = collection.table
    assert len(patches) == 16
    assert set(patches["patient"]) == {"P1"}
    assert set(patches["slide"]) == {"case 7"}
    positive = patches[patches["label"] == 1]
    assert set(positive["x"]) == {101, 151}
    assert (result.positive, result.negative) == (8, 8)
    assert (collection.mpp, collection.patch_size) == (8.0, 50)


def test_the_border_can_be_left_out(slide: Path, truth: Path, tmp_path: Path) -> None:
    result = tile(slide, tmp_path / "out", TileSettings(exclude_border=True), truth=truth)
    assert (result.patches, result.positive, result.negative) == (12, 8, 4)
    assert result.border_left_out == 4


def test_progress_reaches_the_end(slide: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    tile(slide, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (16, 16)


def test_a_second_run_does_nothing(slide: Path, tmp_path: Path) -> None:
    first = tile(slide, tmp_path)
    marked = next(tmp_path.glob("case 7/unlabelled/*.png"))
    marked.write_bytes(b"touched")
    second = tile(slide, tmp_path)
    assert second.skipped
    assert marked.read_bytes() == b"touched"
    assert (second.patches, second.tissue_mm2) == (first.patches, first.tissue_mm2)
    assert not tile(slide, tmp_path, overwrite=True).skipped
    assert marked.read_bytes() != b"touched"


def test_identical_runs_give_identical_files(slide: Path, tmp_path: Path) -> None:
    tile(slide, tmp_path / "a", threads=1)
    tile(slide, tmp_path / "b", threads=3)
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


def test_other_settings_are_refused_with_their_names(slide: Path, tmp_path: Path) -> None:
    tile(slide, tmp_path)
    before = files_below(tmp_path)
    with pytest.raises(SettingsError, match=r"settings\.stride was 50 and is 25.*--overwrite"):
        tile(slide, tmp_path, TileSettings(stride=25))
    with pytest.raises(SettingsError, match="patient was 'case 7' and is 'P2'"):
        tile(slide, tmp_path, patient="P2")
    assert files_below(tmp_path) == before


def test_overwriting_leaves_nothing_of_the_old_run(
    slide: Path, truth: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    tile(slide, output, patient="P1", truth=truth)
    tile(slide, output, TileSettings(mpp=16.0), patient="P2", overwrite=True)
    tile(slide, tmp_path / "fresh", TileSettings(mpp=16.0), patient="P2")
    assert files_below(output) == files_below(tmp_path / "fresh")
    assert not (output / "P1").exists()


def test_another_slide_of_the_same_name_is_refused(slide: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / slide.name
    other.parent.mkdir()
    write_tissue_slide(other, seed=1)
    tile(slide, tmp_path / "out")
    with pytest.raises(SettingsError, match=r"slide\.fingerprint"):
        tile(other, tmp_path / "out")


@pytest.mark.parametrize("stage", ["write_patches", "_write_pictures", "write_json"])
def test_an_interrupted_run_is_made_whole_by_the_next(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Killed right after each stage began, with patches of another patient lying about."""
    real = getattr(tile_module, stage)

    def killed(*arguments: Any, **options: Any) -> None:
        if stage == "write_patches":
            real(*arguments, **options)
        raise KeyboardInterrupt

    output = tmp_path / "out"
    monkeypatch.setattr(tile_module, stage, killed)
    with pytest.raises(KeyboardInterrupt):
        tile(slide, output, patient="old")
    monkeypatch.undo()
    assert not (output / "slides/case 7/manifest.json").exists()
    assert not tile(slide, output).skipped
    tile(slide, tmp_path / "fresh")
    assert files_below(output) == files_below(tmp_path / "fresh")


def test_a_kill_between_two_moves_is_made_whole(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wsi_idc.tiling import writer

    real = writer.os.replace
    moved: list[Any] = []

    def replace(source: Any, target: Any) -> None:
        if str(source).endswith(".part"):
            moved.append(target)
            if len(moved) > 5:
                raise KeyboardInterrupt
        real(source, target)

    output = tmp_path / "out"
    monkeypatch.setattr(writer.os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        tile(slide, output, patient="old")
    monkeypatch.undo()
    tile(slide, output)
    tile(slide, tmp_path / "fresh")
    assert files_below(output) == files_below(tmp_path / "fresh")
    assert not (output / "old").exists()


def test_an_overwrite_that_fails_to_read_keeps_the_old_run(slide: Path, tmp_path: Path) -> None:
    copy = tmp_path / slide.name
    shutil.copy(slide, copy)
    output = tmp_path / "out"
    tile(copy, output)
    before = files_below(output)
    copy.write_bytes(b"damaged")
    with pytest.raises(SlideReadError):
        tile(copy, output, overwrite=True)
    assert files_below(output) == before


def test_two_slides_of_one_patient_share_its_folder(slide: Path, tmp_path: Path) -> None:
    other = tmp_path / "case 8.tif"
    write_tissue_slide(other, seed=1)
    output = tmp_path / "out"
    for path in (slide, other):
        tile(path, output, patient="P1")
    assert len(list((output / "P1" / "unlabelled").iterdir())) == 32
    tile(slide, output, patient="P3", overwrite=True)
    assert len(list((output / "P1" / "unlabelled").iterdir())) == 16


def test_an_empty_slide_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.tif"
    write_tissue_slide(path, tissue=False)
    with pytest.raises(NoTissueError, match=r"empty\.tif.*--min-tissue"):
        tile(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert tile(path, tmp_path / "out", TileSettings(min_tissue=0)).patches == 48


def test_finer_pixels_than_the_slide_has_are_refused(slide: Path, tmp_path: Path) -> None:
    with pytest.raises(UpsamplingError, match="case 7"):
        tile(slide, tmp_path, TileSettings(mpp=0.25))


def test_a_patient_name_that_is_no_folder_is_refused(slide: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="patient"):
        tile(slide, tmp_path, patient="../elsewhere")
