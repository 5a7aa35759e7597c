"""Tables of a cohort that several processes write."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wsi_idc.cohort import records
from wsi_idc.cohort.locks import locked
from wsi_idc.cohort.records import (
    prepare_output,
    record_done,
    record_failure,
    slide_lock,
    write_tables,
)
from wsi_idc.cohort.task import Failure, SlideDone, SlideTask
from wsi_idc.errors import OutputError
from wsi_idc.slides import SlideSource


def done(output: Path, name: str) -> SlideDone:
    (output / name).mkdir(exist_ok=True)
    return SlideDone(output / name, "said", 10, 1.5, 0.5, 1 / 3, ("pale", "cut"))


def task(name: str) -> SlideTask:
    return SlideTask(SlideSource(Path("/slides") / f"{name}.svs"))


def test_the_tables_tell_of_every_slide(tmp_path: Path) -> None:
    prepare_output(tmp_path)
    record_done(tmp_path, task("b"), done(tmp_path, "b"), 2.345)
    failure = Failure("read", "cut off", "copy it again", "a.svs: cut off; copy it again")
    record_failure(tmp_path, task("a"), failure, 0.1)
    record_done(tmp_path, task("gone"), done(tmp_path, "gone"), 1.0)
    (tmp_path / "gone").rmdir()
    write_tables(tmp_path)
    assert (tmp_path / "cohort.csv").read_text().splitlines() == [
        "slide,name,status,patches,tissue_mm2,tumour_mm2,tumour_fraction,seconds,warnings",
        "a.svs,a,failed,,,,,0.1,",
        "b.svs,b,done,10,1.5,0.5,0.333333,2.35,pale | cut",
    ]
    assert (tmp_path / "failures.csv").read_text().splitlines() == [
        "slide,name,step,error,remedy",
        "a.svs,a,read,cut off,copy it again",
    ]


def test_tables_that_another_process_writes_are_left_to_it_or_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_output(tmp_path)
    record_done(tmp_path, task("a"), done(tmp_path, "a"), 1.0)
    monkeypatch.setattr(records, "_PATIENCE_S", 0.2)
    with locked(slide_lock(tmp_path, "").with_name(".tables")):
        write_tables(tmp_path, at_once=True)
        assert not (tmp_path / "cohort.csv").exists()
        with pytest.raises(OutputError, match=r"is held by process \d+ on"):
            write_tables(tmp_path)
    write_tables(tmp_path, at_once=True)
    assert list(pd.read_csv(tmp_path / "cohort.csv")["name"]) == ["a"]


def test_a_slide_done_before_keeps_its_seconds_and_a_refused_one_its_record(
    tmp_path: Path,
) -> None:
    prepare_output(tmp_path)
    result = done(tmp_path, "a")
    record_done(tmp_path, task("a"), result, 7.0)
    again = SlideDone(result.folder, "said", 10, 1.5, 0.5, 1 / 3, ("pale", "cut"), skipped=True)
    record_done(tmp_path, task("a"), again, 0.1)
    refused = Failure("settings", "other stride", "--overwrite", "a.svs: other stride")
    record_failure(tmp_path, task("a"), refused, 0.1)
    (record,) = records.read_records(tmp_path)
    assert (record.status, record.seconds) == ("done", 7.0)
    record_failure(tmp_path, task("a"), Failure("read", "cut off", "copy", "a: cut off"), 0.1)
    (record,) = records.read_records(tmp_path)
    assert (record.status, record.error) == ("failed", "cut off")
