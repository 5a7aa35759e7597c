from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY
from PIL import Image

from wsi_idc.phantom import PhantomSlide, PhantomSpec, make_phantom


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomSlide:
    spec = PhantomSpec("section", width_mm=2.0, height_mm=1.6, mpp=2.0)
    return make_phantom(spec, tmp_path_factory.mktemp("phantom"))


def run_example(name: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "examples" / name, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_patches_of_a_slide(phantom: PhantomSlide) -> None:
    assert "mm² of tissue" in run_example("patches_of_a_slide.py", phantom.slide)


def test_map_a_slide(phantom: PhantomSlide, model_folder: Path, tmp_path: Path) -> None:
    printed = run_example("map_a_slide.py", phantom.slide, model_folder, tmp_path)
    assert "IDC at probability >= 0.50" in printed
    assert (tmp_path / "section" / "overlay.png").exists()


@pytest.mark.slow
def test_show_augmentation(phantom: PhantomSlide, tmp_path: Path) -> None:
    run_example("show_augmentation.py", phantom.slide, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert min(image.size) > 500


@pytest.mark.slow
def test_notebook_runs_and_shows_its_pictures() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")

    def shown(notebook: Any) -> list[list[str]]:
        """What each cell of code shows, as media types."""
        return [
            sorted(kind for output in cell.outputs for kind in output.get("data", {}))
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]

    notebook = nbformat.read(REPOSITORY / "examples" / "slide_to_map.ipynb", as_version=4)
    stored = shown(notebook)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert shown(notebook) == stored
    pictures = {kind for kinds in stored for kind in kinds if kind.startswith("image/")}
    assert pictures == {"image/png", "image/jpeg"}


class TestCohort:
    """examples/cohort: its table, its settings, and its Slurm script run by a plain shell."""

    @pytest.fixture
    def folder(self, phantom: PhantomSlide, tmp_path: Path) -> Path:
        folder = tmp_path / "cohort"
        shutil.copytree(REPOSITORY / "examples" / "cohort", folder)
        (folder / "slides").mkdir()
        for number in (1, 2, 3):
            shutil.copy(phantom.slide, folder / "slides" / f"case-{number}.tif")
        return folder

    def run(self, folder: Path, *words: str, **variables: str) -> None:
        (folder / "bin").mkdir(exist_ok=True)
        command = folder / "bin" / "wsi-idc"
        command.write_text(
            f"#!{sys.executable}\nfrom wsi_idc.cli import main\nmain()\n", encoding="utf-8"
        )
        command.chmod(0o755)
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), **variables},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def test_tile(self, folder: Path) -> None:
        self.run(folder, "wsi-idc", "tile", "--config", "heatmap.toml")
        assert len(list((folder / "patches").rglob("*_patches.h5"))) == 3

    @pytest.mark.skipif(not shutil.which("bash"), reason="the script is for bash")
    def test_one_job_of_the_array(self, folder: Path, model_folder: Path) -> None:
        self.run(
            folder,
            *("bash", "heatmap.slurm"),
            SLURM_ARRAY_TASK_ID="2",
            SLURM_ARRAY_TASK_COUNT="3",
            SLURM_SUBMIT_DIR=str(folder),
            WSI_IDC_HEATMAP_MODEL=str(model_folder),
        )
        reports = (folder / "maps").glob("*/report.html")
        assert [report.parent.name for report in reports] == ["case-2"]
        assert (folder / "logs" / "heatmap-2.log").exists()
