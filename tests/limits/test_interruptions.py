"""Ctrl-C and SIGTERM end every command soon; whole results are kept, and nothing else."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import small_cohorts
from limits.interrupting import ENDS_WITHIN_S, Ended, command, interrupted, left_over
from patch_folder import make_collection

from wsi_idc.cli.interruption import GRACE_S, INTERRUPTED

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="sends POSIX signals, finds children by /proc"
)
INT, TERM = signal.SIGINT, signal.SIGTERM
SLIDES = 6

# `heatmap` with a stand-in for the network, in a child as the command has it.
HEATMAP = """
import pathlib, sys
import small_cohorts, typer
from wsi_idc.cli.cohort_options import CohortOptions, run_job
from wsi_idc.cli.console import start_log, user_errors
from wsi_idc.cli.interruption import interruptible
slides, output = map(pathlib.Path, sys.argv[1:])
job = small_cohorts.mapping(output, seconds_a_batch=0.1)
start_log()
with interruptible():
    try:
        tasks = small_cohorts.tasks_of(slides)
        user_errors(run_job)(job, tasks, lambda task: task, CohortOptions(False, 1, None, None))
    except typer.Exit as end:
        sys.exit(end.exit_code)
"""


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(SLIDES):
        small_cohorts.write_section(folder / f"s{number}.tif", number)
    return folder


@pytest.fixture(scope="module")
def large_slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        from slides import make_slide

        path = tmp_path_factory.mktemp("large") / "large.svs"
        return make_slide(path, 40_000, 30_000, (1, 4, 16)).path


def assert_ended_well(end: Ended, *, status: int = 130) -> None:
    assert end.status == status, end.said
    assert end.seconds < ENDS_WITHIN_S
    assert end.alive == []
    assert "Traceback" not in end.said and "Exception" not in end.said
    assert end.said.count(INTERRUPTED) == (1 if status else 0)


@pytest.mark.parametrize("number", [INT, pytest.param(TERM, marks=pytest.mark.long)])
def test_one_slide_in_the_middle_of_writing(large_slide: Path, tmp_path: Path, number: int) -> None:
    staging = tmp_path / "slides" / "large" / ".partial-patches"
    words = command("tile", large_slide, "-o", tmp_path, "--mpp", 1, "--format", "tfrecord")
    end = interrupted(words, lambda: any(staging.glob("*")), number)
    assert_ended_well(end)
    assert left_over(tmp_path) == []
    assert not (tmp_path / "slides" / "large" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [
        # Ctrl-C in a terminal. Long, too: on a busy machine half a second is now and then too short
        # for a child to clear up in (once in ten runs), which the next run then does.
        pytest.param(INT, True, marks=pytest.mark.long),
        pytest.param(TERM, False, marks=pytest.mark.long),
        pytest.param(TERM, True, marks=pytest.mark.long),  # a batch system
    ],
)
def test_many_slides_with_a_model(
    slides: Path, tmp_path: Path, number: int, whole_group: bool
) -> None:
    """What is done is kept, and is not counted as failed; the child clears up and ends."""
    words = [sys.executable, "-c", HEATMAP, str(slides), str(tmp_path)]

    def two_are_done_and_one_is_under_way() -> bool:
        records = list((tmp_path / ".cohort" / "slides").glob("[!.]*.json"))
        return len(records) >= 2 and bool(list((tmp_path / ".cohort" / "locks").glob("s*.lock")))

    end = interrupted(words, two_are_done_and_one_is_under_way, number, whole_group=whole_group)
    assert_ended_well(end)
    assert end.children >= 1
    assert left_over(tmp_path) == []
    cohort = pd.read_csv(tmp_path / "cohort.csv")
    assert 2 <= len(cohort) < SLIDES and set(cohort["status"]) == {"done"}
    for name in cohort["name"]:
        assert (tmp_path / name / "report.html").exists()


@pytest.mark.parametrize("number", [pytest.param(INT, marks=pytest.mark.long), TERM])
def test_the_viewer_ends_with_status_0(slides: Path, number: int) -> None:
    """That is how one stops looking, and nothing is broken off; a connection is still open."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    try:
        from view import Server
    finally:
        sys.path.pop(0)
    with Server(slides / "s0.tif", key="s0") as server:
        began = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        assert time.monotonic() - began < ENDS_WITHIN_S


