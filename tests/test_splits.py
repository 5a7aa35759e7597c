"""Splits by patient."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from patch_folder import patch_table

from wsi_idc.errors import PatchCollectionError
from wsi_idc.splits import Split, split_by_patient


def test_every_patient_is_on_one_side_and_the_seed_decides() -> None:
    patches = patch_table(20)
    split = split_by_patient(patches, val_fraction=0.2, test_fraction=0.1, seed=1)
    assert (len(split.train), len(split.val), len(split.test)) == (14, 4, 2)
    assert sorted(split.train + split.val + split.test) == sorted(patches["patient"].unique())
    assert split == split_by_patient(patches, val_fraction=0.2, test_fraction=0.1, seed=1)
    assert split != split_by_patient(patches, val_fraction=0.2, test_fraction=0.1, seed=2)
    assert split_by_patient(patches) == split_by_patient(patches, seed=0)


def test_every_side_gets_both_classes() -> None:
    only_negative = pd.DataFrame({"patient": [f"n{i}" for i in range(9)], "label": 0})
    patches = pd.concat([patch_table(3), only_negative])
    split = split_by_patient(patches, seed=3)
    for side in ("train", "val", "test"):
        rows = split.rows(patches, side)
        assert set(rows["label"]) == {0, 1}
        assert list(rows) == ["patient", "label"] and list(rows.index) == list(range(len(rows)))


def test_one_patient_on_two_sides_is_named() -> None:
    with pytest.raises(PatchCollectionError, match="patient b stands in both train and test"):
        Split(train=("a", "b"), val=("c",), test=("b",))


@pytest.mark.parametrize(
    ("patches", "fractions", "message"),
    [
        (
            patch_table(2),
            (0.15, 0.15),
            "2 patient(s) cannot be split into 3 sides; add patients, or leave out the test side "
            "with --test-fraction 0",
        ),
        (patch_table(1), (0.15, 0), "1 patient(s) cannot be split into 2 sides; add patients"),
        (
            patch_table(1, labels=(1,)),
            (0, 0),
            "all 1 patches are of class 1; training needs both classes, 0 and 1",
        ),
        (
            pd.DataFrame({"patient": list("abc"), "label": [0, 0, 1]}),
            (0.15, 0.15),
            "the patients cannot be divided so that training, validation and test all have patches "
            "of both classes; give a split of your own with --split",
        ),
    ],
)
def test_what_cannot_be_split_is_said(
    patches: pd.DataFrame, fractions: tuple[float, float], message: str
) -> None:
    val, test = fractions
    with pytest.raises(PatchCollectionError, match=f"^{re.escape(message)}$"):
        split_by_patient(patches, val_fraction=val, test_fraction=test)


def test_fractions_that_leave_nobody_to_train_on_are_refused() -> None:
    with pytest.raises(PatchCollectionError, match="leave none of 4 patients to train on"):
        split_by_patient(patch_table(4), val_fraction=0.5, test_fraction=0.5)


def test_two_patients_are_enough_without_a_test_side() -> None:
    split = split_by_patient(patch_table(2), test_fraction=0)
    assert (len(split.train), len(split.val), split.test) == (1, 1, ())
