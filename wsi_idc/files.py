"""Whole files or none: everything the package writes goes through this room.

A file or folder is written under a temporary name beside its place and renamed into it, so
that a run killed at any instant leaves either the whole result or nothing under its name.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wsi_idc.errors import OutputError

_PARTIAL_PREFIX = ".partial-"


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
        raise OutputError(_cannot_write(folder, error)) from error
    return folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes `path` when the block ends well.

    The temporary name keeps the suffix of `path`, since writers choose the format by it.

    Raises
    ------
    OutputError
        If the place cannot be written: no permission, a full disk, a file where a folder
        should be.
    """
    make_folder(path.parent)
    temporary = path.parent / f"{_PARTIAL_PREFIX}{os.getpid()}-{path.name}"
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(_cannot_write(path, error)) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes `folder` when the block ends well.

    A folder that already stands at `folder` is replaced, and only then.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    make_folder(folder.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=_PARTIAL_PREFIX, dir=folder.parent))
        temporary.chmod(0o755)  # mkdtemp makes it private; results are for the lab to read
    except OSError as error:
        raise OutputError(_cannot_write(folder, error)) from error
    try:
        yield temporary
        if folder.exists():
            # A folder cannot be renamed over a full one: move the old one out of the way first.
            old = Path(tempfile.mkdtemp(prefix=_PARTIAL_PREFIX, dir=folder.parent))
            os.replace(folder, old / "replaced")
            os.replace(temporary, folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, folder)
    except OSError as error:
        if isinstance(error, OutputError) or error.filename is None:
            raise
        raise OutputError(_cannot_write(folder, error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented UTF-8 JSON, whole or not at all.

    NaN and infinity are refused: they are not JSON, and other tools' parsers reject them.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _cannot_write(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"cannot write {path}: {reason}; choose another place with --output"
