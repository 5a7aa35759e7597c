"""Texts without folders, and without names that stand hashed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from wsi_idc.files import real_path

HIDDEN = "…"

# A folder's name in a text: it may hold spaces, but ends in none.
_FOLDER = r"""[^/\\\n:;'"]*[^/\\\n:;'"\s][/\\]"""
# Folders of absolute paths that nobody named beforehand; not those of web addresses.
_ANY_FOLDERS = re.compile(rf"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?=[^\s/\\])(?:{_FOLDER})+")
_WORD = re.compile(r"[^\W_]+")
_ANY_WORD = re.compile(r"[a-z]+|\d{1,4}")
# Numbers of fewer digits tell nothing, and stand in texts for other things.
_SHORTEST_NUMBER = 5


def veiled_words(words: Iterable[str]) -> list[str]:
    """A command line without the folders that it names; files below them are cut by `Veil`."""
    parts = (word.rpartition("=") for word in words)
    return [
        f"{option}{equals}{HIDDEN if value and os.path.isdir(value) else value}"
        for option, equals, value in parts
    ]


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
        self._folders = _any_of({folder for path in paths for folder in _folders_of(path)})
        # By the first word in them, the longest first, with what stands before it.
        self._names: dict[str, list[tuple[str, int, str]]] = {}

    def rename(self, name: str, shown: str) -> None:
        """Give another name in place of one, wherever that stands by itself."""
        word = _WORD.search(name)
        if word is None or (name.isdigit() and len(name) < _SHORTEST_NUMBER):
            return
        known = self._names.setdefault(word.group(), [])
        known.append((name, word.start(), shown))
        known.sort(key=lambda entry: -len(entry[0]))

    def __call__(self, text: str) -> str:
        """The text as it may be kept."""
        text = self._folders.sub(lambda it: "" if it.group()[-1] in "/\\" else HIDDEN, text)
        return self._renamed(_ANY_FOLDERS.sub("", text))

    def _renamed(self, text: str) -> str:
        """Goes by words: a cohort has thousands of names, too many for a pattern of all."""
        parts, done = [], 0
        for word in _WORD.finditer(text):
            for name, before, shown in self._names.get(word.group(), ()):
                start = word.start() - before
                end = start + len(name)
                is_part = text[end : end + 1].isalnum() and name[-1].isalnum()
                if start >= done and text[start:end] == name and not is_part:
                    parts += [text[done:start], shown]
                    done = end
                    break
        return "".join([*parts, text[done:]])


def _folders_of(path: Path) -> Iterator[str]:
    """The folders that a file lies in, or a folder and those above it, in all forms they have."""
    itself = [path] if path.is_dir() else []
    for form in {path, path.absolute(), real_path(path)}:
        for folder in (*itself, *form.parents):
            # What lies at the root is no person's.
            parts = len(folder.parts) - bool(folder.anchor)
            if parts > 1 or (parts and not folder.anchor):
                yield str(folder)
            if parts:
                yield str(folder) + os.sep


def _any_of(folders: Iterable[str]) -> re.Pattern[str]:
    """Any of some folders, with what folders are named below it, no part of a longer path.

    By itself `slides` may be any word, and `2` any number: where a message begins it is the folder.
    """

    def like(folder: str) -> str:
        if folder.endswith(os.sep):
            return f"{re.escape(folder)}(?:{_FOLDER})*"
        begins = r"(?:(?<=: )|\A)" if _ANY_WORD.fullmatch(folder) else ""
        return rf"{begins}{re.escape(folder)}(?![^\W_])"

    longest_first = sorted(folders, key=lambda folder: (-len(folder), folder))
    listed = map(like, longest_first)
    return re.compile(rf"(?<![\w./\\])(?:{'|'.join(listed) or '(?!)'})")
