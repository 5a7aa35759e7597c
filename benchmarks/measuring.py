"""Time, processor time and memory of what is measured."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wsi_idc.slides.isolation.process import POOL

COMMAND = (sys.executable, "-c", "from wsi_idc.cli import main; main()")
"""`wsi-idc` of the package that is measured."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and seconds of processors in all threads and children together."""

    wall: float
    work: float

    def per(self, amount: float) -> Cost:
        return Cost(self.wall / amount, self.work / amount)


def cost_of(run: Callable[[], object]) -> Cost:
    wall, work = time.perf_counter(), _processor_seconds()
    run()
    wall = time.perf_counter() - wall
    POOL.clear()  # only the work of children that have ended is known
    return Cost(wall, _processor_seconds() - work)


def best_of(
    runs: Sequence[Callable[[], object]], repeats: int, tidy: Callable[[], object] = bool
) -> list[Cost]:
    """The least of each, all of them in turn, so that a busy moment hits none alone.

    `tidy` is called before each and not measured.
    """

    def tidied(run: Callable[[], object]) -> Cost:
        tidy()
        return cost_of(run)

    costs = [[tidied(run) for run in runs] for _ in range(repeats)]
    return [
        Cost(min(c.wall for c in column), min(c.work for c in column))
        for column in zip(*costs, strict=True)
    ]


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


@dataclass
class Peak:
    """The most that a process and all its children together had at a time.

    Attributes
    ----------
    memory_mb : shared pages counted once.
    open_files : files, pipes and sockets.
    """

    memory_mb: float = 0.0
    open_files: int = 0


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Watch a process and its children; what is yielded goes on growing meanwhile.

    Looked at every 20 ms, which no block of pixels is faster than.
    """
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            family = _family(pid)
            peak.memory_mb = max(peak.memory_mb, sum(map(_pss_mb, family)))
            peak.open_files = max(peak.open_files, sum(map(_open_files, family)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def peak_of(command: Sequence[str]) -> Peak:
    """The peak of a command that is to end well."""
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,
        watched(process.pid) as peak,
    ):
        process.wait()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return peak


def _family(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        children = [
            int(child)
            for task in tasks
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        ]
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in _family(child))]


def _open_files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
