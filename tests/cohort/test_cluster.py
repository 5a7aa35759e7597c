"""Slides on a cluster: a real scheduler and workers, on this machine."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import small_cohorts

import wsi_idc
from wsi_idc.cohort.run import LocalCrew, run_cohort
from wsi_idc.cohort.task import Failure, SlideOutcome, SlideTask

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

import distributed

from wsi_idc.cohort.cluster import plugin
from wsi_idc.cohort.cluster.connection import scheduler_at
from wsi_idc.cohort.cluster.crew import DaskCrew
from wsi_idc.cohort.cluster.plugin import SlideWorkers
from wsi_idc.errors import ClusterError
from wsi_idc.slides import SlideSource

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

SLIDES = 12


@contextmanager
def dask(program: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--no-dashboard"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        env={**small_cohorts.environment(), "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def worker(scheduler: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    given = ("--scheduler-file", scheduler, "--no-nanny", "--nthreads", 2, *arguments)
    with dask("worker", *given) as process:
        yield process


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a scheduler that has one worker."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    where = ("--scheduler-file", file, "--host", "127.0.0.1", "--port", 0)
    with dask("scheduler", *where), worker(file):
        while not file.exists():
            time.sleep(0.1)
        yield file


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cohorts.write_sections(tmp_path_factory.mktemp("slides"), SLIDES)


@pytest.fixture(scope="module")
def local(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run on this machine writes."""
    output = tmp_path_factory.mktemp("local")
    with LocalCrew(small_cohorts.mapping(output), 1, None, lambda *_: None) as crew:
        assert all(outcome.done for outcome in run_cohort(crew, small_cohorts.tasks_of(slides)))
    return small_cohorts.files_below(output)


