from __future__ import annotations

import json
from pathlib import Path

import pytest

from wsi_idc.errors import OutputError
from wsi_idc.files import whole_file, whole_folder, write_json


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".partial")]


def test_a_file_appears_only_when_its_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with whole_file(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert leftovers(target.parent) == []


def test_a_failed_block_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as temporary:
        temporary.write_text("new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "result"
    for content in ("first", "second"):
        with whole_folder(target) as temporary:
            (temporary / content).touch()
    assert [path.name for path in target.iterdir()] == ["second"]
    assert leftovers(tmp_path) == []


def test_a_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "result"
    with whole_folder(target) as temporary:
        (temporary / "old").touch()
    with pytest.raises(ValueError), whole_folder(target) as temporary:
        (temporary / "new").touch()
        raise ValueError
    assert [path.name for path in target.iterdir()] == ["old"]
    assert leftovers(tmp_path) == []


def test_a_file_where_a_folder_should_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"), whole_file(tmp_path / "file" / "a"):
        pass
    with pytest.raises(OutputError, match="cannot write"), whole_folder(tmp_path / "file" / "a"):
        pass


def test_json_is_readable_and_refuses_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"µm": 0.25})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"µm": 0.25}
    with pytest.raises(ValueError):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()
