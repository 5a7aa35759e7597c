from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.cohort.inputs import find_slides
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


def test_two_slides_of_one_name_do_not_collide_silently(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.svs").touch()
    with pytest.raises(SettingsError, match="two slides are named 's'"):
        find_slides([tmp_path / "x", tmp_path / "y"])


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


def test_a_fault_of_the_program_is_not_hidden() -> None:
    def step(slide: Path) -> None:
        raise AssertionError

    with pytest.raises(AssertionError):
        run_slides([Path("a")], step, lambda slide, error: None)
