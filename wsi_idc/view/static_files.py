"""The pages, scripts and styles of the viewer, all of them in memory.

A name is looked up among the files that there are: no path is ever made of what a request says.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Content and media type of each file, by its path with forward slashes."""
    return {
        file.relative_to(_FOLDER).as_posix(): (file.read_bytes(), _TYPES[file.suffix])
        for file in sorted(_FOLDER.rglob("*"))
        if file.suffix in _TYPES
    }
