"""The parent's side of a child that does slides: ask it, watch it, replace it."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsi_idc.cohort.failures import make_failure
from wsi_idc.cohort.one import clear_up, set_down
from wsi_idc.cohort.task import Job, SlideOutcome, SlideTask
from wsi_idc.errors import WsiIdcError, reason
from wsi_idc.fresh_process import command_of, end_in_words
from wsi_idc.progress import Progress

log = logging.getLogger("wsi_idc")

SLIDES_UNDER_WAY = 2
"""Slides that a child has under way at a time: one being scored while the other is read or
written. What a third gains was too little to be seen (docs/performance.md)."""

_CHILD = "wsi_idc.cohort.worker.child"
# What it has half written is a folder of some files, or a lock.
_CLEARING_UP_S = 0.5
_CRASH = "convert the slide, copy it again, or leave it out; --reader chooses another library"
_KILLED = "run it on a machine with more memory, or with fewer --workers"
_HANG = "give it more time with --timeout, copy it again, or leave it out"


class WorkerStoppedError(Exception):
    """The worker was told to end while it did slides."""


@dataclass(frozen=True)
class _Ended:
    """Why a child ended before it had done a task.

    Attributes
    ----------
    reason : in words.
    remedy : what to do about it, if it was the task's doing.
    certain : whether it was: no other slide was under way, or this one took too long.
    step : what the child was doing for the task.
    """

    reason: str
    remedy: str
    certain: bool
    step: str


class WorkerProcess:
    """A child that does slides, and its successors. For several threads at a time.

    Parameters
    ----------
    job : what to do with each slide.
    timeout_s : seconds without any progress after which a slide is given up; None waits for ever.
    slides : how many may be under way at a time.
    threads : processors that the child's model may use; None is all.
    folder : where relative paths of the job and its tasks count from; None is here.
    """

    def __init__(
        self,
        job: Job,
        *,
        timeout_s: float | None = None,
        slides: int = SLIDES_UNDER_WAY,
        threads: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self._job = job
        self._timeout_s = timeout_s
        self._slides = slides
        self._threads = threads
        self._folder = folder
        self._output = (folder or Path()) / job.output
        self._child: _Child | None = None
        self._stopped = False
        self._starting = threading.Lock()
        self._turns = _Turns()

    def run(self, task: SlideTask, progress: Progress | None = None) -> SlideOutcome:
        """Do a slide in the child.

        A child that crashes takes all slides under way with it. Which of them was the cause is
        found by doing each again, alone.

        Raises
        ------
        WorkerStoppedError
            If `end` was called meanwhile.
        WsiIdcError
            If no child can be started.
        """
        began = time.monotonic()
        with self._turns.shared():
            end = self._ask(task, progress)
        if isinstance(end, _Ended) and not end.certain:
            with self._turns.alone():
                end = self._ask(task, progress)
        if isinstance(end, SlideOutcome):
            return end
        failure = make_failure(task, end.step, end.reason, end.remedy)
        return set_down(self._output, task, failure, time.monotonic() - began)

    def stop(self) -> None:
        """Have the child end soon; no further one is started."""
        self._stopped = True
        if self._child is not None:
            self._child.stop()

    def end(self) -> None:
        """End the child, whatever it does."""
        self.stop()
        with self._starting:
            if self._child is not None:
                self._child.stop()
                self._child.end(_CLEARING_UP_S)

    def _ask(self, task: SlideTask, progress: Progress | None) -> SlideOutcome | _Ended:
        with self._starting:
            if self._stopped:
                raise WorkerStoppedError
            if self._child is None or self._child.has_ended:
                self._child = _Child(self._job, self._slides, self._threads, self._folder)
            child = self._child
        end = child.do(task, self._timeout_s, progress)
        if self._stopped and isinstance(end, _Ended):
            clear_up(self._output, task)
            raise WorkerStoppedError
        return end


class _Child:
    """One child process."""

    def __init__(self, job: Job, slides: int, threads: int | None, folder: Path | None) -> None:
        environment = dict(os.environ)
        if threads is not None:
            environment.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        try:
            self._process = subprocess.Popen(
                command_of(_CHILD),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                cwd=folder,
            )
        except OSError as error:
            raise WsiIdcError(
                f"no process could be started to work in ({reason(error)}); close other programs, "
                "or work in this one with --workers 0"
            ) from error
        self.has_ended = False
        self._was_ended = False
        self._ready = threading.Event()
        self._waiting: dict[int, queue.SimpleQueue[tuple[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._send((job, slides))
        threading.Thread(target=self._listen, daemon=True).start()

    def do(
        self, task: SlideTask, timeout_s: float | None, progress: Progress | None
    ) -> SlideOutcome | _Ended:
        """Send a task and wait for its end.

        Raises
        ------
        WsiIdcError
            If the child ended before it was ready.
        """
        number, mine = next(self._numbers), queue.SimpleQueue[tuple[str, Any]]()
        with self._lock:
            if self.has_ended:
                return _Ended("its process ended", _CRASH, certain=False, step="open")
            self._waiting[number] = mine
        self._send((number, task))
        self._ready.wait()  # to load libraries is no slide's doing, and may take its time
        step = "open"
        while True:
            try:
                kind, content = mine.get(timeout=timeout_s)
            except queue.Empty:
                with self._lock:
                    self._waiting.pop(number, None)
                    self._was_ended = True
                self.end()
                why = f"no progress for {timeout_s:g} seconds, so it was given up"
                return _Ended(why, _HANG, certain=True, step=step)
            if kind == "outcome":
                outcome: SlideOutcome = content
                return outcome
            if kind == "ended":
                status, alone, was_ready = content
                if not was_ready:
                    raise WsiIdcError(
                        "the process that is to do slides does not start "
                        f"({end_in_words(status)}); what it said stands above"
                    )
                why, remedy = _cause_in_words(status)
                return _Ended(why, remedy, certain=alone, step=step)
            done, total = content
            step = "write" if done == total else "read"
            if progress is not None:
                progress(done, total)

    def stop(self) -> None:
        """Have the child leave its slides and clear up what it has half written."""
        assert self._process.stdin
        with contextlib.suppress(OSError):  # what was not sent yet cannot be
            self._process.stdin.close()

    def end(self, patience_s: float = 0.0) -> None:
        """Kill the child if it does not end by itself within some seconds.

        Those who wait for it are told by the thread that listens to it.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        self._process.wait()

    def _send(self, message: Any) -> None:
        assert self._process.stdin
        # A child that ended is noticed elsewhere, and one that is to end needs no tasks.
        with contextlib.suppress(OSError, ValueError), self._lock:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        try:
            while True:
                number, kind, content = pickle.load(self._process.stdout)
                if kind == "log":
                    log.log(*content)
                if number == 0:
                    if kind == "ready":
                        self._ready.set()
                    continue
                with self._lock:
                    asker = self._waiting.get(number)
                    if kind == "outcome":
                        self._waiting.pop(number, None)
                if asker is not None:
                    asker.put((kind, content))
        except Exception:  # the pipe closed, or a message was cut off
            log.debug("a child ended", exc_info=True)
        self._process.kill()
        status = self._process.wait()
        with self._lock:
            self.has_ended = True
            left, self._waiting = list(self._waiting.values()), {}
            alone = len(left) == 1 and not self._was_ended
        for asker in left:
            asker.put(("ended", (status, alone, self._ready.is_set())))
        self._ready.set()  # let go of those who wait for it
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


class _Turns:
    """Many may go together, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._is_alone = False

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone)
            self._is_alone = True
            self._changed.wait_for(lambda: not self._together)
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()


def _cause_in_words(status: int) -> tuple[str, str]:
    """Why a process ended that was not told to, and what to do about it."""
    name = end_in_words(status)
    if name == "SIGKILL":
        return f"its process was killed ({name}), as happens where memory runs out", _KILLED
    return f"its reader crashed ({name})", _CRASH