def loads_in(file: Path) -> list[int]:
    """The processes whose children loaded a model."""
    return [int(line.split()[1]) for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_a_lost_worker_costs_no_slide(
    scheduler: Path, slides: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    job = small_cohorts.mapping(tmp_path / "out", 0.2, tmp_path / "loads")
    told: dict[str, list[tuple[int, int]]] = {}

    def hear(task: SlideTask, done: int, total: int) -> None:
        told.setdefault(task.name, []).append((done, total))

    outcomes: list[SlideOutcome] = []
    with (
        worker(scheduler, "--name", "lost") as lost,
        scheduler_at(None, scheduler) as client,
        DaskCrew(job, partial(scheduler_at, None, scheduler), None, hear) as crew,
    ):
        client.wait_for_workers(2, timeout=60)
        for outcome in run_cohort(crew, small_cohorts.tasks_of(slides)):
            outcomes.append(outcome)
            if lost.poll() is None and lost.pid in loads_in(tmp_path / "loads"):
                busy = [keys for name, keys in client.processing().items() if keys]
                assert len(busy) == 2, "each worker has slides under way"
                lost.send_signal(signal.SIGKILL)
                lost.wait()
    assert lost.returncode == -signal.SIGKILL
    assert sorted(outcome.task.name for outcome in outcomes) == [f"s{n:02}" for n in range(SLIDES)]
    assert all(outcome.done for outcome in outcomes)
    assert small_cohorts.files_below(tmp_path / "out") == local
    loads = loads_in(tmp_path / "loads")
    assert len(loads) == len(set(loads)) == 2, "one model a worker"
    patches = {outcome.task.name: outcome.done.patches for outcome in outcomes if outcome.done}
    assert len(told) > SLIDES / 2
    # 0 of 1 is a slide that waits for its turn to be scored.
    assert {told[name][-1] for name in told} <= {(0, 1), *((n, n) for n in patches.values())}


class LostFuture:
    """Of a slide whose worker was lost when it was done: Dask has it done again."""

    def __init__(self, outcome: SlideOutcome) -> None:
        self._statuses = ["lost", "lost", "pending"]
        self._outcome = outcome

    @property
    def status(self) -> str:
        return self._statuses.pop(0) if self._statuses else "finished"

    def add_done_callback(self, callback: Callable[[LostFuture], None]) -> None:
        callback(self)

    def result(self) -> SlideOutcome:
        return self._outcome


def test_a_slide_whose_worker_was_lost_with_the_result_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsi_idc.cohort.cluster.crew._ASK_AGAIN_S", 0.0)
    crew = DaskCrew(small_cohorts.mapping(tmp_path), nullcontext, None, lambda *_: None)
    task = SlideTask(SlideSource(tmp_path / "a.svs"))
    outcome = SlideOutcome(task, failure=Failure("read", "what", "how", "error"))
    future = LostFuture(outcome)
    crew._under_way[task.name] = future, task
    crew._tell_of_end(task.name, future)
    assert crew.next() is outcome


def test_slides_wait_for_a_worker_that_has_what_they_need(
    scheduler: Path,
    slides: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("wsi_idc"), "propagate", True)
    caplog.set_level(logging.INFO, "wsi_idc")
    job = small_cohorts.mapping(tmp_path / "out", 0.0, tmp_path / "loads")
    connect = partial(scheduler_at, None, scheduler)
    tasks = small_cohorts.tasks_of(slides)[:3]
    with DaskCrew(job, connect, None, lambda *_: None, {"GPU": 1}) as crew:
        assert "has GPU=1; waiting for some" in caplog.text
        with worker(scheduler, "--resources", "GPU=1") as able:
            assert all(outcome.done for outcome in run_cohort(crew, tasks))
    assert loads_in(tmp_path / "loads") == [able.pid]


def test_a_slide_that_crashes_its_reader_costs_itself_and_no_worker(
    scheduler: Path, slides: Path, tmp_path: Path
) -> None:
    job = small_cohorts.mapping(tmp_path / "out")
    tasks = small_cohorts.tasks_of(slides)[:3]
    tasks[0] = replace(tasks[0], source=small_cohorts.FaultySource(tasks[0].source.path))
    connect = partial(scheduler_at, None, scheduler)
    with scheduler_at(None, scheduler) as client:
        before = set(client.scheduler_info()["workers"])
        with DaskCrew(job, connect, None, lambda *_: None) as crew:
            outcomes = {outcome.task.name: outcome for outcome in run_cohort(crew, tasks)}
        assert set(client.scheduler_info()["workers"]) == before
    failure = outcomes["s00"].failure
    assert failure is not None and "its reader crashed (SIGSEGV)" in failure.error
    assert outcomes["s01"].done and outcomes["s02"].done


def test_results_that_are_not_seen_here_end_the_run(
    scheduler: Path, slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where each machine has a folder of that name."""
    monkeypatch.setattr("wsi_idc.cohort.cluster.crew._SEEN_AFTER_S", 0.5)
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir(), here.mkdir()
    monkeypatch.chdir(there)
    job = small_cohorts.mapping(Path("out"))
    with DaskCrew(job, partial(scheduler_at, None, scheduler), None, lambda *_: None) as crew:
        monkeypatch.chdir(here)
        with pytest.raises(ClusterError, match=r"has written out/s0\d, which is not seen here"):
            list(run_cohort(crew, small_cohorts.tasks_of(slides)[:2]))


def test_the_command_tells_of_each_slide(scheduler: Path, slides: Path, tmp_path: Path) -> None:
    """Paths may be relative: they count from where the command was given."""
    (tmp_path / "empty.svs").touch()
    (tmp_path / "sound.tif").symlink_to(slides / "s00.tif")
    arguments = ["tile", "empty.svs", "sound.tif", "-o", "out", "--dask-scheduler-file"]
    ran = subprocess.run(
        [sys.executable, "-c", small_cohorts.COMMAND, *arguments, scheduler],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode == 3, ran.stderr
    assert "that do slides: 1\n" in ran.stderr
    assert "error: empty.svs: " in ran.stderr and "sound.tif: 26 patches" in ran.stderr
    assert "1 of 2 slides done" in ran.stderr and "Traceback" not in ran.stderr
    assert list(pd.read_csv(tmp_path / "out" / "failures.csv")["name"]) == ["empty"]


def test_a_scheduler_that_is_not_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsi_idc.cohort.cluster.connection._PATIENCE_S", 1)
    with (
        pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"),
        scheduler_at("tcp://127.0.0.1:9"),
    ):
        pass


class PlayedWorker:
    """What the plugin asks of a worker of Dask."""

    address = "tcp://node7:4000"

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def log_event(self, topic: str, message: tuple[str, int, int]) -> None:
        self.told.append(message)


def children() -> set[str]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def test_a_child_that_has_nothing_to_do_ends_and_a_closed_worker_does_nothing(
    slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command may have been killed, and a worker's machine is shared with others."""
    monkeypatch.setattr(plugin, "_IDLE_S", 0.5)
    worker, before = PlayedWorker(), children()
    workers = SlideWorkers(small_cohorts.mapping(tmp_path), None, tmp_path, "topic")
    workers.setup(worker)
    task = small_cohorts.tasks_of(slides)[0]
    assert workers.run(task).done
    assert worker.told[-1] == ("s00", 95, 95)
    deadline = time.monotonic() + 30
    while children() != before:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.1)
    again = workers.run(task).done
    assert again is not None and again.skipped
    workers.teardown(worker)
    assert children() == before
    with pytest.raises(distributed.Reschedule):
        workers.run(task)


def test_a_worker_that_cannot_do_slides_says_so(tmp_path: Path) -> None:
    for folder, version, why in (
        (tmp_path / "elsewhere", wsi_idc.__version__, f"has no folder {tmp_path / 'elsewhere'}"),
        (tmp_path, "0.0.1", "install 0.0.1 on all machines"),
    ):
        workers = SlideWorkers(small_cohorts.mapping(tmp_path), None, folder, "topic")
        workers._version = version
        workers.setup(PlayedWorker())
        outcome = workers.run(SlideTask(SlideSource(tmp_path / "a.svs")))
        assert isinstance(outcome.ends_all, ClusterError)
        assert str(outcome.ends_all).startswith("worker tcp://node7:4000: has ")
        assert why in str(outcome.ends_all)


def test_no_process_is_left_on_the_workers(scheduler: Path) -> None:
    with scheduler_at(None, scheduler) as client:
        pids = client.run(os.getpid).values()
        plugins = client.run(lambda dask_worker: list(dask_worker.plugins)).values()
    for pid in pids:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert children == []
    assert not [name for names in plugins for name in names if name.startswith("wsi-idc")]
