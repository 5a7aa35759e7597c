"""Memory does not grow with what can be taken a part at a time: positions, pixels of a picture."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiling.plans import mask_over, slide_info

from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.contact_sheet import ContactSheet
from wsi_idc.tiling.formats import SlidePatches, open_format
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tiling.writer import write_patches
from wsi_idc.tissue.segment import segment

PATCH = 50


def peak_of(run: Callable[[], Any]) -> tuple[int, Any]:
    """The most bytes that a call had allocated at a time, and what it returns."""
    tracemalloc.start()
    try:
        result = run()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def plan_of(side: int) -> tuple[SlidePatches, int]:
    """A plan of side x side patches, and the bytes that planning took."""
    info = slide_info(side * PATCH, side * PATCH, 0.25)
    mask = mask_over(info, np.ones((100, 100), bool))
    settings = {"mpp": 0.25, "patch_size": PATCH, "stride": PATCH, "min_tissue": 0.1}
    peak, plan = peak_of(lambda: plan_patches(info, mask, **settings))
    return SlidePatches(info, "patient", plan), peak


def test_a_million_positions_take_tens_of_bytes_each() -> None:
    patches, planning = plan_of(1000)
    count = len(patches.plan)
    assert count == 1_000_000
    assert planning / count < 70
    assert peak_of(lambda: ContactSheet(patches.plan))[0] / count < 50


@pytest.mark.parametrize("format", ["coords", "h5", "tfrecord", "png"])
def test_formats_hold_no_list_of_patches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """Once the plan is there: some megabytes, however many patches there are."""
    monkeypatch.setattr("wsi_idc.tiling.formats.png.sync_file_system", lambda folder: None)
    patches, _ = plan_of(150)
    plan = patches.plan
    own = 8 * len(plan) if format == "tfrecord" else 0  # where each record begins

    def index(folder: Path) -> None:
        folder.mkdir()
        writer = open_format(format, folder, patches, threads=1)
        if format != "coords":
            writer.write(PatchBlock(np.arange(4), np.zeros((4, PATCH, PATCH, 3), np.uint8)))
        for first in range(0, len(plan), 2_500):
            part = slice(first, first + 2_500)
            assert all(len(column) == 2_500 for column in writer.columns(part).values())
        assert sum(1 for _ in writer.files()) >= 1
        writer.close()

    index(tmp_path / "before")  # what is imported for it is not to be counted
    peak, _ = peak_of(lambda: index(tmp_path / "measured"))
    assert peak - own < 3e6, "names of 22,500 patches, or lists of their positions, are held"


def test_the_index_of_a_slide_is_written_in_parts(tmp_path: Path) -> None:
    patches, _ = plan_of(400)
    peak, index = peak_of(lambda: write_patches(tmp_path, patches, [], format="coords"))
    with index.open() as file:
        assert sum(1 for _ in file) == 160_001
    assert peak < 12e6


def test_rows_of_the_index_are_those_of_the_plan_across_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of two rows give the files that one part gives."""
    from wsi_idc.tiling import writer
    from wsi_idc.tiling.formats import h5, png

    patches, _ = plan_of(5)

    def blocks(plan: PatchPlan) -> list[PatchBlock]:
        pixels = np.arange(len(plan), dtype=np.uint8)[:, None, None, None]
        return [PatchBlock(np.arange(len(plan)), np.tile(pixels, (1, PATCH, PATCH, 3)))]

    for format in ("png", "h5", "tfrecord"):
        write_patches(tmp_path / "one" / format, patches, blocks(patches.plan), format=format)
    monkeypatch.setattr(writer, "_ROWS_AT_A_TIME", 2)
    monkeypatch.setattr(png, "_NAMES_AT_ONCE", 2)
    monkeypatch.setattr(h5, "_POSITIONS_AT_ONCE", 2)
    for format in ("png", "h5", "tfrecord"):
        write_patches(tmp_path / "parts" / format, patches, blocks(patches.plan), format=format)
    one, parts = (
        {
            path.relative_to(tmp_path / run): path.read_bytes()
            for path in (tmp_path / run).rglob("*")
            if path.is_file()
        }
        for run in ("one", "parts")
    )
    assert len(one) == 25 + 1 + 2 + 3
    assert one == parts


def test_a_mask_takes_tens_of_bytes_a_pixel() -> None:
    pixels = np.full((1600, 2000, 3), 240, np.uint8)
    pixels[400:1200, 400:1500] = (215, 150, 190)
    peak, found = peak_of(lambda: segment(pixels, 8.0))
    assert 0.25 < found.tissue.mean() < 0.3
    assert peak / found.tissue.size < 30
