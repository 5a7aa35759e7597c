"""The benchmark of reading still runs, and its made slides are what it takes them for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wsi_idc.slides import open_slide

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_made_slides_are_large_and_hold_tissue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from slides import TILE, make_slide

    made = make_slide(tmp_path / "large.svs", 100_000, 80_000, (1, 4, 16))
    assert made.path.stat().st_size < 20e6
    with open_slide(made.path) as slide, open_slide(made.path, reader="openslide") as reference:
        assert slide.info.reader == "direct"
        assert (slide.info.width, slide.info.height, slide.info.mpp_x) == (100_000, 80_000, 0.25)
        assert [level.downsample_x for level in slide.info.levels] == [1, 4, 16]
        layout = made.tissue_tiles[0]
        assert 0.3 < layout.mean() < 0.6
        for is_tissue in (True, False):
            row, column = (int(i[len(i) // 2]) for i in np.nonzero(layout == is_tissue))
            region = slide.read_level(0, column * TILE, row * TILE, TILE, TILE)
            assert (region.std() > 10) == is_tissue
            np.testing.assert_array_equal(
                region, reference.read_level(0, column * TILE, row * TILE, TILE, TILE)
            )


@pytest.mark.slow
def test_the_benchmark_runs() -> None:
    pytest.importorskip("imagecodecs")
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("memory is measured by /proc")
    script = BENCHMARKS / "tiling.py"
    run = subprocess.run(
        [sys.executable, str(script), "--small", "--repeats", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stderr  # 1: a bound is missed, which small slides are
    rows = [line.split("|")[1].strip() for line in run.stdout.splitlines() if line[:1] == "|"]
    assert {"40x: wsi-idc, direct", "40x: read and written as h5", "wsi-idc info"} <= set(rows)
    assert "Traceback" not in run.stderr
