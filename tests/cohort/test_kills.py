"""A run that is killed at any instant and started again ends as one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_cohorts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

SLIDES = 12


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cohorts.write_sections(tmp_path_factory.mktemp("cohort"), SLIDES)


def start(slides: Path, output: Path) -> subprocess.Popen[bytes]:
    """Begin to map a folder of slides, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, small_cohorts.__file__, str(slides), str(output)],
        env=small_cohorts.environment(),
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def whole(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The output of a run that was not interrupted, and its seconds."""
    output = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    assert start(slides, output).wait() == 0
    return output, time.monotonic() - began


@pytest.mark.parametrize(
    "kills",
    [pytest.param(5, marks=pytest.mark.slow), pytest.param(30, marks=pytest.mark.long)],
)
def test_kills_at_random_instants_change_nothing(
    slides: Path, whole: tuple[Path, float], tmp_path: Path, kills: int
) -> None:
    """By turns the run alone is killed, whose child has to notice it, and all its processes."""
    expected = small_cohorts.files_below(whole[0])
    assert len({Path(name).parts[0] for name in expected}) == SLIDES + 1
    seed = int(os.environ.get("WSI_IDC_KILL_SEED", time.time_ns() % 2**32))
    print(f"WSI_IDC_KILL_SEED={seed}")  # told where the test fails
    rng = np.random.default_rng(seed)
    killed = outputs = 0
    output = tmp_path / "0"
    while killed < kills:
        run = start(slides, output)
        time.sleep(rng.uniform(0.1, 0.7) * whole[1])
        with suppress(ProcessLookupError):
            (os.killpg if killed % 2 else os.kill)(run.pid, signal.SIGKILL)
        was_killed = run.wait() == -signal.SIGKILL
        # What is there under a final name is whole, even before the run is repeated.
        before = small_cohorts.files_below(output)
        assert [name for name in before if before[name] != expected.get(name)] == []
        killed += was_killed
        if not was_killed:  # it had little left to do: go on with another
            same_as(whole[0], output)
            outputs += 1
            output = tmp_path / str(outputs)
    assert start(slides, output).wait() == 0
    same_as(whole[0], output)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["png", pytest.param("h5", marks=pytest.mark.long)])
def test_patches_are_the_same_after_kills(slides: Path, tmp_path: Path, format: str) -> None:
    """The same of `tile`, whose slides share folders, with the command itself."""

    def tile(output: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                small_cohorts.COMMAND,
                "tile",
                slides,
                "-o",
                output,
                "--format",
                format,
            ],
            start_new_session=True,
        )

    began = time.monotonic()
    assert tile(tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - began
    for share in np.random.default_rng().uniform(0.3, 0.9, 2):
        run = tile(tmp_path / "killed")
        time.sleep(share * seconds)
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert tile(tmp_path / "killed").wait() == 0
    same_as(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
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
