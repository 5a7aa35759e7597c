"""A cohort under hashed names, and the table that tells whose they are."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from wsi_idc.cohort.locks import waited_for
from wsi_idc.cohort.records import read_records
from wsi_idc.cohort.table import CohortSlide
from wsi_idc.errors import OutputError, SettingsError
from wsi_idc.files import cannot_write, csv_quoting, real_path, whole_file
from wsi_idc.privacy import Pseudonyms, is_pseudonym

NAMES_COLUMNS = ("slide", "name", "patient", "anonymous_name", "anonymous_patient")

# Jobs of one cohort write the same table at the same time.
_PATIENCE_S = 60.0


def anonymised(slides: Iterable[CohortSlide], pseudonyms: Pseudonyms) -> list[CohortSlide]:
    """The slides under hashes of their names, and so their patients.

    Raises
    ------
    SettingsError
        If two names have one hash.
    """
    named = [
        replace(
            slide,
            name=pseudonyms.slide(slide.name),
            patient=None if slide.patient is None else pseudonyms.patient(slide.patient),
            own_name=slide.name,
            own_patient=slide.patient,
        )
        for slide in slides
    ]
    first: dict[str, CohortSlide] = {}
    for slide in named:
        other = first.setdefault(slide.name, slide)
        if other is not slide:
            raise SettingsError(
                f"{other.path} and {slide.path} have the same hash; use another key with "
                "--anonymise-key"
            )
    return named


def hidden_names(slides: Iterable[CohortSlide]) -> dict[str, str]:
    """What outputs of a cohort must not tell, by what they tell for it."""
    return {name: shown for slide in slides for name, shown in slide.hidden.items()}


def other_names_in(output: Path) -> int:
    """How many slides an output folder knows by other names than hashes."""
    return sum(not is_pseudonym(record.name) for record in read_records(output))


def write_names(file: Path, slides: Iterable[CohortSlide], output: Path) -> None:
    """Write which hash stands for which slide and patient, readable by the user alone.

    What the table said of other slides is kept.

    Raises
    ------
    SettingsError
        If it would lie among the results, or the file is there and is no such table.
    OutputError
        If it cannot be written.
    """
    if real_path(file).is_relative_to(real_path(output)):
        raise SettingsError(
            f"{file} lies in {output}: who gets the results would get the names with them; choose "
            "another place with --anonymise-names"
        )
    with waited_for(file.with_name(f".{file.name}.lock"), _PATIENCE_S):
        rows = _read_names(file)
        for slide in slides:
            row = {
                "slide": str(slide.path.absolute()),
                "name": slide.own_name or "",
                "patient": slide.own_patient or "",
                "anonymous_name": slide.name,
                "anonymous_patient": slide.patient or "",
            }
            # Not every command is told the patients.
            rows[slide.name] = rows.get(slide.name, {}) | {k: v for k, v in row.items() if v}
        try:
            with whole_file(file) as aside:
                descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", -1, "utf-8", "backslashreplace", "") as table:
                    quoting = csv_quoting(field for row in rows.values() for field in row.values())
                    writer = csv.DictWriter(
                        table, NAMES_COLUMNS, lineterminator="\n", quoting=quoting
                    )
                    writer.writeheader()
                    writer.writerows(rows.values())
        except OutputError as error:
            raise OutputError(str(error).replace("--output", "--anonymise-names")) from error


def _read_names(file: Path) -> dict[str, dict[str, str]]:
    """The rows of an earlier table by their hashes; none where there is no file."""
    try:
        with file.open(newline="", encoding="utf-8") as table:
            reader = csv.DictReader(table)
            if tuple(reader.fieldnames or ()) == NAMES_COLUMNS:
                return {row["anonymous_name"]: row for row in reader}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutputError(cannot_write(file, error)) from error
    except (UnicodeDecodeError, csv.Error):
        pass
    raise SettingsError(
        f"{file} is there and is no table of names; choose another file with --anonymise-names"
    )
