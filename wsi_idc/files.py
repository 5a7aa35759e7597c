"""Whole files or none: everything the package writes goes through this room.

A file or folder is written under a temporary name beside its place and renamed into it, so
that a run killed at any instant leaves either the whole result or nothing under its name.

The temporary names follow from the target's name alone: what a killed run left is cleared by
the next one, which ends with the same files as a run that was never interrupted. Two processes
must therefore not write one target at the same time.
"""

from __future__ import annotations

import csv
import ctypes
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from wsi_idc.errors import OutputError, reason
from wsi_idc.unfinished import finishing, unfinished

if TYPE_CHECKING:
    import pandas as pd

_PARTIAL_PREFIX = ".partial-"
_REPLACED_PREFIX = ".replaced-"


def real_path(path: Path) -> Path:
    """Where a path leads, without links on its way.

    Unlike `Path.resolve` it does not fail for a link that leads to itself.
    """
    return Path(os.path.realpath(path))


def make_folder(folder: Path) -> Path:
    """Create `folder` and its parents if they do not exist, and return it.

    Raises
    ------
    OutputError
        If it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(cannot_write(folder, error)) from error
    return folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes `path` when the block ends well.

    The temporary name keeps the suffix of `path`, since writers choose the format by it. It
    is the same in every process: no two may write one target at the same time.

    Raises
    ------
    OutputError
        If the place cannot be written: no permission, a full disk, a file where a folder
        should be.
    """
    make_folder(path.parent)
    temporary = path.with_name(_PARTIAL_PREFIX + path.name)
    try:
        _remove(temporary)
        with unfinished(lambda: _remove(temporary)):
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            with finishing():
                os.replace(temporary, path)
    except OSError as error:
        raise OutputError(cannot_write(path, error)) from error
    finally:
        with suppress(OSError):
            _remove(temporary)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes `folder` when the block ends well.

    A folder that already stands at `folder` is replaced, and only then. It is never lost:
    if the new one cannot be moved to its place the old one is moved back, at once or, after a
    kill between the two moves, by the next call. The temporary names are the same in every
    process: no two may write one target at the same time. What is put into it is to be written
    by `whole_file`, which syncs it.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    make_folder(folder.parent)
    temporary = folder.with_name(_PARTIAL_PREFIX + folder.name)
    replaced = folder.with_name(_REPLACED_PREFIX + folder.name)
    try:
        _put_back_or_remove(replaced, folder)
        _remove(temporary)
        temporary.mkdir()
    except OSError as error:
        raise OutputError(cannot_write(folder, error)) from error

    def undo() -> None:
        _put_back_or_remove(replaced, folder)
        _remove(temporary)

    try:
        with unfinished(undo):
            yield temporary
            _sync_entries(temporary)
            with finishing():
                if folder.exists():
                    # A folder cannot be renamed over a full one: the old one goes away first.
                    os.replace(folder, replaced)
                os.replace(temporary, folder)
        _sync_entries(folder.parent)
    except OSError as error:
        if isinstance(error, OutputError) or error.filename is None:
            raise
        raise OutputError(cannot_write(folder, error)) from error
    finally:
        # What cannot be cleared now is cleared by the next call.
        with suppress(OSError):
            _put_back_or_remove(replaced, folder)
        with suppress(OSError):
            _remove(temporary)


def clear_partial(folder: Path, name: str | None = None) -> None:
    """Remove what a process that is no more left half written in a folder, or of one name in it.

    A folder that it had moved out of the way is put back. What cannot be cleared is left alone.
    """
    wanted = "*" if name is None else escape(name)
    for part in folder.glob(_PARTIAL_PREFIX + wanted):
        with suppress(OSError):
            _remove(part)
    for replaced in folder.glob(_REPLACED_PREFIX + wanted):
        with suppress(OSError):
            _put_back_or_remove(replaced, folder / replaced.name.removeprefix(_REPLACED_PREFIX))


