"""A command line's slides, from files, folders, patterns and tables, each under its own name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from wsi_idc.cohort.inputs import find_slides
from wsi_idc.cohort.names import unique_names
from wsi_idc.cohort.table import CohortSlide, read_table
from wsi_idc.errors import SettingsError
from wsi_idc.tiling.patients import patients_of

TABLE_SUFFIX = ".csv"


def read_cohort(paths: Iterable[Path], *, recursive: bool = False) -> list[CohortSlide]:
    """List the slides that files, folders, patterns and CSV tables stand for, each with a name.

    A slide that is listed twice counts once; what a table says of it holds.

    Raises
    ------
    SettingsError
        See `find_slides` and `read_table`; or if two tables say different things of a slide, or
        give two slides one name.
    """
    slides: dict[Path, CohortSlide] = {}
    for path in paths:
        if path.suffix.lower() == TABLE_SUFFIX and not path.is_dir():
            listed = read_table(path)
        else:
            listed = [CohortSlide(file) for file in find_slides([path], recursive=recursive)]
        for slide in listed:
            place = Path(slide.path).absolute()
            before = slides.get(place)
            if before is None or before == CohortSlide(before.path):
                slides[place] = replace(slide, path=before.path if before else slide.path)
            elif replace(slide, path=before.path) not in (before, CohortSlide(before.path)):
                raise SettingsError(
                    f"{slide.path} is listed twice, with different values; remove one of the lines"
                )
    return _named(list(slides.values()))


def with_patients(slides: list[CohortSlide], table: Path) -> list[CohortSlide]:
    """The slides with the patients that a CSV of slides and patients names.

    Raises
    ------
    SettingsError
        See `patients_of`; or if the slides have patients already.
    """
    if any(slide.patient for slide in slides):
        raise SettingsError("give patients with --patients or in the table of slides, not both")
    patient_of = patients_of((slide.alias for slide in slides), table)
    return [replace(slide, patient=patient_of[slide.alias]) for slide in slides]


def _named(slides: list[CohortSlide]) -> list[CohortSlide]:
    """Give a name to the slides that have none yet, and see that all names differ."""
    names = unique_names([slide.path for slide in slides])
    named = [
        slide if slide.name else replace(slide, name=name)
        for slide, name in zip(slides, names, strict=True)
    ]
    first: dict[str, CohortSlide] = {}
    for slide in named:
        other = first.setdefault(slide.name.casefold(), slide)
        if other is not slide:
            raise SettingsError(
                f"{other.path} and {slide.path} are both named {slide.name!r}, so their results "
                "would lie in one place; give them different values in the column 'name'"
            )
    return named


def parse_shard(text: str) -> tuple[int, int]:
    """Read `3/20`, the third of 20 shares, as (3, 20).

    Raises
    ------
    SettingsError
        If it is no share.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise SettingsError(
            f"--shard must be I/N, the I-th of N shares counted from 1, such as 3/20; not {text!r}"
        )
    return int(match[1]), int(match[2])
