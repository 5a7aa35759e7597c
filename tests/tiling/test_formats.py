"""Files of every format: the same bytes again, whole or not at all, one in place of another."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from tiling.memory_slide import MemorySource
from tiling.test_tile import files_below, write_tissue_slide

from wsi_idc.cli.tile import Format
from wsi_idc.errors import OutputError, SettingsError
from wsi_idc.slides import SlideSource
from wsi_idc.tfrecord import read_record
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.formats import FORMATS, SlidePatches
from wsi_idc.tiling.formats import h5 as h5_module
from wsi_idc.tiling.formats.tfrecord import FEATURES
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import TileResult, tile_slide
from wsi_idc.tiling.writer import write_patches

KILLED_RUNS = Path(__file__).parent / "killed_runs.py"


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "case.tif"
    write_tissue_slide(path)
    return path


def tile(slide: Path, output: Path, format: str, **options: Any) -> TileResult:
    return tile_slide(SlideSource(slide), output, TileSettings(format=format), **options)


@pytest.fixture(scope="module")
def fresh(slide: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What an undisturbed run of each format writes."""
    folder = tmp_path_factory.mktemp("fresh")
    for format in FORMATS:
        tile(slide, folder / format, format, threads=1)
    return {format: files_below(folder / format) for format in FORMATS}


def test_the_command_offers_every_format() -> None:
    assert tuple(format.value for format in Format) == FORMATS
    with pytest.raises(SettingsError, match="one of png, h5, tfrecord, coords, not 'zarr'"):
        TileSettings(format="zarr")


@pytest.mark.parametrize("format", FORMATS)
def test_identical_runs_give_identical_bytes(
    slide: Path, tmp_path: Path, fresh: dict[str, dict[str, bytes]], format: str
) -> None:
    tile(slide, tmp_path, format, threads=3)
    assert files_below(tmp_path) == fresh[format]
    assert tile(slide, tmp_path, format).skipped
    other = FORMATS[FORMATS.index(format) - 1]
    message = rf"settings\.format was '{format}' and is '{other}'.*--overwrite"
    with pytest.raises(SettingsError, match=message):
        tile(slide, tmp_path, other)


def test_files_of_each_format(fresh: dict[str, dict[str, bytes]]) -> None:
    always = {
        "case_patches.csv",
        "case_mask.png",
        "case_tissue.geojson",
        "case_grid.png",
        "case_contact.png",
    }
    always |= {"manifest.json"}
    more = {
        "h5": {"case_patches.h5"},
        "tfrecord": {"case_patches.tfrecord", "case_features.json"},
        "coords": {"case_patches.h5"},
    }
    for format, own in more.items():
        assert set(fresh[format]) == {f"slides/case/{name}" for name in always | own}
    assert len(fresh["png"]) == len(always) + 16
    assert len(fresh["h5"]["slides/case/case_patches.h5"]) > 16 * 7500
    assert len(fresh["coords"]["slides/case/case_patches.h5"]) < 15_000
    # The pictures are of the same patches, whether their pixels were written or not.
    assert len({fresh[f]["slides/case/case_contact.png"] for f in FORMATS}) == 1
    manifest = json.loads(fresh["h5"]["slides/case/manifest.json"])
    assert manifest["software"].keys() >= {"wsi-idc", "numpy", "h5py", "openslide-bin"}


def test_one_format_takes_the_place_of_another(
    slide: Path, tmp_path: Path, fresh: dict[str, dict[str, bytes]]
) -> None:
    tile(slide, tmp_path, "coords", patient="old")
    for format in FORMATS:
        tile(slide, tmp_path, format, overwrite=True)
        assert files_below(tmp_path) == fresh[format]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
