"""The CSV that lists a cohort's slides and what is known of each."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from pathlib import Path

from wsi_idc.errors import SettingsError, reason
from wsi_idc.slides.microns import parse_slide_mpp
from wsi_idc.tiling.layout import check_folder_name

log = logging.getLogger("wsi_idc")

_KNOWN = ("slide", "name", "patient", "slide_mpp", "annotations")
# Columns of the tables that runs write; they say nothing of the slide.
_WRITTEN = (
    *("status", "patches", "tissue_mm2", "tumour_mm2", "tumour_fraction", "seconds"),
    *("warnings", "step", "error", "remedy"),
)


@dataclass(frozen=True)
class CohortSlide:
    """A slide of a cohort, and what is its own.

    Attributes
    ----------
    path : its file.
    name : what its results are called; empty where that is not settled yet.
    patient : whose it is; None where the table does not say.
    slide_mpp : µm per level-0 pixel (x, y), where the table says it.
    annotations : what was drawn on it, where the table says it.
    own_name, own_patient : what `name` and `patient` stand for where they are hashes, else None.
    """

    path: Path
    name: str = ""
    patient: str | None = None
    slide_mpp: tuple[float, float] | None = None
    annotations: Path | None = None
    own_name: str | None = None
    own_patient: str | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether outputs must not tell the slide's own name."""
        return self.own_name is not None

    @property
    def alias(self) -> Path:
        """A path by whose name files that belong to the slide are looked up: that of its results.

        Two slides `a/1.svs` and `b/1.svs` must not both be labelled by `1.geojson`. Names that
        stand hashed are looked up unhashed.
        """
        name = self.own_name or self.name
        if name in ("", self.path.stem):
            return self.path
        return self.path.with_name(f"{name}{self.path.suffix}")

    @property
    def also(self) -> tuple[str, ...]:
        """Other names of files that belong to the slide: what earlier runs wrote has its hash."""
        return (self.name,) if self.is_anonymous else ()

    @property
    def hidden(self) -> dict[str, str]:
        """What outputs must not tell, by what they tell for it."""
        if self.own_name is None:
            return {}
        names = {self.path.name: self.name, self.path.stem: self.name, self.own_name: self.name}
        if self.own_patient is not None and self.patient is not None:
            names[self.own_patient] = self.patient
        return names


def read_table(path: Path) -> list[CohortSlide]:
    """Read a CSV with a column `slide` and, where wanted, those of `CohortSlide`.

    Paths count from the table's folder. Columns of other names are named in the log, lest
    a misspelt one goes unseen. Empty values are as good as none.

    Raises
    ------
    SettingsError
        If the file cannot be read, has no column `slide` or no rows, or a value cannot be used.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            if "slide" not in columns:
                raise SettingsError(
                    f"{path} has no column 'slide'; a table of slides needs it, and may have "
                    f"{', '.join(_KNOWN[1:])}"
                )
            rows = list(enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(
            f"{path} cannot be read as a table of slides ({reason(error)}); give a CSV in UTF-8"
        ) from error
    unused = [name for name in columns if name not in (*_KNOWN, *_WRITTEN)]
    if unused:
        log.info("%s: columns that are not used: %s", path, ", ".join(unused))
    if not rows:
        raise SettingsError(f"{path} lists no slides; write a line for each below the first")
    slides = [_slide(path, line, row) for line, row in rows]
    is_written = {"name", "status"} <= set(columns) or {"name", "remedy"} <= set(columns)
    if is_written and not any(slide.path.exists() for slide in slides):
        raise SettingsError(
            f"{path} is a table that a run wrote, which does not tell the slides' folders; give "
            "the slides, and --only-failed for those that failed"
        )
    unknown = [line for (line, _), slide in zip(rows, slides, strict=True) if not slide.patient]
    if unknown and len(unknown) < len(slides):
        raise SettingsError(
            f"{path}, line {unknown[0]}: the patient is missing, who might be one of the others; "
            "name all patients or none"
        )
    return slides


def _slide(table: Path, line: int, row: dict[str, str]) -> CohortSlide:
    def value(column: str) -> str | None:
        return (row.get(column) or "").strip() or None

    def file(column: str) -> Path | None:
        name = value(column)
        return None if name is None else table.parent / name

    slide = file("slide")
    if slide is None:
        raise SettingsError(
            f"{table}, line {line}: the column 'slide' is empty; name the slide's file"
        )
    name, microns = value("name"), value("slide_mpp")
    try:
        if name:
            check_folder_name(name, "name")
        return CohortSlide(
            slide,
            name or "",
            value("patient"),
            None if microns is None else parse_slide_mpp(microns),
            file("annotations"),
        )
    except SettingsError as error:
        raise SettingsError(f"{table}, line {line}: {error}") from error
