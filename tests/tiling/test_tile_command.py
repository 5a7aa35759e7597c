"""`wsi-idc tile` where options do not fit the slides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiling.tile_commands import tile, write_two_slides


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    return write_two_slides(tmp_path / "slides")


def write_mask(path: Path, columns: int) -> None:
    path.parent.mkdir(exist_ok=True)
    grey = np.zeros((60, 80), np.uint8)
    grey[:, : columns * 10] = 255
    Image.fromarray(grey).save(path)


def positive(output: Path, slide: str) -> int:
    return int(pd.read_csv(output / "slides" / slide / f"{slide}_patches.csv")["label"].sum())


def test_a_slide_that_the_table_of_patients_lacks_stops_all(slides: Path, tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("slide,patient\na,P1\nB.tif,P1\n")
    result = tile(slides, "-o", tmp_path / "out", "--patients", table)
    assert result.exit_code == 2
    assert "names no patient for b.tif" in result.stderr
    assert not (tmp_path / "out").exists()
    table.write_text("slide,patient\na,P1\nb.tif,P1\n")
    assert tile(slides, "-o", tmp_path / "out", "--patients", table).exit_code == 0
    assert {path.name for path in (tmp_path / "out").glob("[!.]*/")} == {"P1", "slides"}


def test_one_mask_is_not_the_truth_of_several_slides(slides: Path, tmp_path: Path) -> None:
    write_mask(tmp_path / "mask.png", 2)
    options = ("-o", tmp_path / "out", "--truth-mask", tmp_path / "mask.png")
    result = tile(slides, *options)
    assert result.exit_code == 2
    assert "mask.png is not a folder, but there are 2 slides" in result.stderr
    assert not (tmp_path / "out").exists()
    assert tile(slides / "a.tif", *options).exit_code == 0
    assert positive(tmp_path / "out", "a") == 12


def test_masks_of_a_folder_go_by_either_name(slides: Path, tmp_path: Path) -> None:
    write_mask(tmp_path / "masks" / "a.png", 2)
    write_mask(tmp_path / "masks" / "b_truth.png", 3)
    result = tile(slides, "-o", tmp_path / "out", "--truth-mask", tmp_path / "masks")
    assert result.exit_code == 0, result.output
    assert (positive(tmp_path / "out", "a"), positive(tmp_path / "out", "b")) == (12, 18)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_missing_mask_is_its_slide_s_error(
    slides: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    write_mask(tmp_path / "masks" / "a.png", 2)
    where = ("-o", tmp_path / "out", "--truth-mask", tmp_path / "masks", *options)
    result = tile(slides, *where)
    assert result.exit_code == 3
    (line,) = (line for line in result.stderr.splitlines() if "error" in line)
    assert "neither b.png nor b_truth.png" in line
    assert str(slides / "b.tif") in line


def test_a_picture_is_not_its_own_truth(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60), (215, 150, 190)).save(tmp_path / "a.png")
    where = ("-o", tmp_path / "out", "--slide-mpp", 8, "--truth-mask", tmp_path)
    result = tile(tmp_path / "a.png", *where)
    assert "neither a.png nor a_truth.png" in result.stderr


@pytest.mark.parametrize(
    "option",
    [
        ("--mpp", "0"),
        ("--mpp", "nan"),
        ("--mpp", "101"),
        ("--magnification", "nan"),
        ("--min-overlap", "0"),
        ("--min-tissue", "nan"),
    ],
)
def test_wrong_usage_is_told_before_any_slide_is_opened(
    option: tuple[str, str], tmp_path: Path
) -> None:
    result = tile(tmp_path / "gone.svs", "-o", tmp_path / "out", *option)
    assert result.exit_code == 2
    assert "gone.svs" not in result.stderr


def test_isolated_reading_writes_the_same_files(slides: Path, tmp_path: Path) -> None:
    for name, options in (("plain", ()), ("isolated", ("--isolate",))):
        assert tile(slides, "-o", tmp_path / name, *options).exit_code == 0

    def content(name: str) -> dict[Path, bytes]:
        folder = tmp_path / name
        files = (path for path in folder.glob("[!.]*/**/*") if path.is_file())
        return {path.relative_to(folder): path.read_bytes() for path in files}

    assert content("isolated") == content("plain") != {}


def test_a_damaged_slide_costs_itself_only_with_isolation(slides: Path, tmp_path: Path) -> None:
    broken = slides / "broken.svs"
    broken.write_text("not a slide\n" * 100)
    result = tile(slides, "-o", tmp_path / "out", "--isolate")
    assert result.exit_code == 3
    assert "broken.svs" in result.stderr
    assert (tmp_path / "out" / "slides" / "a" / "manifest.json").exists()
    assert (tmp_path / "out" / "slides" / "b" / "manifest.json").exists()
