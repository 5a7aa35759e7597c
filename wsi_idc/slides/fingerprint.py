"""Telling slide files apart without reading gigabytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

_SAMPLE_BYTES = 1 << 20


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
