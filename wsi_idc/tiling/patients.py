"""Whose slide is whose: the CSV that maps slides to patients."""

from __future__ import annotations

import csv
from pathlib import Path

from wsi_idc.errors import SettingsError


def read_patients(path: Path) -> dict[str, str]:
    """Read a CSV with the columns `slide` and `patient`; give patients by the slide's name.

    A slide may be named with or without its folder and ending. Further columns are ignored.

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
                raise SettingsError(f"{path} lacks a column 'slide' or 'patient'")
            for line, row in enumerate(reader, start=2):
                slide, patient = (row["slide"] or "").strip(), (row["patient"] or "").strip()
                if not slide or not patient:
                    raise SettingsError(f"{path}, line {line}: slide or patient is empty")
                name = Path(slide.replace("\\", "/")).stem
                if patient_of.setdefault(name, patient) != patient:
                    raise SettingsError(
                        f"{path}, line {line}: slide {name} belongs to both "
                        f"{patient_of[name]} and {patient}"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} cannot be read as a table of patients: {error}") from error
    return patient_of
