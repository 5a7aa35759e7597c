"""Memory and open files on a slide as large as any scanner's, 150,000 x 100,000 px."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import small_cohorts
from scripts import script

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="memory is measured by /proc"
)


@pytest.fixture(scope="module")
def limits() -> Iterator[ModuleType]:
    with script("benchmarks/limits.py") as module:
        yield module


@pytest.fixture(scope="module")
def slide(limits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    return limits.make_slide(folder / "slide.svs", *limits.SIZE, (1, 4, 16, 32)).path


def test_tile(limits, slide: Path, tmp_path: Path) -> None:
    peak = limits.tiled(slide, tmp_path)
    assert 100 < peak.memory_mb < 450
    assert peak.open_files < 30


@pytest.mark.long
def test_tile_with_millions_of_positions(limits, slide: Path, tmp_path: Path) -> None:
    peak = limits.tiled(slide, tmp_path, ["--mpp", "0.25", "--format", "coords"])
    assert peak.memory_mb < 600
    assert peak.open_files < 30


def test_view(limits, slide: Path) -> None:
    peak = limits.viewed(slide, tiles=60)
    assert 100 < peak.memory_mb < 400
    assert peak.open_files < 100


@pytest.mark.long
def test_view_of_a_pyramid_that_ends_early(limits, tmp_path: Path) -> None:
    slide = limits.make_slide(tmp_path / "slide.svs", *limits.SIZE, (1, 4)).path
    peak = limits.viewed(slide, tiles=60)
    assert peak.memory_mb < 600
    assert peak.open_files < 100


@pytest.mark.slow
def test_heatmap_but_for_the_network(
    limits, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command and the child that maps the slide, together."""
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "slide.tif").hardlink_to(slide)
    for name, value in small_cohorts.environment().items():
        monkeypatch.setenv(name, value)
    arguments = [str(tmp_path / "slides"), str(tmp_path / "maps")]
    peak = limits.peak_of([sys.executable, small_cohorts.__file__, *arguments])
    assert (tmp_path / "maps" / "slide" / "probability.ome.tif").exists()
    assert 100 < peak.memory_mb < 700
    assert peak.open_files < 60


@pytest.mark.long
def test_heatmap(limits, slide: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    peak = limits.mapped(slide, tmp_path, "openvino")
    assert peak.memory_mb < limits.MOST_MB["heatmap"]
    assert peak.open_files < 30
