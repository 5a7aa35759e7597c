from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from wsi_idc.errors import PatchCollectionError
from wsi_idc.splits import (
    OFFICIAL_SPLIT,
    Split,
    read_split,
    split_by_patient,
    split_path,
    write_split,
)


def table(patients: int, labels: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    rows = [(f"p{index:02}", label) for index in range(patients) for label in labels]
    return pd.DataFrame(rows, columns=["patient", "label"])


def test_every_patient_is_on_one_side_and_the_seed_decides() -> None:
    patches = table(20)
    split = split_by_patient(patches, val_fraction=0.2, test_fraction=0.1, seed=1)
    assert (len(split.train), len(split.val), len(split.test)) == (14, 4, 2)
    assert sorted(split.train + split.val + split.test) == sorted(patches["patient"].unique())
    assert split == split_by_patient(patches, val_fraction=0.2, test_fraction=0.1, seed=1)
    assert split != split_by_patient(patches, val_fraction=0.2, test_fraction=0.1, seed=2)
    assert split_by_patient(patches) == split_by_patient(patches, seed=0)


def test_every_side_gets_both_classes() -> None:
    only_negative = pd.DataFrame({"patient": [f"n{i}" for i in range(9)], "label": 0})
    patches = pd.concat([table(3), only_negative])
    split = split_by_patient(patches, seed=3)
    for side in ("train", "val", "test"):
        assert set(split.rows(patches, side)["label"]) == {0, 1}


def test_one_patient_on_two_sides_is_named() -> None:
    with pytest.raises(PatchCollectionError, match="patient b stands in both train and test"):
        Split(train=("a", "b"), val=("c",), test=("b",))


@pytest.mark.parametrize(
    ("patches", "fractions", "message"),
    [
        (
            table(2),
            (0.15, 0.15),
            "2 patient(s) cannot be split into 3 sides; add patients, or leave out the test side "
            "with --test-fraction 0",
        ),
        (table(1), (0.15, 0), "1 patient(s) cannot be split into 2 sides; add patients"),
        (
            table(1, labels=(1,)),
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
        split_by_patient(table(4), val_fraction=0.5, test_fraction=0.5)


def test_a_folder_of_test_patients_alone_can_be_judged(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient,split\np00,test\n")
    split, _ = read_split(tmp_path / "s.csv", table(1), needed=("test",))
    assert split.test == ("p00",)


def test_two_patients_are_enough_without_a_test_side() -> None:
    split = split_by_patient(table(2), test_fraction=0)
    assert (len(split.train), len(split.val), split.test) == (1, 1, ())


def test_a_split_file_survives_the_round_trip(tmp_path: Path) -> None:
    split = split_by_patient(table(10))
    write_split(tmp_path / "split.csv", split)
    assert read_split(tmp_path / "split.csv", table(10)) == (split, ())


def test_patients_without_patches_are_named_not_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient,split,note\np00,train,\np01,val,\n8915,train,gone\n")
    split, missing = read_split(tmp_path / "s.csv", table(2))
    assert split == Split(train=("p00",), val=("p01",))
    assert missing == ("8915",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("patient,split\np00,train\np00,val\np01,val\n", "patient p00 stands in both"),
        ("patient,split\np00,train\np01,dev\n", "'dev'; allowed are train, val, test"),
        ("patient,split\np00,train\n", "does not say where these patients belong: p01"),
        ("patient,split\np00,train\np01,test\n", "no patients for the side val"),
        ("patient,split\np00\np01,val\n", "patient p00 has the split ''; allowed"),
        ("name,split\np00,train\n", "lacks a column"),
    ],
)
def test_a_bad_split_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(PatchCollectionError, match=message):
        read_split(tmp_path / "s.csv", table(2))


def test_of_many_patients_without_a_side_the_first_five_are_named(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient,split\np00,train\np01,val\n")
    for patients, named in (
        (7, "p02, p03, p04, p05, p06"),
        (9, "p02, p03, p04, p05, p06 and 2 more"),
    ):
        with pytest.raises(PatchCollectionError) as refused:
            read_split(tmp_path / "s.csv", table(patients))
        assert str(refused.value).endswith(
            f"does not say where these patients belong: {named}; add them"
        )


def test_a_split_is_meant_by_its_file_or_by_the_official_one_s_name() -> None:
    assert split_path(None) is None
    assert split_path("my.csv") == split_path(Path("my.csv")) == Path("my.csv")
    assert split_path(Path("official")) == OFFICIAL_SPLIT


def test_the_official_split_takes_the_listed_patients_and_names_the_missing_ones() -> None:
    listed = pd.read_csv(OFFICIAL_SPLIT, dtype=str)
    assert listed["split"].value_counts().to_dict() == {"train": 84, "test": 49, "val": 29}
    released = listed.loc[~listed["patient"].isin(["8915", "9024"]), "patient"]
    patients = [*released, "00001"]  # the release has many that are in no list
    patches = pd.DataFrame(
        [(patient, label) for patient in patients for label in (0, 1)],
        columns=["patient", "label"],
    )
    path = split_path("official")
    assert path == OFFICIAL_SPLIT
    split, missing = read_split(path, patches)
    assert (len(split.train), len(split.val), len(split.test)) == (82, 29, 49)
    assert missing == ("8915", "9024")
    assert "00001" not in split.train + split.val + split.test
