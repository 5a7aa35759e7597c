"""Telling slide files apart without reading gigabytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_SAMPLE_BYTES = 1 << 20
# Of a cohort each slide is looked for among all others.
_MOST_REMEMBERED = 100_000


def slide_fingerprint(path: Path) -> str:
    """SHA-256 over a file's size and its first and last MiB, as hexadecimal digits.

    Slides are gigabytes; header and end differ between any two scans. A multi-file format
    (MIRAX) is told apart by its main file alone.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        if size > _SAMPLE_BYTES:
            file.seek(max(_SAMPLE_BYTES, size - _SAMPLE_BYTES))
            digest.update(file.read())
    return digest.hexdigest()


def find_by_fingerprint(files: Iterable[Path], fingerprint: str) -> Path | None:
    """The first of some files that has a fingerprint; those that cannot be read are passed over.

    A file that was looked at before is not read again unless it has changed.
    """
    for file in files:
        with suppress(OSError):
            about = file.stat()
            if _remembered(file, about.st_size, about.st_mtime_ns) == fingerprint:
                return file
    return None


@lru_cache(_MOST_REMEMBERED)
def _remembered(file: Path, size: int, changed_ns: int) -> str:
    return slide_fingerprint(file)
