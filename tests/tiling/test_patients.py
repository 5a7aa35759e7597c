"""The table of patients."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.errors import SettingsError
from wsi_idc.tiling.patients import patients_of, read_patients


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(
        "slide,patient\nTCGA-X.B34C,P1\nTCGA-X.C5,P2\nsome\\where\\b.v2.SVS,P3\nhere/c.tif,P3\n"
    )
    return path


def test_names_keep_their_dots_and_lose_known_endings(table: Path) -> None:
    assert read_patients(table) == {
        "TCGA-X.B34C": "P1",
        "TCGA-X.C5": "P2",
        "b.v2": "P3",
        "c": "P3",
    }


def test_slides_are_looked_up_by_their_files(table: Path) -> None:
    slides = [Path("x/TCGA-X.B34C.svs"), Path("TCGA-X.C5"), Path("b.v2.tiff"), Path("c.odd")]
    assert list(patients_of(slides, table).values()) == ["P1", "P2", "P3", "P3"]


def test_slides_that_the_table_lacks_are_named(table: Path) -> None:
    with pytest.raises(SettingsError, match=r"patients\.csv names no patient for C\.svs, d\.svs;"):
        patients_of([Path("c.svs"), Path("C.svs"), Path("d.svs")], table)
    with pytest.raises(SettingsError, match=r"s4\.svs and 3 more;"):
        patients_of([Path(f"s{number}.svs") for number in range(8)], table)


def test_one_slide_cannot_have_two_patients(table: Path) -> None:
    table.write_text("slide,patient\na.svs,P1\na,P2\n")
    with pytest.raises(SettingsError, match="line 3: slide a belongs to both P1 and P2"):
        read_patients(table)
