"""Texts without folders, and without names that stand hashed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

HIDDEN = "…"

# A folder's name in a text: it may hold spaces, but ends in none.
_FOLDER = r"""[^/\\\n:;'"]*[^/\\\n:;'"\s][/\\]"""
# Folders of absolute paths that nobody named beforehand; not those of web addresses.
_ANY_FOLDERS = re.compile(rf"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?=[^\s/\\])(?:{_FOLDER})+")
# Numbers of fewer digits tell nothing, and stand in texts for other things.
_SHORTEST_NUMBER = 5


class Veil:
    """Takes out of texts which folders files lie in, and the names that others stand for.

    Messages of errors name files by their whole paths, which is right on a terminal. Where they
    are kept, a folder may be named by a patient.

    Parameters
    ----------
    paths : files and folders that texts may name. Of a file its name is left, of a folder nothing.

    Examples
    --------
    >>> veil = Veil([Path("/scans/Jane Doe/1.svs")])
    >>> veil("/scans/Jane Doe/1.svs: cut short")
    '1.svs: cut short'
    >>> veil.rename("1.svs", "slide-0a1b.svs")
    >>> veil("/scans/Jane Doe/1.svs: cut short")
    'slide-0a1b.svs: cut short'
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._folders: set[str] = set()
        self._names: dict[str, str] = {}
        self._patterns: tuple[re.Pattern[str], re.Pattern[str]] | None = None
        for path in paths:
            self.cover(path)

    def cover(self, path: Path) -> None:
        """Hide the folders of a file, or a folder."""
        itself = [path] if path.is_dir() else []
        for form in {path, path.absolute(), path.resolve()}:
            for folder in (*itself, *form.parents):
                # By itself a word may be any word, and what lies at the root is no person's.
                parts = len(folder.parts) - bool(folder.anchor)
                if parts > 1:
                    self._folders.add(str(folder))
                if parts:
                    self._folders.add(str(folder) + os.sep)
        self._patterns = None

    def rename(self, name: str, shown: str) -> None:
        """Give another name in place of one, wherever that stands by itself."""
        if name and name != shown and not (name.isdigit() and len(name) < _SHORTEST_NUMBER):
            self._names[name] = shown
            self._patterns = None

    def __call__(self, text: str) -> str:
        """The text as it may be kept."""
        if self._patterns is None:
            self._patterns = _folders_like(self._folders), _names_like(self._names)
        folders, names = self._patterns
        text = folders.sub(lambda found: "" if found.group()[-1] in "/\\" else HIDDEN, text)
        text = _ANY_FOLDERS.sub("", text)
        return names.sub(lambda found: self._names[found.group()], text)


def _folders_like(folders: Iterable[str]) -> re.Pattern[str]:
    """Any of some folders, with what folders are named below it, no part of a longer path."""
    listed = (
        re.escape(folder) + (f"(?:{_FOLDER})*" if folder.endswith(os.sep) else r"(?![^\W_])")
        for folder in _longest_first(folders)
    )
    return re.compile(rf"(?<![\w./\\])(?:{'|'.join(listed) or '(?!)'})")


def _names_like(names: Iterable[str]) -> re.Pattern[str]:
    """Any of some names, where it is no part of a longer word."""
    listed = "|".join(re.escape(name) for name in _longest_first(names))
    return re.compile(rf"(?<![^\W_])(?:{listed or '(?!)'})(?![^\W_])")


def _longest_first(texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=lambda text: (-len(text), text))
