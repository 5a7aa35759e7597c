"""The command's side of a cluster: it sends slides to Dask, and hears what became of each."""

from __future__ import annotations

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import distributed

from wsi_idc.cohort.cluster.plugin import SlideWorkers, do_on_worker
from wsi_idc.cohort.failures import make_failure
from wsi_idc.cohort.one import set_down
from wsi_idc.cohort.run import TaskProgress
from wsi_idc.cohort.task import Job, SlideOutcome, SlideTask
from wsi_idc.cohort.worker import SLIDES_UNDER_WAY
from wsi_idc.errors import ClusterError, reason

log = logging.getLogger("wsi_idc")

_LOOK_EVERY_S = 20.0
_ASK_AGAIN_S = 0.5
_UNSETTLED = "pending", "lost"  # states of a future that Dask has done again elsewhere
# Network file systems may take a minute to show what another machine wrote.
_SEEN_AFTER_S = 90.0
_LOST = "run the same command again; if it is lost again, leave the slide out"


class DaskCrew:
    """The workers of a Dask cluster; a `wsi_idc.cohort.run.Crew`.

    Dask does a lost worker's slides on another one. A slide that several workers were lost with
    is given up.

    Parameters
    ----------
    job : what to do with each slide; its paths, and the slides', are the same on all machines.
    connect : connects to the scheduler for as long as its context lasts.
    timeout_s : seconds without progress after which a slide is given up; None waits for ever.
    told : hears of progress, in a thread of Dask's.
    resources : what a worker must have to do slides, such as ``{"GPU": 1}``; its slides share it.
    """

    def __init__(
        self,
        job: Job,
        connect: Callable[[], AbstractContextManager[distributed.Client]],
        timeout_s: float | None,
        told: TaskProgress,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        self._job = job
        self._connect = connect
        self._timeout_s = timeout_s
        self._told = told
        self._resources = dict(resources or {})
        self._name = f"wsi-idc-{uuid.uuid4().hex}"
        self._open = ExitStack()
        self._under_way: dict[str, tuple[distributed.Future, SlideTask]] = {}
        self._ended: queue.SimpleQueue[tuple[str, distributed.Future]] = queue.SimpleQueue()
        self._sent = 0
        self._said: set[str] = set()
        self._shares_folder = False

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._client = opening.enter_context(self._connect())
            workers = SlideWorkers(self._job, self._timeout_s, Path.cwd(), self._name)
            try:
                self._client.register_plugin(workers, name=self._name)
            except Exception as error:
                raise ClusterError(
                    f"the workers cannot be made ready: {type(error).__name__}: {error}; install "
                    "this version of wsi-idc on all machines"
                ) from error
            opening.callback(self._leave)
            self._client.subscribe_topic(self._name, self._hear)
            self._open = opening.pop_all()
        self._look()
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def submit(self, task: SlideTask) -> None:
        """See `Crew`."""
        self._sent += 1
        # A slide's share: a process that has the model does that many at a time.
        share = {name: amount / SLIDES_UNDER_WAY for name, amount in self._resources.items()}
        future = self._client.submit(
            do_on_worker,
            self._name,
            task,
            key=(self._name, self._sent),
            resources=share or None,
            pure=False,
        )
        self._under_way[task.name] = future, task
        self._tell_of_end(task.name, future)

    def next(self) -> SlideOutcome:
        """See `Crew`."""
        while True:
            try:
                name, future = self._ended.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._look()
                continue
            if future.status in _UNSETTLED:
                # Its worker was lost before it could tell what it had found.
                time.sleep(_ASK_AGAIN_S)  # Dask calls back at once for one that is lost
                self._tell_of_end(name, future)
                continue
            _, task = self._under_way.pop(name)
            return self._outcome(task, future)

    def _tell_of_end(self, name: str, future: distributed.Future) -> None:
        future.add_done_callback(lambda done: self._ended.put((name, done)))

    def _outcome(self, task: SlideTask, future: distributed.Future) -> SlideOutcome:
        if future.status == "finished":
            outcome: SlideOutcome = future.result()
            if outcome.done is not None and not self._shares_folder:
                self._look_for(outcome.done.folder)
            return outcome
        if future.status != "error":
            raise ClusterError(
                "the connection to the scheduler was lost; start it again, then the same command"
            )
        error = future.exception()
        if not isinstance(error, distributed.KilledWorker):
            raise ClusterError(
                f"Dask could not do {task.name} ({reason(error)}); run the same command again"
            ) from error
        times = error.allowed_failures + 1
        what = f"{times} workers were lost while they did it"
        failure = make_failure(task, "open", what, _LOST, trace=str(error))
        return set_down(self._job.output, task, failure, 0.0)

    def _look_for(self, result: Path) -> None:
        """See that what workers write is seen here: a folder of their own would be of no use."""
        deadline = time.monotonic() + _SEEN_AFTER_S
        while not result.exists():
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"a worker has written {result}, which is not seen here; give an --output "
                    "that all machines share"
                )
            time.sleep(0.5)
        self._shares_folder = True

    def _hear(self, event: tuple[float, tuple[str, int, int]]) -> None:
        name, done, total = event[1]
        under_way = self._under_way.get(name)
        if under_way is not None:
            try:
                self._told(under_way[1], done, total)
            except Exception:  # would end the connection, of whose messages this is one
                log.debug("progress could not be told", exc_info=True)

    def _look(self) -> None:
        """Tell who does the slides, or what keeps them from being done; each thing once."""
        workers = self._workers()
        able = [
            worker
            for worker in workers.values()
            if all(worker["resources"].get(name, 0) >= n for name, n in self._resources.items())
        ]
        address = self._client.scheduler.address
        wanted = ",".join(f"{name}={amount:g}" for name, amount in self._resources.items())
        if able:
            self._say("who", f"workers of {address} that do slides: {len(able)}")
        elif workers:
            self._say(
                "resources",
                f"no worker of {address} has {wanted}; waiting for some that are started with "
                f"--resources {wanted}",
            )
        else:
            self._say("workers", f"waiting for workers to join {address}")
        for worker in able:
            if worker["nthreads"] > SLIDES_UNDER_WAY:
                self._say(
                    "threads",
                    f"a worker does {SLIDES_UNDER_WAY} slides at a time; {worker['name']} takes "
                    f"{worker['nthreads']}, and others may wait for it; start workers with "
                    f"--nthreads {SLIDES_UNDER_WAY}",
                )

    def _workers(self) -> dict[str, dict[str, Any]]:
        try:
            workers: dict[str, dict[str, Any]] = self._client.scheduler_info(n_workers=-1)[
                "workers"
            ]
        except OSError:  # lost: futures tell of it
            return {}
        return workers

    def _say(self, about: str, message: str) -> None:
        if about not in self._said:
            self._said.add(about)
            log.info("%s", message)

    def _leave(self) -> None:
        """Give up what is under way, and leave no process behind on the workers."""
        with suppress(Exception):
            self._client.unsubscribe_topic(self._name)
        with suppress(Exception):
            self._client.cancel([future for future, _ in self._under_way.values()])
        leaving = threading.Thread(target=self._unregister, daemon=True)
        leaving.start()
        leaving.join(timeout=10)

    def _unregister(self) -> None:
        with suppress(Exception):
            self._client.unregister_worker_plugin(self._name)
