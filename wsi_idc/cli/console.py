"""What the commands share: news on the terminal and in a log, progress, errors, exit status."""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

import typer

from wsi_idc.cli.interruption import EXIT_INTERRUPTED, INTERRUPTED, was_told
from wsi_idc.cli.kept_log import KeptLog
from wsi_idc.errors import (
    FAULT,
    OutputError,
    SettingsError,
    SlideNotFoundError,
    WsiIdcError,
    one_line,
)
from wsi_idc.near import near_file
from wsi_idc.privacy import veiled_words

EXIT_ERROR, EXIT_USAGE = 1, 2

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger("wsi_idc")

# Control characters but tab and new line, line separators, and what turns the way of writing round.
_INVISIBLE = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class Verbosity(IntEnum):
    """The least level that the terminal is told; a progress bar is news."""

    DEBUG = logging.DEBUG
    NORMAL = logging.INFO
    QUIET = logging.WARNING


_VERBOSITY: ContextVar[Verbosity | None] = ContextVar("verbosity", default=None)


def set_verbosity(verbosity: Verbosity | None) -> None:
    """Say how much the terminal is told; None leaves it to WSI_IDC_DEBUG."""
    _VERBOSITY.set(verbosity)


def verbosity() -> Verbosity:
    """How much the terminal is told."""
    asked = _VERBOSITY.get()
    if asked is not None:
        return asked
    return Verbosity.DEBUG if os.environ.get("WSI_IDC_DEBUG") else Verbosity.NORMAL


P = ParamSpec("P")
R = TypeVar("R")


def user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn exceptions of a command into one line and an exit status.

    A traceback is for developers: it goes to the log file, or to the terminal with `--debug`
    or where WSI_IDC_DEBUG is set.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(tell_end(error)) from None

    return guarded


def tell_end(error: BaseException) -> int:
    """Say in one line what has ended a command, and give the exit status."""
    if not log.handlers:
        start_log()
    if isinstance(error, KeyboardInterrupt):
        log.error("%s", INTERRUPTED)
        was_told()
        return EXIT_INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _stop_writing()
    else:
        report(error)
    return EXIT_USAGE if isinstance(error, SettingsError) else EXIT_ERROR


def _stop_writing() -> None:
    """End as programs in a pipe do whose reader has gone, such as `head`."""
    # Python would complain when it flushes what nobody reads.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report(error: BaseException, subject: Path | None = None) -> None:
    """Say an error in one line, with what it is about where the message does not name it."""
    message = one_line(error)
    if subject is not None and (shown := " ".join(str(subject).split())) not in message:
        message = f"{shown}: {message}"
    if remedy := _remedy(error):
        message += f"; {remedy}"
    log.error("error: %s", message)
    log.debug("%s", "".join(traceback.format_exception(error)))


def _remedy(error: BaseException) -> str:
    """What to do about an error that does not say it itself."""
    if isinstance(error, SlideNotFoundError) and error.path is not None:
        # Not in the error itself: results keep that, and are not to name other slides.
        return near_file(error.path).removeprefix("; ")
    if isinstance(error, WsiIdcError | OSError):
        return ""
    if isinstance(error, MemoryError):
        return "close other programs, or ask for less at a time: --workers, --batch-size, --width"
    if isinstance(error, ImportError) and not (error.name or "").startswith("wsi_idc"):
        return "this installation is not whole: `wsi-idc doctor` tells what is missing"
    return FAULT


class _VisibleFormatter(logging.Formatter):
    """Shows what a terminal would act on: names of files may hold colours, bells and new lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with such characters written as Python writes them."""
        return _INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], super().format(record))


def tell_of_threads() -> None:
    """Have what ends a thread told in one line too; Python would print a traceback."""

    def told(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
            report(ended.exc_value)

    threading.excepthook = told


def start_log(log_file: Path | None = None, *, held_back: bool = False) -> None:
    """Send news to standard error, and all of it with times to `log_file` if there is one.

    The file is an output, kept and passed on: it tells files without the folders they lie in.

    Parameters
    ----------
    log_file : the file.
    held_back : whether nothing is written to it before `names_in_log` says what to hide: a command
        that ends before told the terminal alone.

    Raises
    ------
    OutputError
        If the log file cannot be written.
    """
    log.handlers.clear()
    log.propagate = False
    log.setLevel(logging.DEBUG)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(verbosity())
    terminal.setFormatter(_VisibleFormatter("%(message)s"))
    log.addHandler(terminal)
    if log_file is None:
        return
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        file = KeptLog(log_file, held_back=held_back)
    except OSError as error:
        raise OutputError(
            f"cannot write the log file {log_file}: {error.strerror}; choose another place with "
            "--log-file"
        ) from error
    log.addHandler(file)
    log.debug("wsi-idc %s", " ".join(veiled_words(sys.argv[1:])))


class ProgressBar:
    """A progress bar with time left, as a context manager and a callable.

    Nothing is drawn where standard error is not a terminal, since a log of bars is no use, nor
    with `--quiet`.
    """

    def __init__(self, what: str, unit: str) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._what = what
        if sys.stderr.isatty() and verbosity() <= Verbosity.NORMAL:
            from tqdm import tqdm

            self._bar = tqdm(desc=what, unit=unit, total=0, leave=False)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int, what: str | None = None) -> None:
        """Show that `done` of `total` are done."""
        bar = self._bar
        if bar is None:
            return
        if what is not None and what != self._what:
            self._what = what
            bar.set_description(what, refresh=False)
        if bar.total != total or done < bar.n:
            # Another job begins, perhaps a resumed one above 0: its rate is not known yet.
            bar.reset(total)
            bar.initial = bar.n = max(0, done - 1)
        bar.update(done - bar.n)

    def write(self, message: str) -> None:
        """Log a line without tearing the bar."""
        if self._bar is not None:
            self._bar.clear()
        log.info("%s", message)
        if self._bar is not None:
            self._bar.refresh()


class CohortBar:
    """A bar of slides, or of the patches of a single one; threads may tell it of progress."""

    def __init__(self, slides: int) -> None:
        self._slides = slides
        self._bar = ProgressBar("", "patch") if slides == 1 else ProgressBar("slides", "slide")
        self._share_done: dict[str, float] = {}
        self._ended = 0
        self._lock = threading.Lock()

    def __enter__(self) -> CohortBar:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.__exit__(*exc)

    def told(self, name: str, done: int, total: int) -> None:
        """Show that `done` of a slide's `total` patches are done."""
        with self._lock:
            if self._slides == 1:
                self._bar(done, total, name)
                return
            self._share_done[name] = done / max(1, total)
            self._draw()

    def ended(self, name: str) -> None:
        """Show that a slide has ended, well or not."""
        with self._lock:
            self._share_done.pop(name, None)
            self._ended += 1
            if self._slides > 1:
                self._draw()

    def _draw(self) -> None:
        under_way = ", ".join(f"{name} {done:.0%}" for name, done in self._share_done.items())
        self._bar(self._ended, self._slides, f"slides ({under_way})" if under_way else "slides")
