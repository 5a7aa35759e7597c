from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_show_augmentation(phantom: PhantomSlide, tmp_path: Path) -> None:
    run_example("show_augmentation.py", phantom.slide, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert min(image.size) > 500