PHANTOMS = """
import pathlib, sys
from wsi_idc.cli.interruption import interruptible
from wsi_idc.phantom import PhantomSpec
from wsi_idc.phantom.side_by_side import make_phantoms
specs = [PhantomSpec(name, width_mm=3, height_mm=3, mpp=0.5) for name in "ab"]
with interruptible():
    make_phantoms([[spec] for spec in specs], pathlib.Path(sys.argv[1]))
"""


def test_phantoms_that_are_drawn_in_processes_of_their_own(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PHANTOMS, str(tmp_path)]
    end = interrupted(words, lambda: len(list(tmp_path.glob(".partial-*.tif"))) == 2, TERM)
    assert_ended_well(end)
    assert end.children == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_the_demo_while_phantoms_are_drawn(tmp_path: Path) -> None:
    end = interrupted(
        command("demo", "-o", tmp_path / "demo"),
        lambda: len(list((tmp_path / "demo" / "slides").glob(".partial-*"))) == 2,
        TERM,
    )
    assert_ended_well(end)
    assert end.children == 2
    assert left_over(tmp_path) == []


BROKEN_OFF = """
import pathlib, sys, threading, time
from wsi_idc.cli.interruption import interruptible
from wsi_idc.files import whole_file, whole_folder
output = pathlib.Path(sys.argv[1])

def write():
    with whole_folder(output / "folder") as folder, whole_file(output / "file") as file:
        (folder / "part").touch()
        file.touch()
        (output / "ready").touch()
        time.sleep(60)

with interruptible():
    if sys.argv[2] == "deaf":
        threading.Thread(target=write).start()
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass
    else:
        try:
            write()
        finally:
            time.sleep(60)
"""


def test_a_main_thread_that_does_not_listen_is_not_waited_for(tmp_path: Path) -> None:
    """As in a library that computes for a minute, or in one that catches everything."""
    words = [sys.executable, "-c", BROKEN_OFF, str(tmp_path), "deaf"]
    assert_ended_well(interrupted(words, (tmp_path / "ready").exists, INT))
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    words = [sys.executable, "-c", BROKEN_OFF, str(tmp_path), "slow"]
    end = interrupted(words, (tmp_path / "ready").exists, INT, INT)
    assert_ended_well(end)
    assert end.seconds < GRACE_S
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


@pytest.mark.long
@pytest.mark.parametrize("epochs", [0, 1])
def test_training(tmp_path: Path, epochs: int) -> None:
    """TensorFlow's first step, which it takes long for, and a later epoch."""
    patches = make_collection(tmp_path / "patches", patients=6, of_each_class=60)
    output, work = tmp_path / "model", tmp_path / "model" / ".wsi-idc-training"
    options = ["--device", "cpu", "--weights", "none", "--epochs", 2, "--batch-size", 16]
    words = command("train", patches, "-o", output, *options)
    begun = work / "checkpoint.npz"
    ready = begun.exists if epochs else (work / "test.npy").exists
    began = time.monotonic()

    def soon_after() -> bool:
        nonlocal began
        if not ready():
            began = time.monotonic()
        return time.monotonic() - began > 3

    assert_ended_well(interrupted(words, soon_after, INT, whole_group=True))
    assert left_over(tmp_path) == []
    assert begun.exists() == bool(epochs)
    assert work.exists() == bool(epochs)
    if epochs:
        import subprocess

        again = subprocess.run([*words, "--resume"], capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert "resuming after epoch 1 of 2" in again.stderr


@pytest.mark.long
def test_many_slides_with_the_shipped_model(slides: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    words = command("heatmap", slides, "-o", tmp_path, "--device", "cpu")
    end = interrupted(words, (tmp_path / "s1" / "run.json").exists, INT, whole_group=True)
    assert_ended_well(end)
    assert left_over(tmp_path) == []
