"""The log file: what it is told, and what not, since it is kept and passed on."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from pathlib import Path

from wsi_idc.privacy import Veil

log = logging.getLogger("wsi_idc")

_GIVEN: ContextVar[tuple[Path, ...]] = ContextVar("given", default=())


def note_given(values: Iterable[object]) -> None:
    """Note which of a command's values are files and folders."""
    one_by_one = (
        part for value in values for part in (value if isinstance(value, list | tuple) else [value])
    )
    _GIVEN.set(tuple(part for part in one_by_one if isinstance(part, Path)))


def given_paths() -> tuple[Path, ...]:
    """The files and folders that the running command was given, by whatever option."""
    return _GIVEN.get()


class KeptLog(logging.FileHandler):
    """Writes lines with times, in which no folder is told, nor a name that stands hashed.

    Parameters
    ----------
    file : where to.
    held_back : whether to wait with it until `names_in_log` has said which names these are.
    """

    def __init__(self, file: Path, *, held_back: bool) -> None:
        super().__init__(file, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._veil = Veil(given_paths())
        self._held: list[logging.LogRecord] | None = [] if held_back else None

    def format(self, record: logging.LogRecord) -> str:
        """A line; only its time and level are as they come."""
        told = copy.copy(record)
        told.msg, told.args = self._veil(record.getMessage()), ()
        if record.exc_info:
            trace = "".join(traceback.format_exception(*record.exc_info))
            told.exc_text = self._veil(trace.rstrip())
        return super().format(told)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or hold it back."""
        if self._held is None:
            super().emit(record)
        else:
            self._held.append(record)

    def go_on(self, hidden: Mapping[str, str]) -> None:
        """Write what was held back, and from now on each line, with names told by others."""
        for name, shown in hidden.items():
            self._veil.rename(name, shown)
        held, self._held = self._held or [], None
        for record in held:
            self.emit(record)


def names_in_log(hidden: Mapping[str, str]) -> None:
    """Have the log file tell names by others, from its first line on."""
    for handler in log.handlers:
        if isinstance(handler, KeptLog):
            handler.go_on(hidden)
