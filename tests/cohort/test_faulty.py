"""One bad slide costs itself only: it is told by step, error and remedy, and the rest are done."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import small_cohorts

from wsi_idc.cohort.records import write_tables
from wsi_idc.cohort.run import LocalCrew, run_cohort, status_of
from wsi_idc.cohort.task import Failure, SlideOutcome, SlideTask

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="ends a process by a signal")


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sound slides, and one of each kind that is not."""
    folder = tmp_path_factory.mktemp("slides")
    for number in range(4):
        small_cohorts.write_section(folder / f"sound{number}.tif", number)
    whole = small_cohorts.write_section(folder / "cut.svs", 0, vendor="aperio").read_bytes()
    (folder / "cut.svs").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.svs").touch()
    (folder / "text.svs").write_text("not a slide\n")
    small_cohorts.write_section(folder / "glass.tif", 0, is_glass=True)
    small_cohorts.write_section(folder / "no-scale.tif", 0, mpp=None)
    return folder


def wsi_idc(*arguments: object) -> subprocess.CompletedProcess[str]:
    start = "import sys; from wsi_idc.cli import main; sys.argv[0] = 'wsi-idc'; main()"
    return subprocess.run(
        [sys.executable, "-c", start, *map(str, arguments)], capture_output=True, text=True
    )


FAULTS = {
    "cut": ("read", "cut", "copy it again"),
    "empty": ("read", "empty", "copy it again"),
    "text": ("read", "neither a slide", "copy it again"),
    "glass": ("tissue", "tissue", "--"),
    "no-scale": ("scale", "does not say how many microns", "--slide-mpp"),
}


def test_faulty_slides_are_reported_and_the_others_done(slides: Path, tmp_path: Path) -> None:
    ran = wsi_idc("tile", slides, "-o", tmp_path / "out")
    assert ran.returncode == 3, ran.stderr
    failures = pd.read_csv(tmp_path / "out" / "failures.csv").set_index("name")
    assert set(failures.index) == set(FAULTS)
    for name, (step, error, remedy) in FAULTS.items():
        row = failures.loc[name]
        assert row["step"] == step, row
        assert error in row["error"] and remedy in row["remedy"], row
        assert Path(row["slide"]).parent == slides
        assert f"error: {row['slide']}" in ran.stderr
    cohort = pd.read_csv(tmp_path / "out" / "cohort.csv").set_index("name")
    done = cohort[cohort["status"] == "done"]
    assert list(done.index) == [f"sound{number}" for number in range(4)]
    assert (done["patches"] > 0).all() and (done["tissue_mm2"] > 1).all()
    assert (cohort["status"] == "failed").sum() == len(FAULTS)
    assert "4 of 9 slides done" in ran.stderr and "failures.csv" in ran.stderr

    # What failed can be asked for again by the table itself, once it is mended.
    small_cohorts.write_section(slides / "glass.tif", 9)
    try:
        again = wsi_idc("tile", tmp_path / "out" / "failures.csv", "-o", tmp_path / "out")
    finally:
        small_cohorts.write_section(slides / "glass.tif", 0, is_glass=True)
    assert again.returncode == 3, again.stderr
    assert set(pd.read_csv(tmp_path / "out" / "failures.csv")["name"]) == set(FAULTS) - {"glass"}


def test_exit_statuses(slides: Path, tmp_path: Path) -> None:
    sound, empty, text = (slides / name for name in ("sound0.tif", "empty.svs", "text.svs"))
    out = ("-o", tmp_path / "out", "--workers", 0)
    assert wsi_idc("tile", sound, *out).returncode == 0
    assert wsi_idc("tile", empty, *out).returncode == 1
    assert wsi_idc("tile", empty, text, *out).returncode == 4
    assert wsi_idc("tile", sound, "--shard", "2/1", *out).returncode == 2
    assert wsi_idc("tile", sound, "--timeout", 5, *out).returncode == 2
    other = wsi_idc("tile", sound, "--stride", 25, *out)
    assert other.returncode == 1
    assert "settings.stride was 50 and is 25" in other.stderr and "--overwrite" in other.stderr
    assert wsi_idc("tile", sound, "--stride", 25, "--overwrite", *out).returncode == 0


def sound_but_for(slides: Path, name: str, fault: str) -> list[SlideTask]:
    """The sound slides, one of which has a reader that does harm."""
    return [
        replace(task, source=small_cohorts.FaultySource(task.source.path, fault=fault))
        if task.name == name
        else task
        for task in small_cohorts.tasks_of(slides)
        if task.name.startswith("sound")
    ]


def outcomes_of(output: Path, tasks: list[SlideTask], **crew: float) -> dict[str, SlideOutcome]:
    options = {"workers": 1, "timeout_s": None, **crew}
    with LocalCrew(small_cohorts.mapping(output), told=lambda *_: None, **options) as crew_here:
        outcomes = {outcome.task.name: outcome for outcome in run_cohort(crew_here, tasks)}
    write_tables(output)
    return outcomes


def failures_of(outcomes: dict[str, SlideOutcome]) -> dict[str, Failure]:
    return {name: outcome.failure for name, outcome in outcomes.items() if outcome.failure}


@POSIX
@pytest.mark.parametrize(
    ("fault", "error"),
    [("segfault", "its reader crashed (SIGSEGV)"), ("kill", "its process was killed (SIGKILL)")],
)
def test_a_reader_that_crashes_the_process_costs_its_slide(
    slides: Path, tmp_path: Path, fault: str, error: str
) -> None:
    tasks = [task for task in small_cohorts.tasks_of(slides) if task.name.startswith("sound")]
    tasks[1] = replace(
        tasks[1], source=small_cohorts.FaultySource(tasks[1].source.path, fault=fault)
    )
    outcomes = outcomes_of(tmp_path, tasks)
    assert set(failures_of(outcomes)) == {"sound1"}
    failure = failures_of(outcomes)["sound1"]
    assert error in failure.error
    assert failure.message.startswith(f"{slides / 'sound1.tif'}: ")
    table = pd.read_csv(tmp_path / "failures.csv")
    assert list(table["name"]) == ["sound1"] and error in table["error"][0]
    assert status_of(len(table), len(outcomes)) == 3


@POSIX
def test_a_slide_that_hangs_is_given_up_and_its_neighbour_is_not_blamed(
    slides: Path, tmp_path: Path
) -> None:
    tasks = [task for task in small_cohorts.tasks_of(slides) if task.name.startswith("sound")]
    tasks[0] = replace(
        tasks[0], source=small_cohorts.FaultySource(tasks[0].source.path, fault="hang")
    )
    outcomes = outcomes_of(tmp_path, tasks, timeout_s=4)
    assert {name: failure.error for name, failure in failures_of(outcomes).items()} == {
        "sound0": "no progress for 4 seconds, so it was given up"
    }
    assert "--timeout" in failures_of(outcomes)["sound0"].remedy


@POSIX
def test_an_output_that_is_not_to_be_written_ends_the_run_at_once(
    slides: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file, no folder\n")
    ran = wsi_idc("tile", slides, "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert ran.stderr.count("error: ") == 1 and "choose another place with --output" in ran.stderr
    assert os.listdir(tmp_path) == ["out"]
