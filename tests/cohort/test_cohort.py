from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.cohort.inputs import find_results, find_slides
from wsi_idc.cohort.run import exit_status, run_slides
from wsi_idc.errors import SettingsError, SlideReadError


def test_files_and_folders_are_listed_once_each(tmp_path: Path) -> None:
    for name in ("b.svs", "a.TIF", "notes.txt", ".hidden.svs"):
        (tmp_path / name).touch()
    named = tmp_path / "notes.txt"
    assert find_slides([tmp_path, tmp_path / "b.svs", named]) == [
        tmp_path / "a.TIF",
        tmp_path / "b.svs",
        named,
    ]


def test_a_folder_without_slides_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no slides"):
        find_slides([tmp_path])


def test_folders_below_are_looked_into_only_if_asked(tmp_path: Path) -> None:
    (tmp_path / "case" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    deep, hidden = tmp_path / "case" / "deep" / "a.svs", tmp_path / ".hidden" / "b.svs"
    deep.touch(), hidden.touch()
    (tmp_path / "case" / "round").symlink_to(tmp_path)
    with pytest.raises(SettingsError, match=r"holds no slides.*--recursive"):
        find_slides([tmp_path])
    assert find_slides([tmp_path], recursive=True) == [deep]


def test_patterns_match_as_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    for name in ("x/a.svs", "x/y/b.svs", "x/c[1].svs"):
        (tmp_path / name).touch()
    assert find_slides([tmp_path / "x" / "*.svs"]) == [
        tmp_path / "x" / "a.svs",
        tmp_path / "x" / "c[1].svs",
    ]
    assert tmp_path / "x" / "y" / "b.svs" in find_slides([tmp_path / "**" / "*.svs"])
    assert find_slides([tmp_path / "x" / "c[1].svs"]) == [tmp_path / "x" / "c[1].svs"]
    with pytest.raises(SettingsError, match="nothing matches"):
        find_slides([tmp_path / "*.ndpi"])


def test_pictures_beside_slides_are_no_slides(tmp_path: Path) -> None:
    for name in ("case1.jpg", "case1.svs", "case1_truth.PNG", "overview.jpeg"):
        (tmp_path / name).touch()
    assert find_slides([tmp_path]) == [tmp_path / "case1.svs"]
    assert find_slides([tmp_path, tmp_path / "overview.jpeg"]) == [
        tmp_path / "case1.svs",
        tmp_path / "overview.jpeg",
    ]


def test_pictures_alone_are_slides(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.PNG", "c.jpeg", "notes.txt"):
        (tmp_path / name).touch()
    assert [slide.name for slide in find_slides([tmp_path])] == ["a.jpg", "b.PNG", "c.jpeg"]


def test_a_dicom_series_is_one_slide(shared_data: Path, tmp_path: Path) -> None:
    """Two files of one series, two of another, and two that cannot be opened."""
    for number in (0, 1):
        content = (shared_data / "slides" / f"boxes_{number}.dcm").read_bytes()
        (tmp_path / f"b{number}.dcm").write_bytes(content)
        series = b"1747645553.419656796.1689669825649.4.0"
        assert series in content
        other = content.replace(series, series[:-3] + b"9.0")
        (tmp_path / f"a{number}.dcm").write_bytes(other)
    for name in ("broken1.dcm", "broken2.DCM"):
        (tmp_path / name).write_text("not DICOM")
    (tmp_path / "c.svs").touch()
    assert [slide.name for slide in find_slides([tmp_path])] == [
        "a0.dcm",
        "b0.dcm",
        "broken1.dcm",
        "broken2.DCM",
        "c.svs",
    ]


def test_dicom_files_that_cannot_be_opened_stay_to_tell_their_error(tmp_path: Path) -> None:
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).write_text("not DICOM")
    assert len(find_slides([tmp_path])) == 2


@pytest.mark.parametrize(("bad", "status"), [(set(), 0), ({"b"}, 3), ({"a", "b", "c"}, 4)])
def test_one_bad_slide_costs_itself_only(bad: set[str], status: int) -> None:
    done: list[str] = []
    told: list[str] = []

    def step(slide: Path) -> None:
        if slide.name in bad:
            raise SlideReadError(f"{slide} is broken")
        done.append(slide.name)

    outcomes = run_slides(
        [Path(name) for name in "abc"], step, lambda slide, error: told.append(slide.name)
    )
    assert done == [name for name in "abc" if name not in bad]
    assert told == sorted(bad)
    assert exit_status(outcomes) == status


def test_a_fault_that_one_slide_brings_to_light_costs_it_only() -> None:
    told: list[Exception] = []

    def step(slide: Path) -> None:
        if slide.name == "a":
            raise ZeroDivisionError

    outcomes = run_slides([Path("a"), Path("b")], step, lambda slide, error: told.append(error))
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert [outcome.error for outcome in outcomes] == [told[0], None]
    assert exit_status(outcomes) == 3


def test_an_interruption_ends_the_cohort() -> None:
    def step(slide: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_slides([Path("a"), Path("b")], step, lambda slide, error: None)


def test_results_are_folders_with_a_summary_or_folders_of_them(tmp_path: Path) -> None:
    for name in ("b", "a", ".partial-c"):
        (tmp_path / "maps" / name).mkdir(parents=True)
        (tmp_path / "maps" / name / "summary.json").touch()
    (tmp_path / "maps" / "notes").mkdir()
    a, b = tmp_path / "maps" / "a", tmp_path / "maps" / "b"
    missing = tmp_path / "missing"
    assert find_results([tmp_path / "maps", b, missing]) == [a, b, missing]
    assert find_results([tmp_path]) == [tmp_path]
