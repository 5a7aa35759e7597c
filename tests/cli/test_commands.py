"""The commands as a user types them: what they print, write and return."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from patch_folder import make_collection
from PIL import Image
from typer.testing import CliRunner, Result

import wsi_idc
from wsi_idc.cli.app import app
from wsi_idc.cli.options import Colormap, Reader
from wsi_idc.heatmap.colormaps import COLORMAPS
from wsi_idc.phantom import PhantomSlide, PhantomSpec, make_phantom, write_slide_from_array
from wsi_idc.slides import READERS


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_line(result: Result) -> str:
    """The one line that an error is told in."""
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return lines[0]


@pytest.fixture(scope="module", autouse=True)
def each_model_is_loaded_once() -> Iterator[None]:
    """Commands that name the same model share it, loaded for real by the first of them.

    Making its graph takes some five seconds, which each process of a user pays once.
    """
    from wsi_idc.model import scorer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scorer, "load_model", cache(scorer.load_model))
        yield


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomSlide:
    folder = tmp_path_factory.mktemp("phantom")
    return make_phantom(PhantomSpec("section", width_mm=3.0, height_mm=2.4, mpp=2.0), folder)


@pytest.fixture(scope="module")
def mapped(
    phantom: PhantomSlide, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    output = tmp_path_factory.mktemp("maps")
    result = run("heatmap", phantom.slide, "--model", model_folder, "-o", output)
    assert result.exit_code == 0, result.output
    return output / "section"


class TestStart:
    def test_version(self) -> None:
        assert run("--version").stdout == f"wsi-idc {wsi_idc.__version__}\n"

    def test_help_and_reading_never_import_tensorflow(self, phantom: PhantomSlide) -> None:
        code = (
            "import sys; from typer.testing import CliRunner; from wsi_idc.cli.app import app\n"
            "import wsi_idc, wsi_idc.tiling.tile, wsi_idc.heatmap.render, wsi_idc.heatmap.judge\n"
            "import wsi_idc.tiling.formats.h5, wsi_idc.tiling.formats.tfrecord, wsi_idc.patches\n"
            f"done = CliRunner().invoke(app, ['info', {str(phantom.slide)!r}])\n"
            "assert done.exit_code == 0\n"
            "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "[]", done.stderr

    @pytest.mark.parametrize("command", ["--help", "info"])
    def test_a_quick_command_imports_no_heavy_library(
        self, phantom: PhantomSlide, command: str
    ) -> None:
        """Each costs a tenth of a second and more; `--help` has 0.4 s, `info` one."""
        arguments = [command] if command == "--help" else [command, str(phantom.slide)]
        heavy = ("tensorflow", "sklearn", "skimage", "scipy", "pandas", "matplotlib", "shapely")
        if command == "--help":
            heavy += ("numpy", "PIL", "openslide", "tifffile")
        code = (
            "import sys; sys.argv = ['wsi-idc', *" + repr(arguments) + "]\n"
            "from wsi_idc.cli import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            f"print([m for m in {heavy!r} if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "[]", done.stderr

    def test_options_name_what_the_rooms_offer(self) -> None:
        assert {reader.value for reader in Reader} == set(READERS) | {"auto"}
        assert tuple(colormap.value for colormap in Colormap) == COLORMAPS


class TestInfo:
    def test_tells_size_scale_levels_and_reading(self, phantom: PhantomSlide) -> None:
        told = run("info", phantom.slide).stdout
        assert "1,500 x 1,200 px, 3.00 x 2.40 mm" in told
        assert "2 x 2, from the slide metadata" in told
        assert "at 8 µm/px    375 x 300 px, level 1, reduced 1 times" in told

    def test_json(self, phantom: PhantomSlide) -> None:
        told = json.loads(run("info", phantom.slide, "--json", "--mpp", "4").stdout)
        assert (told["width_px"], told["height_px"], told["mpp_x"]) == (1500, 1200, 2.0)
        assert told["reading"]["reduction"] == 2.0
        assert told["reading"]["level"] == 0
        assert str(phantom.slide.parent) not in json.dumps(told)

    def test_a_slide_without_microns_is_still_described(self, tmp_path: Path) -> None:
        picture = tmp_path / "plain.png"
        Image.new("RGB", (300, 200), "white").save(picture)
        result = run("info", picture)
        assert result.exit_code == 0
        assert "300 x 200 px\n" in result.stdout
        assert "--slide-mpp" in result.stdout
        told = json.loads(run("info", picture, "--json").stdout)
        assert (told["width_px"], told["mpp_x"], told["reading"]) == (300, None, None)


class TestTile:
    def test_writes_patches_index_mask_and_picture(
        self, phantom: PhantomSlide, tmp_path: Path
    ) -> None:
        result = run("tile", phantom.slide, "-o", tmp_path, "--truth-mask", phantom.truth)
        assert result.exit_code == 0, result.output
        folder = tmp_path / "slides" / "section"
        index = pd.read_csv(folder / "section_patches.csv")
        assert len(index) > 10
        for row in index.sample(5, random_state=0).itertuples():
            with Image.open(tmp_path / row.file) as patch:
                assert (patch.size, patch.mode) == ((50, 50), "RGB")
            assert row.file.endswith(f"/{row.label}/section_x{row.x}_y{row.y}_class{row.label}.png")
        assert (folder / "section_mask.png").exists()
        assert (folder / "section_grid.png").exists()

    def test_magnification_is_mpp_by_another_name(
        self, phantom: PhantomSlide, tmp_path: Path
    ) -> None:
        for option, value in (("--mpp", 4), ("--magnification", 2.5)):
            run("tile", phantom.slide, "-o", tmp_path / option, option, value)
        indices = [
            (tmp_path / option / "slides" / "section" / "section_patches.csv").read_text()
            for option in ("--mpp", "--magnification")
        ]
        assert indices[0] == indices[1]
        both = run("tile", phantom.slide, "-o", tmp_path, "--mpp", 8, "--magnification", 40)
        assert both.exit_code == 2
        assert "not both" in error_line(both)

    def test_finer_than_the_slide_is_refused(self, phantom: PhantomSlide, tmp_path: Path) -> None:
        result = run("tile", phantom.slide, "-o", tmp_path, "--magnification", 40)
        assert result.exit_code == 1
        assert "--allow-upsampling" in error_line(result)

    def test_a_dry_run_tells_and_writes_nothing(
        self, phantom: PhantomSlide, tmp_path: Path
    ) -> None:
        result = run("tile", phantom.slide, "-o", tmp_path / "out", "--dry-run")
        assert result.exit_code == 0
        assert "patches of 50 px at 8 µm/px" in result.stdout
        assert not (tmp_path / "out").exists()

    def test_patients_come_from_a_table(self, phantom: PhantomSlide, tmp_path: Path) -> None:
        table = tmp_path / "patients.csv"
        table.write_text("slide,patient\nanywhere/section.tif,P7\n")
        run("tile", phantom.slide, "-o", tmp_path / "out", "--patients", table)
        assert (tmp_path / "out" / "P7" / "unlabelled").is_dir()

    def test_a_guessed_scale_is_said_aloud(self, tmp_path: Path) -> None:
        pixels = np.full((200, 300, 3), (200, 120, 170), np.uint8)
        write_slide_from_array(
            tmp_path / "s.tif", pixels, mpp=8.0, vendor="generic", downsamples=(1,)
        )
        result = run("tile", tmp_path / "s.tif", "-o", tmp_path / "out")
        assert result.exit_code == 0, result.output
        assert "8 µm/px was inferred from the TIFF resolution tags" in result.stderr
        assert "--slide-mpp" in result.stderr

    def test_a_bad_slide_costs_itself_only(self, phantom: PhantomSlide, tmp_path: Path) -> None:
        slides = tmp_path / "slides"
        slides.mkdir()
        shutil.copy(phantom.slide, slides / "good.tif")
        (slides / "empty.svs").touch()
        (slides / "text.svs").write_text("not a slide")
        (slides / "cut.tif").write_bytes(phantom.slide.read_bytes()[:2000])
        result = run("tile", slides, "-o", tmp_path / "out")
        assert result.exit_code == 3
        assert sorted(p.name for p in (tmp_path / "out" / "slides").iterdir()) == ["good"]
        for name in ("empty.svs", "text.svs", "cut.tif"):
            assert sum(name in line for line in result.stderr.splitlines()) == 1
        alone = run("tile", slides / "empty.svs", slides / "text.svs", "-o", tmp_path / "out")
        assert alone.exit_code == 4


class TestBadInput:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        result = run("info", tmp_path / "nothing.svs")
        assert result.exit_code == 1
        assert "nothing.svs" in error_line(result)

    def test_no_microns_per_pixel(self, tmp_path: Path) -> None:
        picture = tmp_path / "plain.png"
        Image.new("RGB", (300, 300), "white").save(picture)
        result = run("tile", picture, "-o", tmp_path / "out")
        assert result.exit_code == 1
        assert "--slide-mpp" in error_line(result)

    def test_a_slide_without_tissue(self, tmp_path: Path) -> None:
        picture = tmp_path / "glass.png"
        Image.new("RGB", (300, 300), (241, 241, 241)).save(picture)
        result = run("tile", picture, "-o", tmp_path / "out", "--slide-mpp", 8)
        assert result.exit_code == 1
        assert "tissue" in error_line(result)

    def test_an_output_that_cannot_be_written(self, phantom: PhantomSlide, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        result = run("tile", phantom.slide, "-o", tmp_path / "file" / "out")
        assert result.exit_code == 1
        assert "cannot write" in error_line(result)

    def test_a_model_folder_that_is_none(self, phantom: PhantomSlide, tmp_path: Path) -> None:
        result = run("heatmap", phantom.slide, "--model", tmp_path, "-o", tmp_path / "out")
        assert result.exit_code == 1
        assert "not a model folder" in error_line(result)

    @pytest.mark.parametrize(
        ("labels", "patients", "message"),
        [((), 1, "no labelled patches"), ((0, 1), 1, "1 patient"), ((0,), 4, "of class 0")],
    )
    def test_patches_that_cannot_be_trained_on(
        self, tmp_path: Path, labels: tuple[int, ...], patients: int, message: str
    ) -> None:
        (tmp_path / "c").mkdir()
        for patient in range(patients):
            for label in labels:
                place = tmp_path / "c" / f"p{patient}" / str(label)
                place.mkdir(parents=True)
                Image.new("RGB", (50, 50)).save(place / f"s_x1_y1_class{label}.png")
        result = run("train", tmp_path / "c", "-o", tmp_path / "m", "--weights", "none")
        assert result.exit_code == 1
        assert message in error_line(result)

    def test_a_device_that_is_not_there(
        self, phantom: PhantomSlide, model_folder: Path, tmp_path: Path
    ) -> None:
        where = ("--model", model_folder, "-o", tmp_path)
        result = run("heatmap", phantom.slide, *where, "--device", "abacus")
        assert result.exit_code == 2
        assert "auto, cpu, gpu and gpu:N" in error_line(result)

    def test_a_value_out_of_range_is_wrong_usage(self, mapped: Path) -> None:
        assert run("render", mapped, "--threshold", 2).exit_code == 2


class TestHeatmap:
    def test_a_result_folder_holds_what_it_should(self, mapped: Path) -> None:
        close_ups = {path.name for path in mapped.glob("close-up-*.jpg")}
        assert 1 <= len(close_ups) <= 6
        assert sorted({path.name for path in mapped.iterdir()} - close_ups) == [
            "heatmap.geojson",
            "overlay.png",
            "overlay_and_slide.png",
            "probability.ome.tif",
            "regions.csv",
            "report.html",
            "run.json",
            "scores.csv",
            "summary.json",
            "thumbnail.png",
            "tissue.png",
        ]
        scores = pd.read_csv(mapped / "scores.csv")
        assert list(scores.columns) == ["minx", "miny", "width", "height", "prob_idc"]
        summary = json.loads((mapped / "summary.json").read_text())
        assert summary["results"]["patches"] == len(scores)
        assert summary["settings"]["stride"] == 25

    def test_the_map_is_the_mean_of_the_scores_over_each_cell(self, mapped: Path) -> None:
        scores = pd.read_csv(mapped / "scores.csv")
        values = tifffile.imread(mapped / "probability.ome.tif")
        cell = 25 * 8 / 2  # level-0 pixels
        for row, column in np.argwhere(np.isfinite(values))[::7]:
            x, y = (column + 0.5) * cell, (row + 0.5) * cell
            over = scores[
                (scores.minx < x)
                & (scores.minx + scores.width > x)
                & (scores.miny < y)
                & (scores.miny + scores.height > y)
            ]
            assert values[row, column] == pytest.approx(over.prob_idc.mean(), abs=1e-6)

    def test_a_second_run_scores_nothing_and_changes_nothing(
        self, mapped: Path, phantom: PhantomSlide, model_folder: Path
    ) -> None:
        before = {path.name: path.read_bytes() for path in mapped.iterdir()}
        again = run("heatmap", phantom.slide, "--model", model_folder, "-o", mapped.parent)
        assert again.exit_code == 0
        assert {path.name: path.read_bytes() for path in mapped.iterdir()} == before

    def test_identical_runs_give_identical_files_but_for_run_json(
        self, mapped: Path, phantom: PhantomSlide, model_folder: Path, tmp_path: Path
    ) -> None:
        run("heatmap", phantom.slide, "--model", model_folder, "-o", tmp_path)
        for file in mapped.iterdir():
            if file.name != "run.json":
                assert (tmp_path / "section" / file.name).read_bytes() == file.read_bytes(), file

    def test_other_settings_are_refused_by_name(
        self, mapped: Path, phantom: PhantomSlide, model_folder: Path
    ) -> None:
        where = ("--model", model_folder, "-o", mapped.parent)
        result = run("heatmap", phantom.slide, *where, "--stride", 50)
        assert result.exit_code == 1
        assert "settings.stride was 25 and is 50" in error_line(result)
        assert "--overwrite" in error_line(result)

    def test_a_folder_that_is_no_result_is_never_replaced(
        self, phantom: PhantomSlide, model_folder: Path, tmp_path: Path
    ) -> None:
        pixels = tmp_path / "section" / "Data0000.dat"  # as MIRAX keeps them
        pixels.parent.mkdir()
        pixels.touch()
        where = ("--model", model_folder, "-o", tmp_path)
        result = run("heatmap", phantom.slide, *where, "--overwrite")
        assert result.exit_code == 1
        assert "not a result folder" in error_line(result)
        assert pixels.exists()

    def test_a_rerun_keeps_what_render_chose(
        self, mapped: Path, phantom: PhantomSlide, model_folder: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(mapped, tmp_path / "section")
        run("render", tmp_path / "section", "--threshold", 0.123)
        run("heatmap", phantom.slide, "--model", model_folder, "-o", tmp_path)
        summary = json.loads((tmp_path / "section" / "summary.json").read_text())
        assert summary["results"]["threshold"] == 0.123

    def test_rendering_again_changes_pictures_and_areas_but_no_value(
        self, mapped: Path, tmp_path: Path
    ) -> None:
        copy = Path(shutil.copytree(mapped, tmp_path / "copy"))
        values = tifffile.imread(copy / "probability.ome.tif")
        threshold = float(np.nanmedian(values))
        result = run("render", copy, "--threshold", threshold, "--colormap", "cividis")
        assert result.exit_code == 0, result.output
        assert (copy / "overlay.png").read_bytes() != (mapped / "overlay.png").read_bytes()
        for kept in (
            "probability.ome.tif",
            "scores.csv",
            "thumbnail.png",
            "tissue.png",
            "run.json",
        ):
            assert (copy / kept).read_bytes() == (mapped / kept).read_bytes()
        summary = json.loads((copy / "summary.json").read_text())
        assert summary["display"]["colormap"] == "cividis"
        cells = np.count_nonzero(values >= threshold)
        assert summary["results"]["positive_mm2"] == pytest.approx(cells * 0.04)
        regions = pd.read_csv(copy / "regions.csv")
        assert regions["cells"].sum() == cells
        assert summary["results"]["largest_region_mm2"] == pytest.approx(regions["area_mm2"].max())
        least = float(regions["area_mm2"].max())
        run("render", copy, "--min-region", least)
        assert set(pd.read_csv(copy / "regions.csv")["area_mm2"]) == {least}

    def test_rendering_what_is_unchanged_gives_the_same_files(
        self, mapped: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(mapped, tmp_path / "maps" / "one")
        shutil.copytree(mapped, tmp_path / "maps" / "two")
        for file in ("overlay.png", "report.html"):
            (tmp_path / "maps" / "one" / file).unlink()
        result = run("render", tmp_path / "maps")
        assert result.exit_code == 0, result.output
        for name in ("one", "two"):
            for file in mapped.iterdir():
                again = tmp_path / "maps" / name / file.name
                assert again.read_bytes() == file.read_bytes(), again

    def test_a_result_that_cannot_be_rendered_does_not_stop_the_others(
        self, mapped: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(mapped, tmp_path / "good")
        shutil.copytree(mapped, tmp_path / "bad")
        (tmp_path / "bad" / "close-up-1.jpg").unlink()
        result = run("render", tmp_path, "--floor", 0.4, "--no-outline")
        assert result.exit_code == 3
        assert "bad" in result.stderr
        summary = json.loads((tmp_path / "good" / "summary.json").read_text())
        assert (summary["display"]["floor"], summary["display"]["outline"]) == (0.4, False)

    def test_a_dry_run_tells_and_writes_nothing(
        self, phantom: PhantomSlide, model_folder: Path, tmp_path: Path
    ) -> None:
        where = ("--model", model_folder, "-o", tmp_path / "out")
        result = run("heatmap", phantom.slide, *where, "--dry-run")
        assert result.exit_code == 0
        assert "patches of 50 px at 8 µm/px" in result.stdout
        assert not (tmp_path / "out").exists()

    def test_the_log_file_holds_times_and_the_traceback_of_an_error(
        self, model_folder: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "logs" / "run.log"
        where = ("--model", model_folder, "-o", tmp_path, "--log-file", log)
        result = run("heatmap", tmp_path / "gone.svs", *where)
        assert result.exit_code == 1
        assert "gone.svs" in error_line(result)
        assert "SlideNotFoundError" in log.read_text(encoding="utf-8")

    def test_a_map_is_judged_against_its_truth(self, mapped: Path, phantom: PhantomSlide) -> None:
        result = run("evaluate", "--heatmap", mapped, "--truth", phantom.truth, "--json")
        assert result.exit_code == 0, result.output
        judged = json.loads(result.stdout)
        assert 0 <= judged["cells"]["auc"] <= 1
        assert judged["cells"]["true_mm2"] > 0
        assert judged["cells off the border"]["left_out"] > 0

    def test_patches_are_judged_by_the_model_in_the_package_if_none_is_named(
        self, tmp_path: Path
    ) -> None:
        patches = make_collection(tmp_path / "patches", patients=2, of_each_class=2)
        result = run("evaluate", patches, "--json", "-o", tmp_path / "judged")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["patches"] == 8
        assert json.loads((tmp_path / "judged" / "metrics.json").read_text())["patients"] == 2

    def test_a_model_without_patches_is_not_taken_for_patches(self, model_folder: Path) -> None:
        result = run("evaluate", model_folder)
        assert result.exit_code == 2
        assert "is a model; give a folder of labelled patches after it" in error_line(result)
        assert "give [MODEL] and PATCHES" in error_line(run("evaluate", "a", "b", "c"))
