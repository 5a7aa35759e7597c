"""The names that were meant, where one was given that is none."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

_MOST_LISTED = 10_000


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """End a message about an unknown name: with the known one nearest to it, if one is near.

    Examples
    --------
    >>> did_you_mean("otsuu", ["hed", "otsu"])
    "; did you mean 'otsu'?"
    >>> did_you_mean("kidney", ["hed", "otsu"])
    ''
    """
    # Case is what people get wrong most, and what the measure would count as other letters.
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(given.casefold(), names, n=1)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def near_file(path: Path) -> str:
    """As `did_you_mean`, for a path at which there is nothing."""
    try:
        with os.scandir(path.parent) as entries:
            names = {entry.name for entry in islice(entries, _MOST_LISTED)}
    except OSError:
        return ""
    return did_you_mean(path.name, names - {path.name})  # a link that leads nowhere is no help


def nearest_of(given: str, known: Iterable[str]) -> str:
    """As `did_you_mean`, but with all known names where none is near.

    Examples
    --------
    >>> nearest_of("kidney", ["otsu", "hed"])
    '; there are hed, otsu'
    """
    names = sorted(known)
    return did_you_mean(given, names) or f"; there are {', '.join(names)}"
