"""What runs in the child: make a job ready once, then do the slides that the parent sends.

Slides run in threads of their own; the main one waits for the next, and ends the process when the
pipe closes: so the child ends with its parent, whatever ended that, and clears up what it has half
written.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

from wsi_idc.cohort.one import do_slide
from wsi_idc.cohort.task import Job, SlideStep, SlideTask
from wsi_idc.fresh_process import private_pipes
from wsi_idc.unfinished import clear_unfinished

# The parent need not hear of progress more often than that.
_PAUSE_S = 0.2


def main() -> None:
    """Do slides until the parent closes the pipe."""
    requests, answers = private_pipes()
    channel = _Channel(answers)
    log = logging.getLogger("wsi_idc")
    log.handlers, log.propagate = [_Forward(channel)], False
    log.setLevel(logging.DEBUG)
    job: Job
    job, most = pickle.load(requests)
    step = job.step()
    channel.send(0, "ready", None)
    with ThreadPoolExecutor(most) as pool:
        while True:
            try:
                number, task = pickle.load(requests)
            except (EOFError, OSError):
                clear_unfinished()
                os._exit(0)  # not sys.exit: nothing is to be saved, and threads may be stuck
            pool.submit(_do, job, step, number, task, channel)


class _Channel:
    """The pipe to the parent, for several threads."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, number: int, kind: str, content: Any) -> None:
        message = pickle.dumps((number, kind, content))
        try:
            with self._lock:
                self._pipe.write(message)
                self._pipe.flush()
        except OSError:
            os._exit(0)  # the parent is no more


class _Forward(logging.Handler):
    """Sends what is logged to the parent."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send(0, "log", (record.levelno, record.getMessage()))


def _do(job: Job, step: SlideStep, number: int, task: SlideTask, channel: _Channel) -> None:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _PAUSE_S:
            last = time.monotonic()
            channel.send(number, "progress", (done, total))

    try:
        outcome = do_slide(job.output, step, task, progress)
        channel.send(number, "outcome", outcome)
    except BaseException:  # of the channel, or a fault of this module: the parent must not wait
        os._exit(1)
