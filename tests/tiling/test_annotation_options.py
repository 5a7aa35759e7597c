"""`wsi-idc tile` with `--annotations` and `--roi`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from annotations.drawn import feature, square, write_asap, write_geojson
from tiling.tile_commands import tile, write_two_slides


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_slides(tmp_path_factory.mktemp("slides"))


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Annotations of both slides: IDC on the first 2 and 3 columns."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    stroma = feature(square(200, 0, 20), name="Stroma")
    write_geojson(folder / "a.geojson", feature([(0, 0), (100, 0), (100, 300), (0, 300)]), stroma)
    columns = [(0.0, 0.0), (160.0, 0.0), (160.0, 300.0), (0.0, 300.0)]
    write_asap(folder / "b.tif.xml", ("Polygon", "IDC", columns))
    return folder


def index(output: Path, slide: str) -> pd.DataFrame:
    return pd.read_csv(output / "slides" / slide / f"{slide}_patches.csv")


def manifest(output: Path, slide: str) -> dict[str, Any]:
    text = (output / "slides" / slide / "manifest.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def test_each_slide_is_labelled_by_its_file(slides: Path, drawn: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-o", out, "--annotations", drawn)
    result = tile(slides, *options)
    assert result.exit_code == 0, result.output
    assert "a.tif: 48 patches (12 IDC, 36 other)" in result.output
    for slide, positive in (("a", [1, 51]), ("b", [1, 51, 101])):
        table = index(out, slide)
        assert set(table.loc[table["label"] == 1, "x"]) == set(positive)
    made = manifest(out, "a")
    assert made["counts"]["touched_by_idc"] == 12 and made["counts"]["border_left_out"] == 0
    assert made["truth_classes"] == {"positive": ["Tumor"], "ignored": []}
    assert made["annotations"] == {
        "format": "GeoJSON",
        "polygons": {"Tumor": 1, "Stroma": 1},
        "repaired": 0,
        "skipped": {},
    }
    assert manifest(out, "b")["counts"]["touched_by_idc"] == 24
    assert str(tmp_path) not in json.dumps(made)

    again = tile(slides, *options)
    assert again.exit_code == 0 and again.output.count("done before") == 2
    refused = tile(slides / "a.tif", *options, "--ignore-class", "Stroma")
    assert refused.exit_code != 0
    assert (
        "truth_sha256 was" in refused.stderr and "truth_classes.ignored differs" in refused.stderr
    )


def test_ignored_and_border_patches_are_counted(slides: Path, drawn: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--ignore-class", "stroma", "--exclude-border")
    result = tile(slides / "a.tif", "-o", out, "--annotations", drawn / "a.geojson", *options)
    assert "0 at the border left out, 1 touching ignored areas left out" in result.output
    assert len(index(out, "a")) == 47
    options = ("--positive-class", "IDC", "--exclude-border", "--min-overlap", 0.5)
    result = tile(slides / "b.tif", "-o", out, "--annotations", drawn / "b.tif.xml", *options)
    assert "(18 IDC, 24 other), 6 at the border left out" in result.output


def test_a_slide_without_a_file_is_an_error_or_negative(
    slides: Path, drawn: Path, tmp_path: Path
) -> None:
    (drawn / "b.tif.xml").unlink()
    where = ("-o", tmp_path / "out", "--annotations", drawn)
    result = tile(slides, *where)
    assert result.exit_code == 3
    (line,) = (line for line in result.stderr.splitlines() if "error" in line)
    assert "b.tif" in line and "--unannotated-negative" in line
    result = tile(slides, *where, "--unannotated-negative")
    assert "b.tif: 48 patches (0 IDC, 48 other)" in result.output


def test_two_files_for_one_slide_are_an_error(slides: Path, drawn: Path, tmp_path: Path) -> None:
    shutil.copy(drawn / "a.geojson", drawn / "a.json")
    result = tile(slides / "a.tif", "-o", tmp_path / "out", "--annotations", drawn)
    assert "a.geojson and a.json, both for a.tif" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--annotations", "x.geojson"), "is not a folder, but there are 2 slides"),
        (("--annotations", "drawn", "--truth-mask", "drawn"), "not both"),
        (("--positive-class", "IDC"), "with --annotations"),
        (("--ignore-class", "IDC"), "with --annotations"),
        (("--unannotated-negative",), "with --annotations"),
        (("--annotations", "drawn", "--annotation-origin", "corner"), "corner"),
        (("--roi", "x.geojson"), "is not a folder, but there are 2 slides"),
        (("--roi", "1,2,3"), "X,Y,WIDTH,HEIGHT"),
    ],
)
def test_wrong_usage_ends_before_any_slide_is_opened(
    slides: Path, drawn: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    given = [str(drawn) if option == "drawn" else option for option in options]
    result = tile(slides, "-o", tmp_path / "out", *given)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_rectangle_limits_patches_and_areas(slides: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # The centres of columns 1 and 2 lie in it (75 and 125), those of rows 0 and 1 (25 and 75).
    options = ("-o", out, "--roi", "75,20,100,56")
    result = tile(slides / "a.tif", *options)
    assert result.exit_code == 0, result.output
    table = index(out, "a")
    assert list(zip(table["x"], table["y"], strict=True)) == [
        (51, 1),
        (101, 1),
        (51, 51),
        (101, 51),
    ]
    whole = tile(slides / "a.tif", "-o", tmp_path / "whole")
    assert whole.exit_code == 0
    rectangle_mm2 = 100 * 56 * 0.008**2
    assert manifest(out, "a")["tissue_mm2"] == pytest.approx(rectangle_mm2, rel=0.05)
    kept = index(tmp_path / "whole", "a").merge(table, on=["x", "y"], suffixes=("_whole", ""))
    assert len(kept) == 4 and (kept["tissue_fraction"] == kept["tissue_fraction_whole"]).all()
    refused = tile(slides / "a.tif", "-o", out)
    assert "region_sha256 was" in refused.stderr


def test_regions_of_several_slides_lie_in_a_folder(
    slides: Path, drawn: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = tile(slides, "-o", out, "--roi", drawn, "--min-tissue", 0)
    assert result.exit_code == 0, result.output
    # Of slide a also the small square counts, that holds no centre; of b the fourth column's
    # centre lies at 175, off the region's edge at 160.
    assert (len(index(out, "a")), len(index(out, "b"))) == (12, 18)
    dry = tile(slides, "-o", tmp_path / "none", "--roi", drawn, "--dry-run")
    assert "a.tif: 12 patches" in dry.output and not (tmp_path / "none").exists()
    (drawn / "a.geojson").unlink()
    result = tile(slides / "a.tif", "-o", out, "--roi", drawn)
    assert result.exit_code == 1 and "which says its region" in result.stderr


def test_annotations_of_the_real_section_give_its_labels(shared_data: Path, tmp_path: Path) -> None:
    """The section's own labels, drawn as QuPath would have them, come back patch by patch."""
    truth = pd.read_csv(shared_data / "slides" / "idc-14306-labels.csv")
    squares = [
        feature([(x - 1, y - 1), (x - 1 + w, y - 1), (x - 1 + w, y - 1 + h), (x - 1, y - 1 + h)])
        for x, y, w, h, label in truth[["x", "y", "width", "height", "class"]].itertuples(
            index=False
        )
        if label == 1
    ]
    file = write_geojson(tmp_path / "idc-14306.geojson", *squares)
    out = tmp_path / "out"
    slide = shared_data / "slides" / "idc-14306.tif"
    result = tile(slide, "-o", out, "--annotations", file, "--min-tissue", 0.01)
    assert result.exit_code == 0, result.output
    both = index(out, "idc-14306").merge(truth, on=["x", "y"])
    assert len(both) == len(truth) == 431, "a labelled patch was not cut"
    assert (both["label"] == both["class"]).all() and both["label"].sum() == 167
