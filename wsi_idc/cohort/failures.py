"""What went wrong with a slide, for a table: at which step, what it was, what to do."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator

from wsi_idc.cohort.task import Failure, SlideTask
from wsi_idc.errors import (
    FAULT,
    AnnotationError,
    MissingMppError,
    ModelFolderError,
    NoTissueError,
    OutputError,
    ResultFolderError,
    SettingsError,
    SlideNotFoundError,
    SlideReadError,
    UpsamplingError,
    WsiIdcError,
    one_line,
)

# The first class that fits tells the step, and what to do where the message does not.
_BY_CLASS: tuple[tuple[type[BaseException], str, str], ...] = (
    (SlideNotFoundError, "find", "check the path"),
    (SlideReadError, "read", "copy the file again, or leave the slide out"),
    (MissingMppError, "scale", "give its µm/px with --slide-mpp, or in a column slide_mpp"),
    (UpsamplingError, "scale", "leave the slide out, or accept it with --allow-upsampling"),
    (NoTissueError, "tissue", "leave the slide out, or give its tissue with --tissue-mask"),
    (AnnotationError, "annotations", "mend the annotation file"),
    (ModelFolderError, "score", "give another model"),
    (ResultFolderError, "settings", "replace the result with --overwrite"),
    (SettingsError, "settings", "correct the option"),
    (OutputError, "write", "choose another place with --output"),
    (MemoryError, "memory", "run it on a machine with more memory, or fewer at a time"),
    (OSError, "write", "see that the output can be written, then run the same command again"),
)
_FAULT = ("program", FAULT)

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def failure_of(error: Exception, task: SlideTask) -> Failure:
    """Tell an exception by step, error and remedy.

    Messages of wsi-idc are of the form ``file: what is wrong; what to do``: what follows the last
    semicolon is the remedy.
    """
    text = one_line(error)
    step, remedy = next(
        ((step, remedy) for kind, step, remedy in _BY_CLASS if isinstance(error, kind)), _FAULT
    )
    what = text
    if isinstance(error, WsiIdcError) and "; " in text:
        what, _, remedy = text.rpartition("; ")
    message = f"{text}; {FAULT}" if (step, remedy) == _FAULT else text
    trace = "".join(traceback.format_exception(error))
    return make_failure(task, step, what, remedy, message=message, trace=trace)


def make_failure(
    task: SlideTask,
    step: str,
    error: str,
    remedy: str,
    *,
    message: str | None = None,
    trace: str = "",
) -> Failure:
    """A failure of which outputs tell no folders, nor names that stand hashed.

    Parameters
    ----------
    task : the slide's.
    step, error, remedy, trace : as in `Failure`.
    message : what the terminal is told; None is error and remedy.
    """
    slide, veil = str(task.source.path), task.veil()
    message = f"{error}; {remedy}" if message is None else message
    shown = " ".join(slide.split())  # as `one_line` has it, where a name holds new lines
    message = message if shown in message else f"{shown}: {message}"
    if task.source.anonymous:
        message, trace = veil(message), veil(trace)
    error = error.removeprefix(f"{shown}: ")
    return Failure(step, veil(error), veil(remedy), message, trace)


def leaves_no_room(error: BaseException) -> bool:
    """Whether an error is of a full or read-only disk, which every slide would meet."""
    return any(isinstance(cause, OSError) and cause.errno in _NO_ROOM for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
