"""The patch folder: names, pixels, index, and what an interruption leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiling.memory_slide import MemorySource

from wsi_idc.errors import OutputError, SettingsError
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.formats import SlidePatches
from wsi_idc.tiling.layout import check_folder_name, index_path
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tiling.writer import remove_patches, write_patches

SIZE = 20


@pytest.fixture
def source() -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return MemorySource(pixels)


def plan_of(source: Any, labels: list[int] | None = None) -> PatchPlan:
    plan = plan_patches(source.info, None, mpp=8.0, patch_size=SIZE, stride=SIZE, min_tissue=0)
    if labels is not None:
        plan = replace(plan, label=np.array(labels, np.int8))
    return plan


def write(output: Path, source: Any, plan: PatchPlan, **options: Any) -> Path:
    blocks = read_patches(source, plan, block_px=45)
    return write_patches(output, patches_of(source, plan), blocks, **options)


def patches_of(
    source: Any, plan: PatchPlan, name: str = "s1", patient: str = "p 1"
) -> SlidePatches:
    return SlidePatches(replace(source.info, name=name), patient, plan)


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_labelled_patches_lie_in_the_public_layout(tmp_path: Path, source: Any) -> None:
    labels = [0, 1, 0, 0] * 3
    index = write(tmp_path, source, plan_of(source, labels))
    expected = {
        f"p 1/{labels[c]}/s1_x{c * SIZE + 1}_y{r * SIZE + 1}_class{labels[c]}.png"
        for c in range(4)
        for r in range(3)
    }
    assert files_below(tmp_path) == expected | {"slides/s1/s1_patches.csv"}
    assert index == tmp_path / "slides/s1/s1_patches.csv"


def test_patches_without_labels_have_a_folder_of_their_own(tmp_path: Path, source: Any) -> None:
    write(tmp_path, source, plan_of(source))
    assert "p 1/unlabelled/s1_x61_y41.png" in files_below(tmp_path)
    assert len(files_below(tmp_path / "p 1")) == 12


def test_files_hold_the_pixels_that_the_index_says(tmp_path: Path, source: Any) -> None:
    plan = plan_of(source, [0, 1] * 6)
    table = pd.read_csv(write(tmp_path, source, plan))
    assert list(table.columns) == [*plan.table().columns, "file"]
    assert table["x"].tolist() == plan.x_name.tolist()
    for row in table.itertuples():
        pixels = np.asarray(Image.open(tmp_path / str(row.file)))
        x, y = int(row.x_level0), int(row.y_level0)
        np.testing.assert_array_equal(pixels, source.pixels[y : y + SIZE, x : x + SIZE])


def test_identical_runs_give_identical_bytes(tmp_path: Path, source: Any) -> None:
    for run, threads in (("a", 1), ("b", 4)):
        write(tmp_path / run, source, plan_of(source), threads=threads)
    names = files_below(tmp_path / "a")
    assert names == files_below(tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_progress_ends_with_all_patches(tmp_path: Path, source: Any) -> None:
    calls: list[tuple[int, int]] = []
    write(
        tmp_path, source, plan_of(source), progress=lambda done, total: calls.append((done, total))
    )
    assert [total for _, total in calls] == [12] * len(calls)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) > 1
    assert calls[-1] == (12, 12)


def test_a_failing_read_leaves_no_patch(tmp_path: Path, source: Any) -> None:
    source.fail_at_read = 2
    with pytest.raises(OSError, match="decoder gave up"):
        write(tmp_path, source, plan_of(source))
    assert files_below(tmp_path) == set()


def test_removing_takes_this_slide_only(tmp_path: Path, source: Any) -> None:
    plan = plan_of(source, [0, 1] * 6)
    write(tmp_path, source, plan)
    write_patches(tmp_path, patches_of(source, plan, "s1_x1_y1"), read_patches(source, plan))
    before = files_below(tmp_path)
    assert remove_patches(tmp_path, "s1") == 12
    left = files_below(tmp_path)
    assert len(before) - len(left) == 13
    assert all("/s1_x1_y1_" in name for name in left)
    assert remove_patches(tmp_path, "s1_x1_y1") == 12
    assert files_below(tmp_path) == set()
    assert not (tmp_path / "p 1").exists()
    assert remove_patches(tmp_path, "s1") == 0


def test_an_index_cannot_make_it_remove_other_files(tmp_path: Path, source: Any) -> None:
    output = tmp_path / "out"
    outside = tmp_path / "keep" / "s1_x1_y1.png"
    outside.parent.mkdir()
    outside.write_bytes(b"x")
    index = write(output, source, plan_of(source))
    for name in ("../keep/s1_x1_y1.png", "slides/s1/s1_patches.csv", str(outside), "s1_x1_y1.png"):
        index.write_text(f"file\n{name}\n")
        with pytest.raises(OutputError, match="no patch of this folder"):
            remove_patches(output, "s1")
    assert outside.exists()
    index.write_text("nothing\n1\n")
    with pytest.raises(OutputError, match="cannot be read"):
        remove_patches(output, "s1")


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden", "a/b", "a\\b", "slides", "Slides", "SLIDES"),
        *("a<b", "a>b", "a:b", 'a"b', "a|b", "a?b", "a*b", "a\tb", "a\nb", "a\x1f", "a.", "a "),
        *("con", "PRN", "aux", "nul", "NUL.tcga", "com1", "Lpt9", "con .x"),
    ],
)
def test_names_that_are_no_folder_are_refused(tmp_path: Path, source: Any, name: str) -> None:
    plan = plan_of(source)
    with pytest.raises(SettingsError, match="patient"):
        write_patches(tmp_path, patches_of(source, plan, "s1", name), [])
    with pytest.raises(SettingsError, match="slide name"):
        write_patches(tmp_path, patches_of(source, plan, name, "p"), [])
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("name", ["console", "com", "com10", "a b.c", "TCGA-X.B34C", "µ", "nulla"])
def test_other_names_are_folders(name: str) -> None:
    check_folder_name(name, "patient")


def test_a_file_in_the_way_is_an_output_error(tmp_path: Path, source: Any) -> None:
    (tmp_path / "p 1").write_text("a file where the patient's folder goes")
    with pytest.raises(OutputError, match=r"p 1.*--output"):
        write(tmp_path, source, plan_of(source))


def test_the_index_of_another_output_is_elsewhere(tmp_path: Path) -> None:
    assert index_path(tmp_path, "s1") == tmp_path / "slides" / "s1" / "s1_patches.csv"
