"""Texts without folders, and without names that stand hashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.privacy import Veil, veiled_words


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/scans/Jane Doe/a.svs: cut short", "a.svs: cut short"),
        ("cannot read '/scans/Jane Doe/more/b.svs'", "cannot read 'b.svs'"),
        ("/scans/Jane Doe holds no slides", "… holds no slides"),
        ("/scans/Jane Doe, line 3", "…, line 3"),
        ("/scans/other/a.svs and /scans/Jane Doe/a.svs", "a.svs and a.svs"),
        # What nobody named beforehand.
        ("/home/Jane/x.csv: no table", "x.csv: no table"),
        (r"C:\Users\Jane\x.csv: no table", "x.csv: no table"),
        ("(/home/Jane/x y/z.csv)", "(z.csv)"),
        # What is no path.
        ("0.25 µm/px, 3/20 and 1 / 2 of 5 mm² at level 0/1", None),
        ("see https://example.org/a/b and and/or", None),
    ],
)
def test_folders_are_taken_out_of_texts(text: str, kept: str | None) -> None:
    assert Veil([Path("/scans/Jane Doe/a.svs")])(text) == (text if kept is None else kept)


def test_relative_paths_are_known_by_what_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Jane/maps").mkdir(parents=True)
    veil = Veil([Path("Jane/a.svs"), Path("Jane/maps")])
    assert veil("Jane/a.svs: cut") == "a.svs: cut"
    assert veil(f"{tmp_path}/Jane/a.svs: cut") == "a.svs: cut"
    assert veil("Jane/maps holds a result; Jane/maps/slides/x.csv, too") == (
        "… holds a result; x.csv, too"
    )
    assert veil("Jane holds no slides") == "… holds no slides"


def test_a_word_that_a_folder_is_named_by_may_be_any_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("slides", "2", "Jane Doe"):
        Path(folder).mkdir()
    veil = Veil([Path("slides"), Path("2"), Path("Jane Doe")])
    assert veil("2 of 3 slides, slides/a.svs not") == "… of 3 slides, a.svs not"
    assert veil("done: 1, 2 of 3 slides") == "done: 1, 2 of 3 slides"
    assert veil("error: slides holds no slides") == "error: … holds no slides"
    assert veil("there is no slide in Jane Doe; look") == "there is no slide in …; look"


def test_folders_of_a_command_line_are_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("slides").mkdir()
    given = ["tile", "slides", "-o", "out", "--annotations=slides", "--mpp=8", "--", "a.svs"]
    assert veiled_words(given) == [
        *("tile", "…", "-o", "out", "--annotations=…", "--mpp=8", "--", "a.svs")
    ]


def test_names_are_replaced_where_they_stand_by_themselves() -> None:
    veil = Veil([Path("/scans/jane.svs")])
    for name, shown in (("jane.svs", "slide-1.svs"), ("jane", "slide-1"), ("7", "slide-2")):
        veil.rename(name, shown)
    assert veil("/scans/jane.svs: cut") == "slide-1.svs: cut"
    assert veil("/x/jane_truth.png, jane-2.xml and 'jane'") == (
        "slide-1_truth.png, slide-1-2.xml and 'slide-1'"
    )
    assert veil("janet, 7 of 17 slides") == "janet, 7 of 17 slides"