def sync_file_system(folder: Path) -> None:
    """Have all that was written to a folder's file system on the disk.

    For thousands of small files: to sync them one by one takes twice as long as this.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    if sys.platform == "win32":
        return  # a file that was closed is all that can be asked for
    try:
        library = ctypes.CDLL(None, use_errno=True)
        sync = library.syncfs
    except (OSError, AttributeError):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if sync(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def _sync_entries(folder: Path) -> None:
    """Have the names of a folder's files on the disk, where the system can be asked for that."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every network file system does it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_back_or_remove(replaced: Path, folder: Path) -> None:
    """Settle what became of the old folder: it is needed where nothing stands at its place."""
    if os.path.lexists(folder):
        _remove(replaced)
    elif os.path.lexists(replaced):
        os.replace(replaced, folder)


def _remove(path: Path) -> None:
    """Remove a file or a whole folder; nothing there is well too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented UTF-8 JSON, whole or not at all.

    NaN and infinity are refused: they are not JSON, and other tools' parsers reject them. Bytes of
    a file's name that are no UTF-8 are escaped, and read back as they were.
    """
    text = json_text(content)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON; NaN and infinity are none.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def parse_yaml(text: str) -> Any:
    """What a YAML text holds.

    Raises
    ------
    ValueError
        If it is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except (
        *(yaml.YAMLError, RecursionError),
        # PyYAML comes upon dates and numbers that are none.
        *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    ) as error:
        raise ValueError(reason(error)) from error


def json_text(content: dict[str, Any]) -> str:
    """What `write_json` writes."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_csv(
    path: Path,
    table: pd.DataFrame | Iterable[pd.DataFrame],
    *,
    float_format: str | None = None,
) -> None:
    """Write a table as a whole CSV file, with the same line ends everywhere.

    Parameters
    ----------
    table : all of it, or its parts one after the other, at least one.
    float_format : such as `%.6g`; None writes floats so that they read back exactly.
    """
    import pandas as pd

    parts = [table] if isinstance(table, pd.DataFrame) else table
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for number, part in enumerate(parts):
            if number == 0:
                file.write(part.iloc[:0].to_csv(index=False, lineterminator="\n"))
            file.write(_rows(part, float_format))


def _rows(table: pd.DataFrame, float_format: str | None) -> str:
    """The rows of a table as pandas writes them, mostly in a quarter of the time."""
    if float_format is None and len(table.columns) > 1:
        columns = [fields for name in table if (fields := _as_text(table[name])) is not None]
        if len(columns) == len(table.columns):
            return "".join(f"{row}\n" for row in map(",".join, zip(*columns, strict=True)))

    def spelt(quoting: Literal[0, 1]) -> str:
        text: str = table.to_csv(
            index=False,
            header=False,
            float_format=float_format,
            lineterminator="\n",
            quoting=quoting,
        )
        return text

    text = spelt(csv.QUOTE_MINIMAL)
    return text if csv_quoting([text]) == csv.QUOTE_MINIMAL else spelt(csv.QUOTE_ALL)


def csv_quoting(fields: Iterable[str]) -> Literal[0, 1]:
    """How the fields of a CSV file are quoted: where they must be, or all of them.

    All where one has a carriage return: Python's csv module leaves that bare unless lines end
    with it, and readers take the line for ended there.
    """
    return csv.QUOTE_ALL if any("\r" in field for field in fields) else csv.QUOTE_MINIMAL


def _as_text(column: pd.Series[Any]) -> list[str] | None:
    """A column's fields in a CSV file, each number spelt once; None where they need more care."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_string_dtype(column.dtype):
        fields = column.tolist()
        plain = all(isinstance(field, str) and field for field in fields)
        if not plain or any(mark in "".join(fields) for mark in ',"\r\n'):
            return None
        return fields
    if getattr(column.dtype, "kind", " ") not in "iuf":
        return None
    codes, values = pd.factorize(column.to_numpy())
    spelt = [*values.astype(str).tolist(), ""]  # the last is where there is no number
    texts: list[str] = np.array(spelt, object)[codes].tolist()
    return texts


def cannot_write(path: Path, error: OSError) -> str:
    """In a line, that a path cannot be written, why, and what to do about it."""
    first = "make room, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"cannot write {path}: {reason(error)}; {first}choose another place with --output"
