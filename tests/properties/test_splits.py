"""Splits of any collection: by patient, always, and by nothing but the patients and the seed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wsi_idc.errors import PatchCollectionError
from wsi_idc.split_file import read_split, write_split
from wsi_idc.splits import SIDES, Split, split_by_patient

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
FRACTIONS = st.floats(0, 0.45)


@st.composite
def collections(draw: st.DrawFn) -> pd.DataFrame:
    """Some patches, of both classes, of 4 to 12 patients."""
    patients = draw(st.lists(st.text("ab1_-", min_size=1), min_size=4, max_size=12, unique=True))
    counts = draw(st.lists(st.integers(1, 4), min_size=len(patients), max_size=len(patients)))
    table = pd.DataFrame({"patient": np.repeat(patients, counts)})
    table["label"] = draw(st.lists(st.integers(0, 1), min_size=len(table), max_size=len(table)))
    assume(table["label"].nunique() == 2)
    return table


def split_or_none(table: pd.DataFrame, val: float, test: float, seed: int) -> Split | None:
    try:
        return split_by_patient(table, val_fraction=val, test_fraction=test, seed=seed)
    except PatchCollectionError as error:
        # The only two reasons left: the draws, and fractions of nearly all there is.
        assert "cannot be divided" in str(error) or "to train on" in str(error)
        return None


@given(collections(), FRACTIONS, FRACTIONS, st.integers(0, 2**31))
def test_every_patient_is_on_one_side_and_each_side_has_its_share_and_both_classes(
    table: pd.DataFrame, val: float, test: float, seed: int
) -> None:
    split = split_or_none(table, val, test, seed)
    if split is None:
        return
    everyone = sorted(table["patient"].unique())
    assert sorted(split.train + split.val + split.test) == everyone
    for side, fraction in (("val", val), ("test", test)):
        wanted = max(1, round(fraction * len(everyone))) if fraction else 0
        assert len(split.patients(side)) == wanted
    rows = [split.rows(table, side) for side in SIDES]
    assert sum(map(len, rows)) == len(table)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not set(rows[one]["patient"]) & set(rows[other]["patient"])
    for side in rows:
        assert side.empty or set(side["label"]) == {0, 1}


@given(collections(), FRACTIONS, FRACTIONS, st.integers(0, 2**31), st.randoms())
def test_neither_the_order_nor_the_number_of_patches_decides(
    table: pd.DataFrame, val: float, test: float, seed: int, random: Random
) -> None:
    split = split_or_none(table, val, test, seed)
    order = list(range(len(table)))
    random.shuffle(order)
    assert split_or_none(table.iloc[order], val, test, seed) == split
    assert split_or_none(pd.concat([table, table.iloc[order]]), val, test, seed) == split


@given(st.lists(NAMES, min_size=2, max_size=12, unique_by=str.strip), st.data())
def test_a_split_reads_back_as_it_was_written_whatever_patients_are_called(
    names: list[str], data: st.DataObject
) -> None:
    """Spaces around a name apart, which people put there in tables."""
    patients = sorted(name.strip() for name in names if name.strip())
    assume(len(patients) >= 2)
    cut = data.draw(st.integers(1, len(patients) - 1))
    end = data.draw(st.integers(cut, len(patients)))
    assume(end > cut)
    split = Split(tuple(patients[:cut]), tuple(patients[cut:end]), tuple(patients[end:]))
    table = pd.DataFrame({"patient": np.repeat(patients, 2), "label": [0, 1] * len(patients)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "split.csv")
        write_split(path, split)
        assert read_split(path, table) == (split, ())


@given(st.lists(st.sampled_from("abcdef"), max_size=4), st.lists(st.sampled_from("abcdef")))
def test_a_patient_on_two_sides_is_refused(train: list[str], val: list[str]) -> None:
    both = set(train) & set(val)
    twice = len(set(train)) < len(train) or len(set(val)) < len(val)
    if both or twice:
        with pytest.raises(PatchCollectionError):
            Split(tuple(train), tuple(val))
    else:
        assert Split(tuple(train), tuple(val)).train == tuple(train)
