from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wsi_idc.errors import OutputError
from wsi_idc.files import (
    cannot_write,
    clear_partial,
    whole_file,
    whole_folder,
    write_csv,
    write_json,
)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


_DYING = """
import os, pathlib, sys
from wsi_idc.files import whole_file, whole_folder

def die():
    os._exit(9)

def die_at_rename(number):
    real, done = os.replace, []
    def replace(source, target):
        done.append(target)
        if len(done) == number:
            die()
        real(source, target)
    os.replace = replace

output = pathlib.Path(sys.argv[1])
"""


def run_and_die(output: Path, code: str) -> None:
    """Run code in a process of its own that ends in mid-work, with no clearing up."""
    done = subprocess.run([sys.executable, "-c", _DYING + code, str(output)], check=False)
    assert done.returncode == 9


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


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


def test_a_run_after_a_kill_leaves_the_same_files_as_one_run(tmp_path: Path) -> None:
    def run(output: Path) -> None:
        with whole_file(output / "a.txt") as temporary:
            temporary.write_text("whole")
        with whole_folder(output / "result") as folder:
            (folder / "values").write_text("whole")

    output = tmp_path / "killed"
    run_and_die(
        output, "with whole_file(output / 'a.txt') as part:\n part.write_text('half'); die()"
    )
    run_and_die(
        output, "with whole_folder(output / 'result') as part:\n (part / 'odd').touch(); die()"
    )
    assert len(leftovers(output)) == 2
    run(output)
    run(tmp_path / "fresh")
    assert tree(output) == tree(tmp_path / "fresh")


@pytest.mark.parametrize("rename", [1, 2])
def test_a_kill_while_a_folder_is_replaced_loses_nothing(tmp_path: Path, rename: int) -> None:
    target = tmp_path / "result"
    with whole_folder(target) as temporary:
        (temporary / "old").touch()
    run_and_die(
        tmp_path,
        f"die_at_rename({rename})\n"
        "with whole_folder(output / 'result') as part:\n (part / 'killed').touch()",
    )
    assert target.exists() == (rename == 1)

    with pytest.raises(ValueError), whole_folder(target):
        raise ValueError
    assert tree(tmp_path) == {"result": "folder", "result/old": ""}
    with whole_folder(target) as temporary:
        (temporary / "new").touch()
    assert tree(tmp_path) == {"result": "folder", "result/new": ""}


def test_an_old_folder_moves_back_where_the_new_one_cannot_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "result"
    with whole_folder(target) as temporary:
        (temporary / "old").touch()
    real = os.replace

    def replace(source: Path, place: Path) -> None:
        if Path(source).name.startswith(".partial"):
            raise PermissionError(13, "Permission denied", str(source))
        real(source, place)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OutputError, match="Permission denied"), whole_folder(target) as temporary:
        (temporary / "new").touch()
    assert tree(tmp_path) == {"result": "folder", "result/old": ""}


def test_what_a_dead_process_left_is_cleared(tmp_path: Path) -> None:
    for name in (".partial-s1", ".partial-s10", ".replaced-s2", ".replaced-s3", "s3", "[s]"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / ".partial-[s]").touch()
    clear_partial(tmp_path, "[s]")
    clear_partial(tmp_path, "s1")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".partial-s10", ".replaced-s2", ".replaced-s3", "s3", "[s]"}
    clear_partial(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"s2", "s3", "[s]"}
    assert (tmp_path / "s2" / "file").exists()


def test_what_is_unfinished_is_undone_before_a_process_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the old folder was just moved out of the way."""
    from wsi_idc import unfinished

    monkeypatch.setattr(unfinished, "_is_ending", threading.Event())  # this process goes on
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "whole").touch()
    with whole_file(tmp_path / "done") as done:
        done.touch()
    with pytest.raises(OutputError), whole_folder(tmp_path / "old") as folder:
        (folder / "half").touch()
        with whole_file(tmp_path / "file") as file:
            file.touch()
            os.replace(tmp_path / "old", tmp_path / ".replaced-old")
            unfinished.clear_unfinished()
            assert tree(tmp_path) == {"done": "", "old": "folder", "old/whole": ""}


NUMBERS = [0.1, 1e-7, 1e16, 123456789012345.0, -0.0, np.nan, np.inf, 2 / 3, 50.0]


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": range(9), "y": NUMBERS, "label": np.full(9, -1, np.int8)}),
        pd.DataFrame({"share": np.array(NUMBERS, np.float32), "y": NUMBERS[::-1]}),
        pd.DataFrame({"x": range(9), "file": [f"p/0/ä_x{x}.png" for x in range(9)]}),
        pd.DataFrame({"x": range(3), "file": ["plain", 'quo"ted', "com,ma"]}),
        pd.DataFrame({"x": range(3), "file": ["", None, "two\nlines"]}),
        pd.DataFrame({"only": [np.nan, 1.0]}),
        pd.DataFrame({"a,b": [True, False], "c": [1, 2]}),
        pd.DataFrame({"x": [], "y": []}),
    ],
    ids=["numbers", "float32", "names", "quoted", "missing", "one column", "heading", "empty"],
)
def test_a_table_is_written_as_pandas_writes_it(table: pd.DataFrame, tmp_path: Path) -> None:
    expected = table.to_csv(index=False, lineterminator="\n").encode()
    for given in (table, [table[:4], table[4:]]):
        write_csv(tmp_path / "table.csv", given)
        assert (tmp_path / "table.csv").read_bytes() == expected


@pytest.mark.parametrize("name", ["a\rb", "\r", "a\r\nb", 'a"\r', "a\nb", "a,b"])
def test_a_name_of_any_characters_reads_back(name: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"name": [name, "c"], "x": [0.1, np.nan], "n": [1, 2]})
    write_csv(tmp_path / "table.csv", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "table.csv"), table)
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [name, "c"]


def test_floats_of_a_table_may_be_shortened(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1, 2], "y": [1 / 3, 2.0]})
    write_csv(tmp_path / "table.csv", table, float_format="%.3f")
    assert (tmp_path / "table.csv").read_text() == "x,y\n1,0.333\n2,2.000\n"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room, or choose another place with --output"),
        (errno.EACCES, "choose another place with --output"),
    ],
)
def test_a_path_that_cannot_be_written_says_what_to_do(number: int, remedy: str) -> None:
    told = cannot_write(Path("out"), OSError(number, os.strerror(number)))
    assert told == f"cannot write out: {os.strerror(number)}; {remedy}"
