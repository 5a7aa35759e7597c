"""Start a command, interrupt it in the middle, and see how it ends and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import small_cohorts

ENDS_WITHIN_S = 3.0
"""Two seconds, and one for a machine that is busy with other tests."""
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Ended:
    """How a command ended after a signal.

    Attributes
    ----------
    seconds : from the signal on.
    said : what it wrote to standard error.
    children : how many it had when it was interrupted, those of children included.
    alive : which of all these are still there.
    """

    seconds: float
    status: int
    said: str
    children: int
    alive: list[int]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", small_cohorts.COMMAND, *map(str, arguments)]


def interrupted(
    words: Sequence[str],
    ready: Callable[[], object],
    *numbers: int,
    whole_group: bool = False,
    pause_s: float = 0.2,
) -> Ended:
    """Send signals to a command once it is ready; to its children too where that is asked for."""
    run = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        env=small_cohorts.environment(),
    )
    assert run.stderr
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not ready():
            assert run.poll() is None, f"ended by itself: {run.stderr.read()}"
            assert time.monotonic() < deadline, "never came so far"
            time.sleep(0.01)
        family = family_of(run.pid)
        began = time.monotonic()
        for place, number in enumerate(numbers):
            time.sleep(pause_s if place else 0)
            with suppress(ProcessLookupError):
                (os.killpg if whole_group else os.kill)(run.pid, number)
        said = run.communicate(timeout=30)[1]
        seconds = time.monotonic() - began
        time.sleep(0.3)  # children see that their pipes are closed
        alive = [process for process in family if is_alive(process)]
        return Ended(seconds, run.returncode, said, len(family) - 1, alive)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)


def family_of(process: int) -> list[int]:
    """A process and those that it has started."""
    try:
        tasks = os.listdir(f"/proc/{process}/task")
        children = [
            int(child)
            for task in tasks
            for child in Path(f"/proc/{process}/task/{task}/children").read_text().split()
        ]
    except OSError:
        return []
    return [process, *(member for child in children for member in family_of(child))]


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def left_over(folder: Path) -> list[str]:
    """What an interrupted command should have cleared away."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.name.startswith((".partial-", ".replaced-")) or path.suffix == ".lock"
    ]
