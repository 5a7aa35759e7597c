"""Saved results against truth files: the same truth as mask, drawing and squares; cohorts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import app
from wsi_idc.errors import ResultFolderError, SettingsError
from wsi_idc.files import write_json
from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.border import cell_edges_um, in_band, outline_um
from wsi_idc.heatmap.export.ome_tiff import write_ome_tiff
from wsi_idc.heatmap.judge import JudgeSettings, judge_result, result_folders, truth_of
from wsi_idc.heatmap.judge_cohort import MEAN, POOLED
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.render import write_png
from wsi_idc.privacy import Pseudonyms
from wsi_idc.slides.raster import Placement, SlideMask

# A scan of 8 by 6 mm inside a larger frame, pixels not square; cells of 200 µm.
MPP_X, MPP_Y = 2.0, 2.5
LEFT, TOP, WIDTH, HEIGHT = 300, 500, 4000, 2400
ROWS, COLUMNS = 30, 40
TUMOUR = np.zeros((ROWS, COLUMNS), bool)
TUMOUR[8:20, 10:26] = True


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def make_result(folder: Path, values: np.ndarray, threshold: float = 0.5) -> Path:
    """A result folder as it was before regions and GeoJSON: the least that is ever read."""
    at = Placement(LEFT, TOP, 200 / MPP_X, 200 / MPP_Y, MPP_X, MPP_Y)
    folder.mkdir(parents=True)
    write_ome_tiff(folder / "probability.ome.tif", ProbabilityMap(values, at), folder.name)
    write_png(folder / "thumbnail.png", Image.new("RGB", (40, 24)))
    display = OverlaySettings(threshold=threshold)
    write_json(
        folder / "summary.json",
        {
            "format": "wsi-idc heatmap 1",
            "slide": {
                "file": f"{folder.name}.mrxs",
                "name": folder.name,
                "reader": "openslide",
                "vendor": "mirax",
                "width_px": 6000,
                "height_px": 4000,
                "mpp_x": MPP_X,
                "mpp_y": MPP_Y,
                "mpp_source": "test",
                "mpp_is_guess": False,
                "objective_power": None,
                "bounds": {"x": LEFT, "y": TOP, "width": WIDTH, "height": HEIGHT},
                "fingerprint": "0" * 64,
            },
            "model": {"name": "m", "spacing_um_px": 8.0, "patch_size_pixels": 50},
            "settings": {"stride": 25},
            "results": {"patches": 1, "tissue_mm2": 1.0},
            "display": {
                key: getattr(display, key)
                for key in ("threshold", "colormap", "opacity", "floor", "smooth", "width_px")
            },
            "thumbnail": {
                "origin_x": LEFT,
                "origin_y": TOP,
                "pixel_width": 100.0,
                "pixel_height": 100.0,
                "mpp_x": MPP_X,
                "mpp_y": MPP_Y,
            },
            "warnings": [],
        },
    )
    return folder


def make_truths(folder: Path) -> dict[str, Path]:
    """The same tumour in every form."""
    folder.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(np.kron(TUMOUR, np.ones((4, 5))).astype(np.uint8) * 255)
    mask.save(folder / "mask.png")
    left, right = LEFT + 10 * 200 / MPP_X, LEFT + 26 * 200 / MPP_X
    top, bottom = TOP + 8 * 200 / MPP_Y, TOP + 20 * 200 / MPP_Y
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": "IDC"}},
    }
    write_json(folder / "drawn.geojson", {"type": "FeatureCollection", "features": [feature]})
    corners = "".join(
        f'<Coordinate Order="{i}" X="{x}" Y="{y}"/>' for i, (x, y) in enumerate(ring[:-1])
    )
    (folder / "drawn.xml").write_text(
        '<ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor">'
        f"<Coordinates>{corners}</Coordinates></Annotation></Annotations>"
        "</ASAP_Annotations>"
    )
    row, column = np.indices(TUMOUR.shape).reshape(2, -1)
    pd.DataFrame(
        {
            "x": 1 + 25 * column,
            "y": 1 + 25 * row,
            "width": 25,
            "height": 25,
            "class": TUMOUR.ravel().astype(int),
        }
    ).to_csv(folder / "squares.csv", index=False)
    return {path.suffix + path.stem: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    noise = np.random.default_rng(4).random(TUMOUR.shape)
    found = np.clip(0.35 * TUMOUR + 0.65 * noise, 0, 1).astype(np.float32)
    found[25:] = np.nan
    return found


def test_a_truth_is_the_same_as_mask_drawing_and_squares(tmp_path: Path, values: np.ndarray):
    result = make_result(tmp_path / "s", values)
    scores = {}
    for file in make_truths(tmp_path / "truths").values():
        for kind, one in judge_result(result, file).items():
            scores[file.name, "off" in kind] = one
    assert len(scores) == 8
    for border in (False, True):
        ours = [one for (_, off), one in scores.items() if off == border]
        for one in ours[1:]:
            for figure in ("auc", "dice", "iou", "true_mm2", "area_error_percent", "cells"):
                assert getattr(one, figure) == pytest.approx(getattr(ours[0], figure)), figure
    whole, inner = scores["mask.png", False], scores["mask.png", True]
    assert whole.true_mm2 == pytest.approx(12 * 16 * 0.04)
    # One patch, 400 µm: two cells on either side of the outline.
    assert inner.true_mm2 == pytest.approx(8 * 12 * 0.04)
    assert inner.left_out == 16 * 20 - 8 * 12
    predicted = np.count_nonzero(values >= 0.5)
    assert whole.area_error_mm2 == pytest.approx((predicted - 12 * 16) * 0.04)


def test_the_band_is_as_wide_as_asked_and_leaves_what_begins_at_its_edge():
    at = Placement(0.0, 0.0, 100.0, 50.0, 2.0, 4.0)  # 200 µm cells, pixels not square
    probability = ProbabilityMap(np.zeros((1, 10), np.float32), at)
    truth = SlideMask(np.arange(10)[None] < 5, at)  # the outline runs at 1,000 µm, and at the ends
    outline = outline_um(truth, at)
    edges = cell_edges_um(probability)
    edges[:, 1], edges[:, 3] = 80.0, 120.0  # clear of the outline's upper and lower edge

    def taken(width: float) -> list[int]:
        return np.flatnonzero(in_band(outline, edges, width)).tolist()

    assert taken(0.0) == []
    assert taken(50.0) == [0, 4, 5]
    assert taken(79.0) == [0, 4, 5]
    assert taken(200.0) == [0, 1, 2, 3, 4, 5]  # within 80 µm of the edges along the cells
    assert taken(201.0) == [0, 1, 2, 3, 4, 5, 6]
    cut = np.array([[900.0, 80.0, 1100.0, 120.0]])
    assert in_band(outline, cut, 0.0).tolist() == [True]
    nothing = outline_um(SlideMask(np.zeros((2, 2), bool), at), at)
    assert not in_band(nothing, edges, 400.0).any()


def test_another_threshold_and_band(tmp_path: Path, values: np.ndarray):
    result = make_result(tmp_path / "s", values)
    truth = make_truths(tmp_path / "truths")[".pngmask"]
    scores = judge_result(result, truth, JudgeSettings(threshold=0.9, border_um=0.0))
    assert scores["cells"].threshold == 0.9
    assert scores["cells off the border"].left_out == 0
    assert scores["cells"].sensitivity < judge_result(result, truth)["cells"].sensitivity
    with pytest.raises(SettingsError, match="--border-um"):
        JudgeSettings(border_um=-1.0)


def test_truths_are_found_by_the_name_of_the_slide(tmp_path: Path):
    for name in ("a_truth.png", "b.geojson", "b-labels.csv", "ab.png", "a.txt", "a.tif", "a.TIFF"):
        (tmp_path / name).touch()
    # a.tif and a.TIFF are the slide.
    assert truth_of(Path("x/a"), tmp_path).name == "a_truth.png"
    assert truth_of(Path("x/ab"), tmp_path).name == "ab.png"
    assert truth_of(Path("x/a"), tmp_path / "b.geojson").name == "b.geojson"
    with pytest.raises(SettingsError, match=r"2 truths of b: b-labels\.csv, b\.geojson"):
        truth_of(Path("x/b"), tmp_path)
    with pytest.raises(SettingsError, match="no truth of c"):
        truth_of(Path("x/c"), tmp_path)


def test_what_a_killed_run_left_is_no_result(tmp_path: Path, values: np.ndarray):
    whole = make_result(tmp_path / "s1", values)
    for rest in (".partial-s1", ".replaced-s1"):
        make_result(tmp_path / rest, values)
    assert result_folders([tmp_path]) == [whole]


def test_the_truth_of_a_hashed_name_is_found_by_its_key(tmp_path: Path) -> None:
    names = Pseudonyms(b"a key")
    result = Path("x") / names.slide("a")
    for name in ("a.png", "a-labels.csv", "b_truth.png"):
        (tmp_path / name).write_bytes(b"")
    assert truth_of(result, tmp_path, names).name == "a-labels.csv"  # a.png is the slide
    for key in (None, Pseudonyms(b"another")):
        with pytest.raises(SettingsError, match="give the key of its hash with --anonymise-key"):
            truth_of(result, tmp_path, key)
    with pytest.raises(SettingsError) as plain:
        truth_of(Path("x/c"), tmp_path, names)
    assert "--anonymise-key" not in str(plain.value)
    with pytest.raises(ResultFolderError, match="holds none"):
        result_folders([tmp_path])


def test_a_cohort_has_a_row_a_slide_their_mean_and_all_as_one(tmp_path: Path, values: np.ndarray):
    make_result(tmp_path / "maps" / "s1", values)
    make_result(tmp_path / "maps" / "s2", values[::-1].copy(), threshold=0.6)
    make_result(tmp_path / "maps" / "s3", values)
    truths = make_truths(tmp_path / "made")
    (tmp_path / "truths").mkdir()
    for name in ("s1", "s2"):
        (tmp_path / "truths" / f"{name}_mask.png").write_bytes(truths[".pngmask"].read_bytes())
    told = run(
        "evaluate",
        *("--heatmap", tmp_path / "maps", "--truth", tmp_path / "truths"),
        *("--output", tmp_path / "judged", "--json"),
    )
    assert told.exit_code == 3  # s3 has no truth
    assert "no truth of s3" in told.stderr
    cells = json.loads(told.stdout)["cells"]
    one, other = cells["slides"]["s1"], cells["slides"]["s2"]
    assert cells["mean"]["auc"] == pytest.approx((one["auc"] + other["auc"]) / 2)
    assert cells["pooled"]["cells"] == one["cells"] + other["cells"]
    assert cells["pooled"]["threshold"] is None
    assert cells["pooled"]["true_mm2"] == pytest.approx(one["true_mm2"] + other["true_mm2"])
    table = pd.read_csv(tmp_path / "judged" / "heatmaps.csv")
    assert table[table["judged"] == "cells"]["slide"].tolist() == ["s1", "s2", MEAN, POOLED]
    assert table.loc[0, "dice"] == pytest.approx(one["dice"])
    assert json.loads((tmp_path / "judged" / "heatmaps.json").read_text())["cells"] == cells
    plain = run("evaluate", "--heatmap", tmp_path / "maps", "--truth", tmp_path / "truths")
    assert told.stdout != plain.stdout
    first, head, *rows = plain.stdout.split("\n\n")[0].splitlines()
    assert first == "cells, at the slides' own thresholds"
    assert [row.split("  ")[0] for row in rows] == ["s1", "s2", POOLED, MEAN]
    ends = head.index("Dice") + len("Dice")  # its column, to the right
    assert [row[:ends].split()[-1] for row in rows[:2]] == [
        f"{scores['dice']:.3f}" for scores in (one, other)
    ]


def test_wrong_use_is_told_in_a_line(tmp_path: Path, values: np.ndarray):
    make_result(tmp_path / "maps" / "s1", values)
    make_result(tmp_path / "maps" / "s2", values)
    truth = make_truths(tmp_path / "truths")[".pngmask"]
    several = run("evaluate", "--heatmap", tmp_path / "maps", "--truth", truth)
    assert several.exit_code == 2
    assert "2 results and one truth" in several.stderr
    alone = run("evaluate", "--heatmap", tmp_path / "maps" / "s1")
    assert alone.exit_code == 2
    none = run("evaluate", "--heatmap", tmp_path / "maps" / "s1", "--truth", tmp_path / "no.csv")
    assert none.exit_code == 2
    assert "no.csv" in none.stderr
