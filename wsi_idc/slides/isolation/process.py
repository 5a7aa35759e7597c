"""The parent's side of a child that reads: start it, ask it, and end it if it does not answer."""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import subprocess
import tempfile
import threading
from typing import Any

import numpy as np

from wsi_idc.errors import reason
from wsi_idc.fresh_process import command_of, end_in_words
from wsi_idc.slides.base import Pixels
from wsi_idc.slides.isolation.memory import SharedMemory

LARGEST_PIXELS = 2**23
"""So many pixels fit into the memory that is shared with a child, 25 MB."""

# Importing NumPy and a slide library takes half a second, but a cold network disk takes longer.
_START_TIMEOUT_S = 120.0
# So many children at most wait for another slide; each takes some 50 MB.
_MOST_IDLE = 8


class ReaderFailure(Exception):
    """The child crashed or took too long. The message completes 'cannot read ...: '."""


class ReaderProcess:
    """One child. Not for several threads at a time."""

    def __init__(self) -> None:
        self._memory = SharedMemory(3 * LARGEST_PIXELS)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._child = subprocess.Popen(
                command_of("wsi_idc.slides.isolation.child", self._memory.ticket),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                pass_fds=self._memory.inherit,
            )
        except OSError as error:
            raise ReaderFailure(f"no process could be started for it ({reason(error)})") from error
        finally:
            self._memory.child_has_started()
        self._is_fresh = True

    def ask(self, action: str, timeout_s: float, **arguments: Any) -> Any:
        """Send a request and wait for its answer.

        Raises
        ------
        ReaderFailure
            If the child ended, or did not answer in time; it is ended then.
        Exception
            What the child raised.
        """
        assert self._child.stdin and self._child.stdout
        limit = timeout_s + (_START_TIMEOUT_S if self._is_fresh else 0.0)
        too_late = threading.Event()

        def give_up() -> None:
            too_late.set()
            self._child.kill()

        alarm = threading.Timer(limit, give_up)
        alarm.daemon = True
        alarm.start()
        try:
            request = {"action": action, "timeout_s": timeout_s, **arguments}
            pickle.dump(request, self._child.stdin)
            self._child.stdin.flush()
            answer = pickle.load(self._child.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self._child.kill()
            status = self._child.wait()
            alarm.cancel()  # before looking: it may be about to ring
            if too_late.is_set():
                reason = f"its reader did not answer within {limit:g} seconds"
            else:
                reason = f"its reader crashed ({self._ending(status)})"
            self.end()
            raise ReaderFailure(reason) from error
        except BaseException:  # interrupted: an answer that nobody waits for would come later
            self.end()
            raise
        finally:
            alarm.cancel()
        self._is_fresh = False
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pixels(self, width: int, height: int) -> Pixels:
        """What the child read, uint8 RGB [height, width, 3]; a view, until the next request."""
        count = 3 * width * height
        return np.frombuffer(self._memory.buffer, np.uint8, count).reshape(height, width, 3)

    def end(self) -> None:
        """End the child, whatever it does."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe:
                with contextlib.suppress(OSError):  # what was not sent yet cannot be
                    pipe.close()
        self._errors.close()

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._child.pid

    def _ending(self, status: int) -> str:
        """In words, how the child ended."""
        if status >= 0 and self._is_fresh:
            self._errors.seek(0)
            if lines := self._errors.read().decode(errors="replace").strip().splitlines():
                return lines[-1]
        return end_in_words(status)


class ProcessPool:
    """Children that wait for the next slide: starting one takes longer than many a read."""

    def __init__(self) -> None:
        self._idle: list[ReaderProcess] = []
        self._lock = threading.Lock()
        atexit.register(self.clear)
        if hasattr(os, "register_at_fork"):  # a fork must not talk to its parent's children
            os.register_at_fork(after_in_child=self._forget)

    def take(self) -> ReaderProcess:
        """A child without a slide: the one that waited least, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return ReaderProcess()

    def give_back(self, process: ReaderProcess) -> None:
        """Keep a sound child for the next slide, or end it if enough are waiting."""
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(process)
                return
        process.end()

    def clear(self) -> None:
        """End all that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _forget(self) -> None:
        self._idle, self._lock = [], threading.Lock()


POOL = ProcessPool()
"""The children of this process."""
