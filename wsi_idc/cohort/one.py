"""One slide of a cohort: locked, done, recorded, whatever goes wrong with it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from wsi_idc.cohort.failures import failure_of, leaves_no_room
from wsi_idc.cohort.locks import locked
from wsi_idc.cohort.records import record_done, record_failure, slide_lock
from wsi_idc.cohort.task import Failure, JobUnusableError, SlideOutcome, SlideStep, SlideTask
from wsi_idc.errors import OutputError, WsiIdcError, one_line
from wsi_idc.files import clear_partial
from wsi_idc.progress import Progress
from wsi_idc.tiling.layout import slide_folder
from wsi_idc.unfinished import end_if_ending


def do_slide(output: Path, step: SlideStep, task: SlideTask, progress: Progress) -> SlideOutcome:
    """Do a slide unless another process is at it, and write down what came of it.

    Whatever goes wrong with one slide costs that slide alone, be it memory that runs out or
    a fault of the program that only an odd slide brings to light: a night's run over hundreds
    of slides must not end at the third. Only what every slide would meet is told apart.
    """
    try:
        with locked(slide_lock(output, task.name)) as holder:
            if holder is not None:
                return SlideOutcome(task, busy=holder)
            began = time.monotonic()
            try:
                done = step(task, progress)
            except JobUnusableError as error:
                return SlideOutcome(task, ends_all=_cause_of(error))
            except Exception as error:
                end_if_ending()
                if leaves_no_room(error):
                    return SlideOutcome(task, ends_all=_no_room(error))
                failure = failure_of(error, task)
                record_failure(output, task, failure, time.monotonic() - began)
                return SlideOutcome(task, failure=failure)
            record_done(output, task, done, time.monotonic() - began)
            return SlideOutcome(task, done=done)
    except OutputError as error:  # of lock or record: other slides would fare no better
        return SlideOutcome(task, ends_all=OutputError(str(error)))


def set_down(output: Path, task: SlideTask, failure: Failure, seconds: float) -> SlideOutcome:
    """Write down the failure of a slide whose process is no more, unless another is at it.

    What that process left half written is removed.
    """
    try:
        with locked(slide_lock(output, task.name)) as holder:
            if holder is not None:
                return SlideOutcome(task, busy=holder)
            _clear_partial(output, task)
            record_failure(output, task, failure, seconds)
            return SlideOutcome(task, failure=failure)
    except OutputError as error:
        return SlideOutcome(task, ends_all=OutputError(str(error)))


def clear_up(output: Path, task: SlideTask) -> None:
    """Remove what a process that was ended left half written, unless another is at the slide.

    It clears up itself, but while its threads go on writing that may not succeed. What cannot be
    removed now, as where a disk has no room for a lock, is by the next run.
    """
    with suppress(OutputError), locked(slide_lock(output, task.name)) as holder:
        if holder is None:
            _clear_partial(output, task)


def _clear_partial(output: Path, task: SlideTask) -> None:
    clear_partial(output, task.name)
    clear_partial(slide_folder(output, task.name))


def _cause_of(error: JobUnusableError) -> Exception:
    cause = error.__cause__
    return cause if isinstance(cause, Exception) else error


def _no_room(error: Exception) -> OutputError:
    text = str(error) if isinstance(error, WsiIdcError) else f"cannot write: {one_line(error)}"
    return OutputError(text)
