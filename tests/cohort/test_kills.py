"""A run that is killed at any instant and started again ends as one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_cohorts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

KILLS = int(os.environ.get("WSI_IDC_KILLS", "5"))
SLIDES = 12


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(SLIDES):
        small_cohorts.write_section(folder / f"s{number:02}.tif", number)
    return folder


def start(slides: Path, output: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(small_cohorts.__file__).parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, small_cohorts.__file__, str(slides), str(output)],
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.fixture(scope="module")
def whole(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The output of a run that was not interrupted, and its seconds."""
    output = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    assert start(slides, output).wait() == 0
    return output, time.monotonic() - began


def test_kills_at_random_instants_change_nothing(
    slides: Path, whole: tuple[Path, float], tmp_path: Path
) -> None:
    expected = small_cohorts.files_below(whole[0])
    assert len({Path(name).parts[0] for name in expected}) == SLIDES + 1
    seed = int(os.environ.get("WSI_IDC_KILL_SEED", time.time_ns() % 2**32))
    print(f"WSI_IDC_KILL_SEED={seed}")  # told where the test fails
    rng = np.random.default_rng(seed)
    kills = outputs = 0
    output = tmp_path / "0"
    while kills < KILLS:
        run = start(slides, output)
        time.sleep(rng.uniform(0.1, 0.7) * whole[1])
        run.send_signal(signal.SIGKILL)
        was_killed = run.wait() == -signal.SIGKILL
        # What is there under a final name is whole, even before the run is repeated.
        before = small_cohorts.files_below(output)
        assert [name for name in before if before[name] != expected.get(name)] == []
        kills += was_killed
        if not was_killed:  # it had little left to do: go on with another
            same_as(whole[0], output)
            outputs += 1
            output = tmp_path / str(outputs)
    assert start(slides, output).wait() == 0
    same_as(whole[0], output)


def test_processes_share_an_output_folder(
    slides: Path, whole: tuple[Path, float], tmp_path: Path
) -> None:
    """Both have the same list: no slide is done twice at a time, and each waits for the other."""
    runs = [start(slides, tmp_path) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    same_as(whole[0], tmp_path)


def same_as(expected: Path, output: Path) -> None:
    assert small_cohorts.files_below(output) == small_cohorts.files_below(expected)
    tables = [
        pd.read_csv(folder / "cohort.csv").drop(columns="seconds") for folder in (output, expected)
    ]
    pd.testing.assert_frame_equal(*tables)
    assert [path for name in ("partial", "replaced") for path in output.glob(f"**/.{name}-*")] == []
