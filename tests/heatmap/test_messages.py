"""What is wrong with a result, a truth or a setting is said in words that help."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from told_messages import check_told
from viewer_results import make_mapped_slide

from wsi_idc.errors import ResultFolderError
from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.export.geojson import check_origin
from wsi_idc.heatmap.export.ome_tiff import read_ome_tiff, write_ome_tiff
from wsi_idc.heatmap.export.scores import read_scores_csv, write_scores_csv
from wsi_idc.heatmap.export.settings import ExportSettings
from wsi_idc.heatmap.judge import JudgeSettings, judge_result, result_folders, truth_of
from wsi_idc.heatmap.predict import _is_done, render_again
from wsi_idc.heatmap.result import read_result, read_run
from wsi_idc.heatmap.scoring import ScoreSettings

SQUARES = "x,y,width,height,class\n1,1,50,50,"
SCORES = "minx,miny,width,height,prob_idc\n0,0,9,9,"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    mapped = make_mapped_slide(tmp_path_factory.mktemp("mapped"))
    return mapped.results / "mapped"


@pytest.fixture
def result(made: Path, tmp_path: Path) -> Path:
    """A result folder to do harm to."""
    shutil.copytree(made, tmp_path / "mapped")
    return tmp_path / "mapped"


@pytest.mark.parametrize(
    ("message", "act"),
    [
        ("overlay … must lie between 0 and 1, not …", lambda: OverlaySettings(opacity=2.0)),
        (
            "overlay width must lie between 400 and 20000 pixels, not …",
            lambda: OverlaySettings(width_px=10),
        ),
        ("no colour map …; choose one of: …", lambda: OverlaySettings(colormap="jet")),
        (
            "the origin of GeoJSON must be slide or bounds, not …",
            lambda: check_origin("centre"),
        ),
        (
            "the least area of a region must be 0 mm² or more, not …; set it with --min-region",
            lambda: ExportSettings(min_region_mm2=-1.0),
        ),
        (
            "a stride of … px leaves gaps between patches of … px; a map needs at most the patch "
            "size",
            lambda: ScoreSettings(stride=51).step(50),
        ),
        (
            "the border band must be 0 µm or wider, not …; set it with --border-um",
            lambda: JudgeSettings(border_um=-1.0),
        ),
    ],
)
def test_settings(message: str, act: Callable[[], object]) -> None:
    check_told(message, act)


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsi_idc.heatmap.export.settings.find_spec", lambda _: None)
    check_told(
        "Parquet needs pyarrow, which is not installed: pip install 'wsi-idc[parquet]', or leave "
        "--parquet out (scores.csv holds the same)",
        lambda: ExportSettings(parquet=True),
    )


def summarised(folder: Path, **changes: object) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | changes))


AGAIN = "run `wsi-idc heatmap` on the slide again"


@pytest.mark.parametrize(
    ("message", "harm"),
    [
        (
            "… is not a result folder (no …); give what `wsi-idc heatmap` wrote for one slide",
            lambda folder: (folder / "summary.json").unlink(),
        ),
        (
            "… cannot be read (…); make the heatmap again",
            lambda folder: (folder / "summary.json").write_text("{"),
        ),
        (
            "… has the format …, and this version reads …; make the heatmap again, "
            "or use the version that made it",
            lambda folder: summarised(folder, format="wsi-idc heatmap 9"),
        ),
        (
            "… is damaged (…); make the heatmap again",
            lambda folder: (folder / "thumbnail.png").write_bytes(b"\x89PNG"),
        ),
        (
            "… is damaged (…); make the heatmap again",
            lambda folder: summarised(folder, warnings="a text"),
        ),
        (
            "… lacks its file …; make the heatmap again",
            lambda folder: (folder / "thumbnail.png").unlink(),
        ),
        (
            "no probability map at …; run `wsi-idc heatmap` on the slide",
            lambda folder: (folder / "probability.ome.tif").unlink(),
        ),
        (
            "… is no probability map of wsi-idc, or is damaged (…); …",
            lambda folder: (folder / "probability.ome.tif").write_bytes(b"II*\0"),
        ),
    ],
)
def test_results(message: str, harm: Callable[[Path], object], result: Path) -> None:
    harm(result)
    check_told(message, lambda: read_result(result))


def test_a_result_that_lacks_a_part_says_which(result: Path) -> None:
    summary = json.loads((result / "summary.json").read_text())
    del summary["thumbnail"]
    (result / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ValueError, match=r"is damaged \(thumbnail: Field required\); make"):
        read_result(result)


def test_what_an_old_result_does_not_tell_cannot_be_drawn(result: Path) -> None:
    slide = json.loads((result / "summary.json").read_text())["slide"]
    del slide["width_mm"]
    summarised(result, slide=slide)
    read_result(result)
    check_told(
        "… lacks what its report tells (…); make the heatmap again",
        lambda: render_again(result, threshold=0.3),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="makes a pipe")
def test_a_pipe_in_a_result_is_not_waited_for(result: Path) -> None:
    os.mkfifo(result / "notes")
    check_told(
        "… cannot be copied (…); remove it, or make the heatmap again",
        lambda: render_again(result, threshold=0.3),
    )
    (result / "notes").unlink()
    (result / "run.json").unlink()
    os.mkfifo(result / "run.json")
    check_told("… lacks its file …; make the heatmap again", lambda: read_run(result))


@pytest.mark.skipif(sys.platform == "win32", reason="makes a link")
def test_a_link_in_a_result_is_kept_a_link(result: Path) -> None:
    """What it leads to may have no end."""
    (result / "endless").symlink_to("/dev/zero")
    render_again(result, threshold=0.3)
    assert (result / "endless").is_symlink()


@pytest.mark.parametrize(
    "model",
    [
        {"class_names": ["idc", "../../x"], "shown_class": "idc"},
        {"class_names": ["../x"], "shown_class": "../x"},
        {"class_names": ["idc"], "shown_class": "other"},
    ],
)
def test_classes_lead_to_no_other_files(result: Path, model: dict[str, object]) -> None:
    before = json.loads((result / "summary.json").read_text())["model"]
    summarised(result, model=before | model)
    check_told("… is damaged (…); make the heatmap again", lambda: read_result(result))


def test_entities_in_a_map_are_not_read(result: Path) -> None:
    file = result / "probability.ome.tif"
    about = '<!DOCTYPE x [<!ENTITY a "lol">]><OME>&a;</OME>'
    tifffile.imwrite(file, np.zeros((9, 9), np.float32), description=about, metadata=None)
    check_told(
        "… is no probability map of wsi-idc, or is damaged (…); …", lambda: read_ome_tiff(file)
    )


def test_the_record_of_a_run(result: Path) -> None:
    (result / "run.json").write_text("{}")
    check_told("… tells no versions; make the heatmap again", lambda: read_run(result))


def test_a_result_of_other_settings(result: Path) -> None:
    summary = json.loads((result / "summary.json").read_text())
    request = {"settings": summary["settings"] | {"stride": 10}}
    check_told(
        "… holds a result made otherwise: …; replace it with --overwrite, or choose another place "
        "with --output",
        lambda: _is_done(result, request, overwrite=False),
    )


def test_a_map_of_other_pixels(result: Path) -> None:
    """The description fits, and the pixels do not."""
    file = result / "probability.ome.tif"
    with tifffile.TiffFile(file) as tiff:
        about = tiff.pages[0].description
    tifffile.imwrite(file, np.zeros((9, 9), np.uint8), description=about, metadata=None)
    check_told(
        "… holds … values of shape …, not one plane of float32 probabilities; …",
        lambda: read_ome_tiff(file),
    )


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1.5, -1e-3])
def test_a_map_of_no_probabilities(result: Path, value: float) -> None:
    """They would be left out of the picture, or count as tumour."""
    file = result / "probability.ome.tif"
    known = read_ome_tiff(file)
    known.values[0, 0] = value
    write_ome_tiff(file, known, "slide")
    check_told(
        "… holds values from … to …, which are no probabilities; …", lambda: read_result(result)
    )
    with pytest.raises(ResultFolderError, match=str(result)):
        render_again(result, threshold=0.5)


@pytest.mark.parametrize(
    ("before", "after"),
    [('"threshold": ', '"threshold": NaN, "was": '), ('"mpp_x": ', '"mpp_x": Infinity, "was": ')],
)
def test_a_summary_with_numbers_that_are_none(result: Path, before: str, after: str) -> None:
    content = (result / "summary.json").read_text()
    assert before in content
    (result / "summary.json").write_text(content.replace(before, after))
    with pytest.raises(ResultFolderError, match=r"summary\.json cannot be read .*is no JSON"):
        read_result(result)


def test_a_map_without_a_place(result: Path) -> None:
    file = result / "probability.ome.tif"
    known = read_ome_tiff(file)
    nowhere = replace(known.placement, pixel_width=np.nan)
    write_ome_tiff(file, replace(known, placement=nowhere), "slide")
    with pytest.raises(ResultFolderError, match="its place on the slide has the pixel_width nan"):
        read_result(result)


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("no scores at …; run `wsi-idc heatmap` on the slide", None),
        ("… cannot be read (…); " + AGAIN, b""),
        ("… is no scores table: …; " + AGAIN, b"minx,miny\n1,2\n"),
        ("… is no scores table: …; " + AGAIN, SCORES.encode() + b"2\n"),
    ],
)
def test_scores(message: str, content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    if content is not None:
        file.write_bytes(content)
    check_told(message, lambda: read_scores_csv(file))


def test_scores_that_cannot_be_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"minx": [1.0]})
    told = "cannot write scores to …: …"
    check_told(told, lambda: write_scores_csv(tmp_path / "scores.csv", table))


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("… lacks a column; needed are …", "x,y\n1,1\n"),
        ("… cannot be read as a table (…); give a CSV with the columns …", ""),
        (
            "… has a class that is neither 0 nor 1; correct its column class",
            SQUARES + "2\n",
        ),
        *(
            (
                "… has a square without a place or a size above 0; correct x, y, width and height",
                f"{SQUARES}1\n{row}\n",
            )
            for row in (",1,50,50,0", "1,inf,50,50,0", "1,1,0,50,0", "1,1,50,-50,0", "1,1,,50,0")
        ),
    ],
)
def test_squares_as_truth(message: str, content: str, made: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text(content)
    check_told(message, lambda: judge_result(made, tmp_path / "truth.csv"))


def test_truths_in_a_folder(made: Path, tmp_path: Path) -> None:
    check_told(
        "… has no truth of …; name it …_truth.png, ….geojson, ….xml or …-labels.csv",
        lambda: truth_of(made, tmp_path),
    )
    check_told(
        "… has no truth of …; name it …_truth.png, ….geojson, ….xml or …-labels.csv, or give the "
        "key of its hash with --anonymise-key",
        lambda: truth_of(Path("slide-0123456789abcdef"), tmp_path),
    )
    for name in ("mapped_truth.png", "mapped.xml"):
        (tmp_path / name).touch()
    check_told("… has … truths of …: …; keep one", lambda: truth_of(made, tmp_path))
    check_told(
        "… is not a result folder (no …) and holds none; give what `wsi-idc heatmap` wrote",
        lambda: result_folders([tmp_path]),
    )
