"""What a Dask worker does: slides in a child process, which has the model loaded once.

The child, and not the worker itself: a slide that crashes its reader or hangs would take the
worker and all its slides with it, and Dask would try it on three more before giving up.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import distributed

import wsi_idc
from wsi_idc.cohort.task import Job, SlideOutcome, SlideTask
from wsi_idc.cohort.worker import SLIDES_UNDER_WAY, WorkerProcess
from wsi_idc.cohort.worker.process import WorkerStoppedError
from wsi_idc.errors import ClusterError, WsiIdcError

# The command need not hear of progress more often than that from each slide.
_PAUSE_S = 1.0
# A child that has nothing to do for so long is ended: the command may have been killed.
_IDLE_S = 300.0


class SlideWorkers(distributed.WorkerPlugin):  # type: ignore[misc]
    """Makes workers able to do the slides of one job.

    Parameters
    ----------
    job : what to do with each slide.
    timeout_s : seconds without any progress after which a slide is given up; None waits for ever.
    folder : where relative paths of the job and its tasks count from, on each machine.
    topic : events of this topic tell of progress: a slide's name, patches done, and to do.
    """

    def __init__(self, job: Job, timeout_s: float | None, folder: Path, topic: str) -> None:
        self._job = job
        self._timeout_s = timeout_s
        self._folder = folder
        self._topic = topic
        self._version = wsi_idc.__version__

    def setup(self, worker: Any) -> None:
        """Make ready on a worker; the child starts with the first slide."""
        self._worker = worker
        self._lock = threading.Lock()
        self._process: WorkerProcess | None = None
        self._under_way = 0
        self._idle: threading.Timer | None = None
        self._is_closed = False
        self._slots = threading.Semaphore(SLIDES_UNDER_WAY)

    def teardown(self, worker: Any) -> None:
        """End the child, whatever it does."""
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
        if process is not None:
            process.end()

    def run(self, task: SlideTask) -> SlideOutcome:
        """Do a slide. Several threads of the worker may; at most two slides are under way.

        Raises
        ------
        distributed.Reschedule
            If the worker is being closed: another is to do it.
        """
        if wsi_idc.__version__ != self._version:
            return self._unable(
                task, f"has wsi-idc {wsi_idc.__version__}; install {self._version} on all machines"
            )
        if not self._folder.is_dir():
            return self._unable(task, f"has no folder {self._folder}; all machines must share it")
        last = 0.0

        def told(done: int, total: int) -> None:
            nonlocal last
            if done == total or time.monotonic() - last > _PAUSE_S:
                last = time.monotonic()
                self._worker.log_event(self._topic, (task.name, done, total))

        with self._slots:
            try:
                process = self._begin()
                try:
                    return process.run(task, told)
                finally:
                    self._leave()
            except WorkerStoppedError:
                time.sleep(1)  # lest it comes back before the scheduler knows
                raise distributed.Reschedule() from None
            except WsiIdcError as error:
                return self._unable(task, str(error))

    def _unable(self, task: SlideTask, why: str) -> SlideOutcome:
        return SlideOutcome(task, ends_all=ClusterError(f"worker {self._worker.address}: {why}"))

    def _begin(self) -> WorkerProcess:
        with self._lock:
            if self._is_closed:
                raise WorkerStoppedError
            if self._idle is not None:
                self._idle.cancel()
            self._under_way += 1
            if self._process is None:
                self._process = WorkerProcess(
                    self._job, timeout_s=self._timeout_s, folder=self._folder
                )
            return self._process

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self._idle = threading.Timer(_IDLE_S, self._end_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if self._under_way or self._process is None:
                return
            process, self._process = self._process, None
        process.end()


def do_on_worker(plugin: str, task: SlideTask) -> SlideOutcome:
    """The task that Dask runs: a slide, by the plugin of that name."""
    workers: SlideWorkers = distributed.get_worker().plugins[plugin]
    return workers.run(task)