@pytest.mark.parametrize("format", FORMATS)
def test_a_killed_run_that_is_repeated_ends_with_the_same_files(
    slide: Path, tmp_path: Path, format: str
) -> None:
    command = [sys.executable, str(KILLED_RUNS), str(slide), str(tmp_path), format]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_one_clear_error(
    slide: Path, tmp_path: Path, fresh: dict[str, dict[str, bytes]], format: str
) -> None:
    resource = pytest.importorskip("resource")
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Files may not grow: it is the same to a writer as a disk that has no room.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))
    try:
        with pytest.raises(OutputError, match=r"^cannot write [^\n]*; [^\n]*--output$"):
            tile(slide, tmp_path, format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert not list(tmp_path.rglob("*.part*"))
    tile(slide, tmp_path, format)
    assert files_below(tmp_path) == fresh[format]


@pytest.mark.parametrize("format", FORMATS)
def test_a_place_that_cannot_be_written_is_one_clear_error(
    slide: Path, tmp_path: Path, format: str
) -> None:
    (tmp_path / "slides").write_text("a file where a folder goes")
    with pytest.raises(OutputError, match=r"^cannot write [^\n]*slides[^\n]*; [^\n]*--output$"):
        tile(slide, tmp_path, format)


def test_too_small_a_disk_is_said_before_reading(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 100_000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"0\.0 GB free, but the patches need 0\.0 GB"):
        tile(slide, tmp_path, "h5")


def test_an_error_of_the_disk_while_more_is_read_is_not_lost(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk tells of it once: the last sync goes well again."""
    calls = []

    def sync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(h5_module, "_SYNC_BYTES", 1)
    monkeypatch.setattr(h5_module.os, "fsync", sync)
    with pytest.raises(OutputError, match="Input/output error"):
        tile(slide, tmp_path, "h5")
    assert not list(tmp_path.rglob("*.h5"))


def sparse_plan(source: MemorySource) -> PatchPlan:
    """Every third patch of a grid whose patches overlap."""
    plan = plan_patches(source.info, None, mpp=8.0, patch_size=20, stride=13, min_tissue=0)
    return plan.select(np.arange(len(plan)) % 3 > 0)


@pytest.fixture
def source() -> MemorySource:
    pixels = np.random.default_rng(0).integers(0, 256, (150, 170, 3), dtype=np.uint8)
    return MemorySource(pixels)


def test_h5_pixels_lie_in_the_order_of_the_index(source: Any, tmp_path: Path) -> None:
    plan = sparse_plan(source)
    blocks = read_patches(source, plan, block_px=50)
    patches = SlidePatches(source.info, "p", plan)
    index = pd.read_csv(write_patches(tmp_path, patches, blocks, format="h5"))
    padded = np.pad(source.pixels, ((0, 20), (0, 20), (0, 0)), constant_values=255)
    with h5py.File(tmp_path / "slides/slide/slide_patches.h5") as file:
        assert file["images"].chunks is None
        for row, image in zip(index.itertuples(), file["images"], strict=True):
            x, y = int(row.x_level0), int(row.y_level0)
            np.testing.assert_array_equal(image, padded[y : y + 20, x : x + 20])


def test_tfrecords_say_which_patch_they_are(source: Any, tmp_path: Path) -> None:
    plan = sparse_plan(source)
    patches = SlidePatches(source.info, "p µ", plan)
    written = {
        format: write_patches(
            tmp_path / format, patches, read_patches(source, plan, block_px=50), format=format
        )
        for format in ("png", "tfrecord")
    }
    files = pd.read_csv(written["png"])["file"]
    index = pd.read_csv(written["tfrecord"])
    folder = written["tfrecord"].parent
    with (folder / "slide_patches.tfrecord").open("rb") as file:
        for place, row in enumerate(index.itertuples()):
            record = read_record(file, int(row.offset))
            assert record["row"] == [place]
            assert (record["x"], record["y"]) == ([row.x], [row.y])
            assert record["x_level0"] == [pytest.approx(row.x_level0, rel=1e-6)]
            assert record["patient"] == ["p µ".encode()]
            # A record's image is the file that the format png writes.
            assert record["image"] == [(tmp_path / "png" / files[place]).read_bytes()]
            assert record.keys() == FEATURES.keys()
    described = json.loads((folder / "slide_features.json").read_text(encoding="utf-8"))
    assert described["records"] == len(plan)
    assert described["features"].keys() == FEATURES.keys()
