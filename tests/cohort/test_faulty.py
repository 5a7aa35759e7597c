"""One bad slide costs itself only: it is told by step, error and remedy, and the rest are done."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import small_cohorts
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import app
from wsi_idc.cohort.records import write_tables
from wsi_idc.cohort.run import LocalCrew, run_cohort, status_of
from wsi_idc.cohort.task import Failure, SlideOutcome, SlideTask

# What the command does with its tasks, from which the faulty slide cannot come.
_RUN_JOB = """
import pathlib, pickle, sys
import small_cohorts, typer
from wsi_idc.cli.cohort_options import CohortOptions, run_job
from wsi_idc.cli.console import start_log, user_errors
from wsi_idc.cli.interruption import interruptible
start_log()
tasks = pickle.load(sys.stdin.buffer)
job = small_cohorts.mapping(pathlib.Path(sys.argv[1]))
try:
    with interruptible():
        user_errors(run_job)(job, tasks, lambda task: task, CohortOptions(False, 1, None, None))
except typer.Exit as end:
    sys.exit(end.exit_code)
"""

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
    return subprocess.run(
        [sys.executable, "-c", small_cohorts.COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
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
        assert str(slides) not in " ".join(row.astype(str))
        assert f"error: {slides / row['slide']}" in ran.stderr
    cohort = pd.read_csv(tmp_path / "out" / "cohort.csv").set_index("name")
    done = cohort[cohort["status"] == "done"]
    assert list(done.index) == [f"sound{number}" for number in range(4)]
    assert (done["patches"] > 0).all() and (done["tissue_mm2"] > 1).all()
    assert (cohort["status"] == "failed").sum() == len(FAULTS)
    assert "4 of 9 slides done" in ran.stderr and "failures.csv" in ran.stderr

    by_table = wsi_idc("tile", tmp_path / "out" / "failures.csv", "-o", tmp_path / "out")
    assert by_table.returncode == 2 and "--only-failed" in by_table.stderr

    # What failed can be asked for again, once it is mended.
    small_cohorts.write_section(slides / "glass.tif", 9)
    try:
        again = wsi_idc("tile", slides, "-o", tmp_path / "out", "--only-failed")
    finally:
        small_cohorts.write_section(slides / "glass.tif", 0, is_glass=True)
    assert again.returncode == 3, again.stderr
    assert "1 of 5 slides done" in again.stderr
    assert set(pd.read_csv(tmp_path / "out" / "failures.csv")["name"]) == set(FAULTS) - {"glass"}


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode")
def test_a_slide_whose_name_is_not_utf8_costs_itself_only(tmp_path: Path) -> None:
    """Such a name can be hashed, but name no results; the tables are UTF-8 all the same."""
    small_cohorts.write_section(tmp_path / "in" / "sound.tif", 0)
    small_cohorts.write_section(tmp_path / "in" / os.fsdecode(b"caf\xe9.tif"), 1)
    ran = wsi_idc("tile", tmp_path / "in", "-o", tmp_path / "out")
    assert ran.returncode == 3, ran.stderr
    assert "fault" not in ran.stderr and "bytes that are no UTF-8" in ran.stderr
    cohort = pd.read_csv(tmp_path / "out" / "cohort.csv").set_index("slide")
    assert dict(cohort["status"]) == {"sound.tif": "done", "caf\\udce9.tif": "failed"}
    assert list(pd.read_csv(tmp_path / "out" / "failures.csv")["slide"]) == ["caf\\udce9.tif"]
    again = wsi_idc("tile", tmp_path / "in", "-o", tmp_path / "out", "--only-failed")
    assert again.returncode == 1 and again.stderr.count("error: ") == 1

    hashed = ("--anonymise", "--anonymise-key", tmp_path / "key", "--anonymise-names")
    ran = wsi_idc("tile", tmp_path / "in", "-o", tmp_path / "hashed", *hashed, tmp_path / "names")
    assert ran.returncode == 0, ran.stderr
    assert "caf\\udce9.tif" in (tmp_path / "names").read_text(encoding="utf-8")


def test_exit_statuses(slides: Path, tmp_path: Path) -> None:
    sound, empty, text = (slides / name for name in ("sound0.tif", "empty.svs", "text.svs"))

    def tile(*arguments: object) -> Result:
        given = ("tile", *arguments, "-o", tmp_path / "out", "--workers", 0)
        return CliRunner().invoke(app, [str(argument) for argument in given])

    assert tile(sound).exit_code == 0
    assert tile(empty).exit_code == 1
    assert tile(empty, text).exit_code == 4
    assert tile(sound, "--shard", "2/1").exit_code == 2
    assert tile(sound, "--timeout", 5).exit_code == 2
    other = tile(sound, "--stride", 25)
    assert other.exit_code == 1
    assert "settings.stride was 50 and is 25" in other.stderr and "--overwrite" in other.stderr
    assert tile(sound, "--stride", 25, "--overwrite").exit_code == 0


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
    """And what it had half written is removed."""
    parts = [tmp_path / ".partial-sound1", tmp_path / "slides" / "sound1" / ".partial-patches"]
    for part in parts:
        part.mkdir(parents=True)
    outcomes = outcomes_of(tmp_path, sound_but_for(slides, "sound1", fault))
    assert set(failures_of(outcomes)) == {"sound1"}
    assert not any(part.exists() for part in parts)
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
    outcomes = outcomes_of(tmp_path, sound_but_for(slides, "sound0", "hang"), timeout_s=6)
    assert {name: failure.error for name, failure in failures_of(outcomes).items()} == {
        "sound0": "no progress for 6 seconds, so it was given up"
    }
    assert "--timeout" in failures_of(outcomes)["sound0"].remedy


@POSIX
def test_an_interrupted_run_says_how_far_it_is_and_goes_on(slides: Path, tmp_path: Path) -> None:
    """As by a batch system whose time is up; Ctrl-C is the same. Nothing half written is left."""
    tasks = sound_but_for(slides, "sound3", "hang")
    run = subprocess.Popen(
        [sys.executable, "-c", _RUN_JOB, str(tmp_path / "out")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=small_cohorts.environment(),
    )
    assert run.stdin and run.stderr
    pickle.dump(tasks, run.stdin)
    run.stdin.flush()
    told = b""
    while told.count(b"-> ") < 3:
        told += run.stderr.read1()
    half_written = tmp_path / "out" / ".partial-sound3"  # as of a child that did not get to it
    half_written.mkdir()
    run.send_signal(signal.SIGTERM)
    told += run.communicate()[1]
    assert run.returncode == 130
    assert not half_written.exists()
    assert b"3 of 4 slides are done; the same command goes on" in told
    assert b"interrupted; what was finished is kept" in told and b"Traceback" not in told
    cohort = pd.read_csv(tmp_path / "out" / "cohort.csv")
    assert list(cohort["name"]) == ["sound0", "sound1", "sound2"]
    outcomes = outcomes_of(tmp_path / "out", small_cohorts.tasks_of(slides)[-4:])
    assert [outcome.done and outcome.done.skipped for outcome in outcomes.values()].count(True) == 3
    assert list((tmp_path / "out" / ".cohort" / "locks").glob("*.lock")) == []


@POSIX
def test_an_output_that_is_not_to_be_written_ends_the_run_at_once(
    slides: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file, no folder\n")
    ran = wsi_idc("tile", slides, "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert ran.stderr.count("error: ") == 1 and "choose another place with --output" in ran.stderr
    assert os.listdir(tmp_path) == ["out"]
