"""Running a cohort: one slide after the other in this process, or many by a crew."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from wsi_idc.cohort.one import do_slide
from wsi_idc.cohort.task import Job, SlideOutcome, SlideTask
from wsi_idc.cohort.worker import SLIDES_UNDER_WAY, WorkerProcess
from wsi_idc.cohort.worker.process import WorkerStoppedError
from wsi_idc.fresh_process import usable_processors

EXIT_DONE, EXIT_SOME_FAILED, EXIT_ALL_FAILED = 0, 3, 4

TaskProgress = Callable[[SlideTask, int, int], None]
"""Told how far a slide is: patches done, and to do in all."""

# A slide that another process has is asked for again after so long.
_ASK_AGAIN_S = 2.0


@dataclass(frozen=True)
class Outcome:
    """What became of one slide: `error` is None where all went well."""

    slide: Path
    error: Exception | None = None


def run_slides(
    slides: Iterable[Path],
    step: Callable[[Path], None],
    failed: Callable[[Path, Exception], None],
) -> list[Outcome]:
    """Run `step` on each slide; a slide that fails is told to `failed` and the rest go on.

    For steps that are over at once and leave nothing to go on with: a dry run, drawing again.
    Whatever goes wrong with one slide costs that slide alone; only an interruption by the user
    ends it.
    """
    outcomes = []
    for slide in slides:
        try:
            step(slide)
            outcomes.append(Outcome(slide))
        except Exception as error:
            failed(slide, error)
            outcomes.append(Outcome(slide, error))
    return outcomes


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """The exit status after `run_slides`, see `status_of`."""
    return status_of(sum(outcome.error is not None for outcome in outcomes), len(outcomes))


def status_of(failed: int, slides: int) -> int:
    """0 all done, 3 some slides failed, 4 all failed; a single slide that failed is 1."""
    if not failed:
        return EXIT_DONE
    if slides == 1:
        return 1
    return EXIT_ALL_FAILED if failed == slides else EXIT_SOME_FAILED


class Crew(Protocol):
    """Who does the slides of a cohort."""

    def submit(self, task: SlideTask) -> None:
        """Have a slide done, after those that were submitted before."""

    def next(self) -> SlideOutcome:
        """Wait for the next slide to end, in whatever order they do."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *exc: object) -> None:
        """End whatever is still under way."""


def run_cohort(crew: Crew, tasks: Sequence[SlideTask]) -> Iterator[SlideOutcome]:
    """Have a crew do slides, and yield each as it ends, done or failed.

    Slides that other processes have come last: they are waited for, and done here if those
    give them up.

    Raises
    ------
    Exception
        The first error that every slide would meet, such as a full disk.
    """
    for task in tasks:
        crew.submit(task)
    running = len(tasks)
    elsewhere: list[SlideTask] = []
    while running or elsewhere:
        if not running:
            time.sleep(_ASK_AGAIN_S)
            for task in elsewhere:
                crew.submit(task)
            running, elsewhere = len(elsewhere), []
        outcome = crew.next()
        running -= 1
        if outcome.ends_all is not None:
            raise outcome.ends_all
        if outcome.busy is not None:
            elsewhere.append(outcome.task)
        else:
            yield outcome


class HereCrew:
    """Slides one after the other in this process, which one that crashes ends."""

    def __init__(self, job: Job, told: TaskProgress) -> None:
        self._output, self._step, self._told = job.output, job.step(), told
        self._tasks: deque[SlideTask] = deque()

    def submit(self, task: SlideTask) -> None:
        """See `Crew`."""
        self._tasks.append(task)

    def next(self) -> SlideOutcome:
        """See `Crew`."""
        task = self._tasks.popleft()
        return do_slide(
            self._output, self._step, task, lambda done, total: self._told(task, done, total)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._tasks.clear()


class LocalCrew:
    """Child processes of this machine, each with a model of its own and a few slides at a time.

    Parameters
    ----------
    job : what to do with each slide.
    workers : how many processes; they share the machine's processors between them.
    timeout_s : seconds without progress after which a slide is given up; None waits for ever.
    told : hears of progress, in threads of the crew.
    """

    def __init__(self, job: Job, workers: int, timeout_s: float | None, told: TaskProgress) -> None:
        threads = max(1, usable_processors() // workers) if workers > 1 else None
        self._processes = [
            WorkerProcess(job, timeout_s=timeout_s, threads=threads) for _ in range(workers)
        ]
        self._told = told
        self._pool = ThreadPoolExecutor(workers * SLIDES_UNDER_WAY, thread_name_prefix="crew")
        self._mine = threading.local()
        self._started = 0
        self._lock = threading.Lock()
        self._ended: queue.SimpleQueue[SlideOutcome | Exception] = queue.SimpleQueue()

    def submit(self, task: SlideTask) -> None:
        """See `Crew`."""
        self._pool.submit(self._run, task)

    def next(self) -> SlideOutcome:
        """See `Crew`."""
        ended = self._ended.get()
        if isinstance(ended, Exception):
            raise ended
        return ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.stop()
        for process in self._processes:
            process.end()
        self._pool.shutdown()

    def _run(self, task: SlideTask) -> None:
        try:
            process = self._my_process()
            self._ended.put(process.run(task, lambda done, all: self._told(task, done, all)))
        except WorkerStoppedError:
            pass
        except Exception as error:
            self._ended.put(error)

    def _my_process(self) -> WorkerProcess:
        """The process of this thread; threads come to each in turn."""
        process: WorkerProcess | None = getattr(self._mine, "process", None)
        if process is None:
            with self._lock:
                process = self._processes[self._started % len(self._processes)]
                self._started += 1
            self._mine.process = process
        return process
