"""Fonts for the texts of a picture, also for letters that the usual font does not have.

Pictures are lettered in DejaVu, which matplotlib carries: it is there on every machine, and the
same on each. It has no Chinese, Japanese or Korean, which slides are named in all the same. Such
letters are taken from a font of the machine; where it has none they are left out as "…", and
never drawn as boxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font

GAP = "…"

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
REGULAR, BOLD = _FONTS / "DejaVuSans.ttf", _FONTS / "DejaVuSans-Bold.ttf"

# They "have" every letter, as a box or a blank, or have coloured bitmaps of one size.
_NO_LETTERS = ("lastresort", "blank", "emoji", "fallback")


def letter_runs(
    text: str, usual: Path, others: tuple[Path, ...] | None = None
) -> list[tuple[Path, str]]:
    """Cut a line into runs, each with a font that has its letters.

    Parameters
    ----------
    text : one line of printable text.
    usual : the font to use wherever it has the letter.
    others : fonts to take other letters from; None for those of the machine, which are looked
        for only if they are needed.

    Returns
    -------
    Font file and text of each run, in order. Letters that no font has are one `GAP` a run.
    """
    missing = frozenset(text) - _letters(usual)
    if not missing:
        return [(usual, text)]
    other = _best(missing, machine_fonts() if others is None else others)
    found = missing & _letters(other) if other else frozenset()
    runs: list[tuple[Path, str]] = []
    for kind, letters in groupby(text, key=lambda c: "usual" if c not in missing else c in found):
        run = "".join(letters)
        if kind is False:
            runs.append((usual, GAP))
        else:
            runs.append((other if kind is True and other else usual, run))
    return runs


@lru_cache(maxsize=1)
def machine_fonts() -> tuple[Path, ...]:
    """Font files of this machine, in an order that does not change from run to run."""
    from matplotlib.font_manager import findSystemFonts

    files = (Path(file) for file in findSystemFonts())
    kept = (file for file in files if not any(word in file.name.lower() for word in _NO_LETTERS))
    return tuple(sorted(kept, key=lambda file: ("regular" not in file.name.lower(), str(file))))


@lru_cache(maxsize=64)
def _best(missing: frozenset[str], fonts: tuple[Path, ...]) -> Path | None:
    """The first of the fonts that have most of the letters; None if none has any."""
    counts = [(len(missing & _letters(font)), font) for font in fonts]
    most, best = max(counts, key=lambda pair: pair[0], default=(0, None))
    return best if most else None


@lru_cache(maxsize=8)
def _letters(font: Path) -> frozenset[str]:
    """What a font has; nothing where the file is no font that can be used."""
    try:
        codes: Iterable[int] = FT2Font(str(font)).get_charmap()
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    return frozenset(map(chr, codes))
