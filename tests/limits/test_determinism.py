"""The same run twice gives the same bytes, run.json aside, however the process came to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_cohorts
from limits import everything
from patch_folder import make_collection
from PIL import Image


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("inputs")
    slide = small_cohorts.write_section(folder / "ä slide.tif", 0)
    grey = np.zeros((260, 300), np.uint8)
    grey[60:200, 80:170] = 255
    Image.fromarray(grey).save(folder / "truth.png")
    patches = make_collection(folder / "patches", patients=8, of_each_class=3)
    return [str(slide), str(folder / "truth.png"), str(patches)]


def making(
    inputs: list[str], output: Path, threads: int, **variables: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, everything.__file__, *inputs, str(output), str(threads)],
        env=small_cohorts.environment() | variables,
    )


@pytest.mark.slow
def test_everything_twice(inputs: list[str], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    runs = [
        making(inputs, tmp_path / "1", 1, PYTHONHASHSEED="1", TZ="UTC", OMP_NUM_THREADS="1"),
        making(inputs, tmp_path / "2", 3, PYTHONHASHSEED="2", TZ="Asia/Tokyo", LC_ALL="C.UTF-8"),
    ]
    assert [run.wait() for run in runs] == [0, 0]
    one, two = (files_below(tmp_path / name) for name in "12")
    assert one.keys() == two.keys()
    kinds = {Path(name).suffix for name in one}
    endings = ".csv .parquet .json .geojson .png .jpg .tif .h5 .tfrecord .html"
    assert kinds == set(endings.split())
    # Times are rounded: on a fast machine run.json may be the same, too.
    assert {name for name in one if one[name] != two[name]} <= {"maps/ä slide/run.json"}


@pytest.mark.long
@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_maps_of_the_shipped_model(inputs: list[str], tmp_path: Path, runtime: str) -> None:
    """With one thread and with two: no sum of floats depends on them, in either runtime."""
    pytest.importorskip(runtime)
    maps = []
    for threads in ("1", "2"):
        where = ["-o", str(tmp_path / threads), "--device", "cpu", "--runtime", runtime]
        subprocess.run(
            [sys.executable, "-c", small_cohorts.COMMAND, "heatmap", inputs[0], *where],
            env=small_cohorts.environment() | {"TF_NUM_INTRAOP_THREADS": threads},
            check=True,
        )
        maps.append(small_cohorts.files_below(tmp_path / threads))
    assert maps[0] == maps[1]
    assert "ä slide/probability.ome.tif" in maps[0]
