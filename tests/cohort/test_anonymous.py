"""Cohorts under hashed names."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import small_cohorts
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import app
from wsi_idc.cohort.anonymous import anonymised, write_names
from wsi_idc.cohort.slides import read_cohort
from wsi_idc.cohort.table import CohortSlide
from wsi_idc.errors import SettingsError, SlideReadError
from wsi_idc.privacy import Pseudonyms
from wsi_idc.slides import SlideSource

KEY = "a key for tests, not a secret"
NAMES = Pseudonyms(KEY.encode())


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY)
    return file


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for number, name in enumerate(("doe/1.tif", "roe/1.tif", "roe/7.tif")):
        (folder / name).parent.mkdir(exist_ok=True)
        small_cohorts.write_section(folder / name, number, columns=200, rows=200)
    return folder


def wsi_idc(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_slides_of_one_name_are_told_apart_before_they_are_hashed(archive: Path) -> None:
    slides = anonymised(read_cohort([archive], recursive=True), NAMES)
    assert [slide.name for slide in slides] == [NAMES.slide(n) for n in ("doe_1", "roe_1", "7")]
    assert [slide.alias.name for slide in slides] == ["doe_1.tif", "roe_1.tif", "7.tif"]
    assert all(slide.is_anonymous and slide.patient is None for slide in slides)


def test_two_names_of_one_hash_are_refused() -> None:
    class Same(Pseudonyms):
        def slide(self, name: str) -> str:
            return "slide-0"

    with pytest.raises(SettingsError, match="same hash"):
        anonymised([CohortSlide(Path("a"), "a"), CohortSlide(Path("b"), "b")], Same(b""))


def test_masks_and_drawings_are_found_by_either_name(
    archive: Path, tmp_path: Path, key: Path
) -> None:
    """By the slide's own, and by the hash under which an earlier run wrote them."""
    run = ("tile", archive / "roe" / "7.tif", "--anonymise", "--anonymise-key", key)
    first = wsi_idc(*run, "-o", tmp_path / "first", "--format", "coords")
    assert first.exit_code == 0, first.output
    hashed = NAMES.slide("7")
    masks = tmp_path / "first" / "slides" / hashed
    by_hash = wsi_idc(*run, "-o", tmp_path / "second", "--tissue-mask", masks)
    assert by_hash.exit_code == 0, by_hash.output
    mask = (masks / f"{hashed}_mask.png").rename(masks / "7_mask.png")
    (masks / f"{hashed}_tissue.geojson").unlink()
    by_name = wsi_idc(*run, "-o", tmp_path / "second", "--tissue-mask", mask.parent)
    assert "done before" in by_name.output, by_name.output


def test_in_child_processes_names_are_the_same(archive: Path, tmp_path: Path, key: Path) -> None:
    table = tmp_path / "slides.csv"
    table.write_text(f"slide,patient\n{archive}/roe/7.tif,Roe\n{archive}/roe/none.tif,Roe\n")
    run = ("tile", table, "-o", tmp_path / "out", "--anonymise", "--anonymise-key", key)
    ran = wsi_idc(*run, "--workers", 1, "--format", "coords")
    assert ran.exit_code == 3, ran.output
    with (tmp_path / "out" / "cohort.csv").open() as file:
        rows = {row["name"]: row["slide"] for row in csv.DictReader(file)}
    hashed = {NAMES.slide(name) for name in ("7", "none")}
    assert set(rows) == hashed and set(rows.values()) == {f"{name}.tif" for name in hashed}
    assert "roe" not in (tmp_path / "out" / "failures.csv").read_text()

    retried = wsi_idc(*run, "--workers", 0, "--format", "coords", "--only-failed")
    assert retried.exit_code == 1
    assert NAMES.slide("none") in retried.output and NAMES.slide("7") not in retried.output
    whole = wsi_idc(*run[:2], "-o", tmp_path / "other", "--only-failed")
    assert whole.exit_code == 2 and "none of the slides failed" in whole.output


def test_results_by_own_names_beside_hashed_ones_are_said(
    archive: Path, tmp_path: Path, key: Path
) -> None:
    run = ("tile", archive / "roe" / "7.tif", "-o", tmp_path / "out", "--format", "coords")
    assert wsi_idc(*run).exit_code == 0
    ran = wsi_idc(*run, "--anonymise", "--anonymise-key", key)
    assert "holds results of 1 slides by their own names" in ran.output
    again = wsi_idc(*run, "--anonymise", "--anonymise-key", key, "--dry-run")
    assert "7.tif" not in again.output and NAMES.slide("7") in again.output


def test_options_that_need_each_other_are_asked_for(archive: Path, tmp_path: Path) -> None:
    ran = wsi_idc("tile", archive, "-r", "-o", tmp_path, "--anonymise-names", tmp_path / "names")
    assert ran.exit_code == 2
    assert "of use with --anonymise" in ran.output


class TestTableOfNames:
    """Who is who is told outside of the results only."""

    slides = (CohortSlide(Path("/x/a.svs"), "slide-a", "patient-p", None, None, "a", "Doe"),)

    def test_not_among_the_results(self, tmp_path: Path) -> None:
        for file in (tmp_path / "names.csv", tmp_path / "slides" / ".." / "names.csv"):
            with pytest.raises(SettingsError, match="lies in"):
                write_names(file, self.slides, tmp_path)

    def test_rows_of_other_runs_are_kept(self, tmp_path: Path) -> None:
        file, output = tmp_path / "names.csv", tmp_path / "out"
        write_names(file, self.slides, output)
        without = CohortSlide(Path("/y/a.svs"), "slide-a", None, None, None, "a")
        other = CohortSlide(Path("/y/b.svs"), "slide-b", None, None, None, "b")
        write_names(file, [without, other], output)
        assert file.read_text().splitlines() == [
            "slide,name,patient,anonymous_name,anonymous_patient",
            "/y/a.svs,a,Doe,slide-a,patient-p",
            "/y/b.svs,b,,slide-b,",
        ]
        assert file.stat().st_mode & 0o077 == 0
        assert [path.name for path in tmp_path.iterdir()] == ["names.csv"]

    def test_another_file_is_not_overwritten(self, tmp_path: Path) -> None:
        file = tmp_path / "letter.csv"
        for content in (b"dear,sir\n", b"\xff\xfe\0\0"):
            file.write_bytes(content)
            with pytest.raises(SettingsError, match="is no table of names"):
                write_names(file, self.slides, tmp_path / "out")
            assert file.read_bytes() == content


def test_a_source_that_must_not_be_named_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs a name"):
        SlideSource(tmp_path / "a.svs", anonymous=True)
    hashed = SlideSource(tmp_path / "a.SVS").anonymised(NAMES)
    assert hashed.file == f"{NAMES.slide('a')}.svs"
    # An ending that no slide has may be a part of a name.
    assert SlideSource(tmp_path / "jane.doe").anonymised(NAMES).file == NAMES.slide("jane")
    with pytest.raises(SlideReadError):
        (tmp_path / "a.svs").write_text("")
        SlideSource(tmp_path / "a.svs").anonymised(NAMES).open()
