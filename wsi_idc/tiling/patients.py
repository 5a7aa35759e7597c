"""Whose slide is whose: the CSV that maps slides to patients."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from wsi_idc.errors import SettingsError, first_of, reason
from wsi_idc.slides.suffixes import without_slide_suffix


def read_patients(path: Path) -> dict[str, str]:
    """Read a CSV with the columns `slide` and `patient`; give patients by the slide's name.

    A slide may be named with or without its folder and, if it is a known one, its ending.
    Further columns are ignored.

    Raises
    ------
    SettingsError
        If the file cannot be read, lacks a column or a value, or gives a slide two patients.
    """
    patient_of: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"slide", "patient"} <= set(reader.fieldnames or ()):
                raise SettingsError(
                    f"{path} lacks a column 'slide' or 'patient'; name them in its first line"
                )
            for line, row in enumerate(reader, start=2):
                slide, patient = (row["slide"] or "").strip(), (row["patient"] or "").strip()
                if not slide or not patient:
                    raise SettingsError(
                        f"{path}, line {line}: slide or patient is empty; fill it in"
                    )
                name = without_slide_suffix(Path(slide.replace("\\", "/")).name)
                if patient_of.setdefault(name, patient) != patient:
                    raise SettingsError(
                        f"{path}, line {line}: slide {name} belongs to both "
                        f"{patient_of[name]} and {patient}; keep one of the lines"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(
            f"{path} cannot be read as a table of patients ({reason(error)}); give a CSV in UTF-8"
        ) from error
    return patient_of


def patients_of(slides: Iterable[Path], table: Path) -> dict[Path, str]:
    """Look up the patient of each slide file in a CSV that `read_patients` reads.

    Raises
    ------
    SettingsError
        As `read_patients`; and if a slide is not in the table. To take such a slide for a
        patient of its own could put one patient's slides on both sides of a split.
    """
    known = read_patients(table)
    found: dict[Path, str] = {}
    missing = []
    for slide in slides:
        # A file that was named may end in a way that no other slide does.
        for name in (without_slide_suffix(slide.name), slide.stem):
            if name in known:
                found[slide] = known[name]
                break
        else:
            missing.append(slide.name)
    if missing:
        raise SettingsError(
            f"{table} names no patient for {first_of(missing)}; add a line with the slide's name "
            "to it, or leave the slide out"
        )
    return found
