"""Scores on disk: what comes back is what went in."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wsi_idc.errors import OutputError, ResultFolderError, SettingsError
from wsi_idc.heatmap.export.scores import read_scores_csv, write_scores_csv, write_scores_parquet
from wsi_idc.heatmap.export.settings import ExportSettings


def scores() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "minx": [0.0, 1582.9046, 99999.9996],
            "miny": [-3.5, 800.0, 63999.125],
            "width": [1582.9046] * 3,
            "height": [1600.0] * 3,
            "prob_idc": np.array([0.1, 1.0, 1e-7], dtype=np.float32),
        }
    )


def test_scores_are_written_as_wsinfer_writes_them(tmp_path: Path):
    write_scores_csv(tmp_path / "scores.csv", scores().assign(tissue=0.5))
    assert (tmp_path / "scores.csv").read_bytes() == (
        b"minx,miny,width,height,prob_idc\n"
        b"0,-3.5,1582.905,1600,0.1\n"
        b"1582.905,800,1582.905,1600,1.0\n"
        b"100000,63999.125,1582.905,1600,0.0000001\n"
    )


def test_scores_come_back_with_every_bit_of_the_probability(tmp_path: Path):
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "minx": rng.random(2000) * 1e5,
            "miny": rng.random(2000) * 1e5,
            "width": 791.452,
            "height": 791.452,
            "prob_normal": rng.random(2000, dtype=np.float32),
            "prob_idc": rng.random(2000, dtype=np.float32) ** 8,
        }
    )
    write_scores_csv(tmp_path / "scores.csv", table)
    back = read_scores_csv(tmp_path / "scores.csv")
    assert list(back.columns) == list(table.columns)
    assert (back["prob_idc"].dtype, back["minx"].dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(back["prob_idc"], table["prob_idc"])
    np.testing.assert_array_equal(back["prob_normal"], table["prob_normal"])
    np.testing.assert_allclose(back["minx"], table["minx"], rtol=0, atol=0.000501)
    write_scores_csv(tmp_path / "again.csv", back)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "scores.csv").read_bytes()


def test_a_table_without_rows_comes_back(tmp_path: Path):
    write_scores_csv(tmp_path / "scores.csv", scores().iloc[:0])
    assert len(read_scores_csv(tmp_path / "scores.csv")) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prob_idc": [0.1, 1.5, 0.2]}, "outside 0 to 1"),
        ({"prob_idc": [0.1, np.nan, 0.2]}, "empty"),
        ({"minx": [0.0, np.inf, 0.2]}, "infinite"),
        ({"width": ["a", "b", "c"]}, "no number"),
    ],
)
def test_scores_that_are_none_are_refused(tmp_path: Path, change, says):
    with pytest.raises(SettingsError, match=says):
        write_scores_csv(tmp_path / "scores.csv", scores().assign(**change))
    assert list(tmp_path.iterdir()) == []
    scores().assign(**change).to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(ResultFolderError, match=says):
        read_scores_csv(tmp_path / "scores.csv")


@pytest.mark.parametrize("column", ["minx", "height", "prob_idc"])
def test_a_missing_column_is_named(tmp_path: Path, column):
    scores().drop(columns=column).to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(ResultFolderError, match=f"{column}.*missing"):
        read_scores_csv(tmp_path / "scores.csv")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x81", b'a,b\n"1,2\n3'])
def test_files_that_are_no_table_are_refused(tmp_path: Path, content):
    (tmp_path / "scores.csv").write_bytes(content)
    with pytest.raises(ResultFolderError, match=r"scores\.csv"):
        read_scores_csv(tmp_path / "scores.csv")


def test_a_missing_file_and_a_place_that_cannot_be_written_are_named(tmp_path: Path):
    with pytest.raises(ResultFolderError, match=r"none\.csv"):
        read_scores_csv(tmp_path / "none.csv")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        write_scores_csv(tmp_path / "file" / "scores.csv", scores())


def test_parquet_holds_the_same_table(tmp_path: Path):
    write_scores_csv(tmp_path / "scores.csv", scores())
    table = read_scores_csv(tmp_path / "scores.csv")
    write_scores_parquet(tmp_path / "scores.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "scores.parquet"), table)
    write_scores_parquet(tmp_path / "again.parquet", table)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "scores.parquet").read_bytes()


def test_parquet_without_its_library_is_refused_beforehand(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=r"wsi-idc\[parquet\]"):
        ExportSettings(parquet=True)
