"""Which slides a cohort has, what each is called, and what a table says of them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from wsi_idc.cohort.names import unique_names
from wsi_idc.cohort.slides import parse_shard, read_cohort
from wsi_idc.cohort.table import CohortSlide, read_table
from wsi_idc.errors import SettingsError


@pytest.mark.parametrize(
    ("slides", "names"),
    [
        (["x/a.svs", "x/b.svs"], ["a", "b"]),
        (["x/1.svs", "y/1.svs", "y/2.svs"], ["x_1", "y_1", "2"]),
        (["x/1.svs", "X/1.svs"], ["1.svs", "1.svs"]),
        (["x/s/1.svs", "y/s/1.svs"], ["x_s_1", "y_s_1"]),
        (["x/case.svs", "x/CASE.tif"], ["case.svs", "CASE.tif"]),
        (["x/1.svs", "y/1.svs", "z/x_1.svs"], ["x_1.svs", "y_1.svs", "x_1"]),
    ],
)
def test_slides_of_one_name_are_told_apart(slides: list[str], names: list[str]) -> None:
    if slides[1].startswith("X"):
        slides = ["a/x/1.svs", "b/X/1.svs"]
        names = ["a_x_1", "b_X_1"]
    assert unique_names([Path("/data") / slide for slide in slides]) == names


def test_a_table_says_what_is_known_of_each_slide(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text(
        "slide, patient,slide_mpp,annotations,stain\n"
        "a/1.svs,P1,0.25,drawn/1.geojson,HE\n"
        f'{tmp_path / "b" / "1.svs"},P2,"0.25,0.26",,HE\n'
    )
    monkeypatch.setattr(logging.getLogger("wsi_idc"), "propagate", True)
    with caplog.at_level(logging.INFO, "wsi_idc"):
        first, second = read_cohort([table])
    assert "columns that are not used: stain" in caplog.text
    assert first == CohortSlide(
        tmp_path / "a/1.svs", "a_1", "P1", (0.25, 0.25), tmp_path / "drawn/1.geojson"
    )
    assert second == CohortSlide(tmp_path / "b/1.svs", "b_1", "P2", (0.25, 0.26))
    # Files that belong to a slide go by the name of its results.
    assert first.alias == tmp_path / "a" / "a_1.svs"


def test_a_slide_listed_twice_counts_once(tmp_path: Path) -> None:
    slide = tmp_path / "a.svs"
    slide.touch()
    table = tmp_path / "cohort.csv"
    table.write_text("slide,patient\na.svs,P1\n")
    expected = [CohortSlide(slide, "a", "P1")]
    assert read_cohort([slide, table, tmp_path]) == expected
    assert read_cohort([table, slide]) == expected
    other = tmp_path / "other.csv"
    other.write_text("slide,patient\na.svs,P2\n")
    with pytest.raises(SettingsError, match="listed twice, with different values"):
        read_cohort([table, other])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,patient\na.svs,P\n", "no column 'slide'"),
        ("slide\n", "lists no slides"),
        ("slide,patient\na.svs,P\nb.svs,\n", "line 3: the patient is missing"),
        ("slide,slide_mpp\na.svs,\nb.svs,forty\n", "line 3:.*'forty'"),
        ("slide,patient\n,P\n", "line 2: the column 'slide' is empty; name the slide's file"),
        ("slide,name\na.svs,../b\n", "line 2: name '../b' cannot name a folder"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_by_line(
    tmp_path: Path, text: str, message: str
) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_table(table)


def test_two_slides_cannot_be_given_one_name(tmp_path: Path) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text("slide,name\na.svs,x\nb.svs,X\n")
    with pytest.raises(SettingsError, match="both named 'X'"):
        read_cohort([table])


def test_shares_are_counted_from_one() -> None:
    assert parse_shard("3/20") == (3, 20)
    for wrong in ("0/4", "5/4", "1", "a/b", "1/0"):
        with pytest.raises(SettingsError, match="I-th of N shares"):
            parse_shard(wrong)
