"""Split files, the papers' own among them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from patch_folder import patch_table

from wsi_idc.errors import PatchCollectionError
from wsi_idc.split_file import OFFICIAL_SPLIT, read_split, split_path, write_split
from wsi_idc.splits import Split, split_by_patient


def test_a_folder_of_test_patients_alone_can_be_judged(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient,split\np00,test\n")
    split, _ = read_split(tmp_path / "s.csv", patch_table(1), needed=("test",))
    assert split.test == ("p00",)


def test_a_split_file_survives_the_round_trip(tmp_path: Path) -> None:
    split = split_by_patient(patch_table(10))
    write_split(tmp_path / "split.csv", split)
    assert read_split(tmp_path / "split.csv", patch_table(10)) == (split, ())


def test_patients_without_patches_are_named_not_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient,split,note\np00,train,\np01,val,\n8915,train,gone\n")
    split, missing = read_split(tmp_path / "s.csv", patch_table(2))
    assert split == Split(train=("p00",), val=("p01",))
    assert missing == ("8915",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "patient,split\np00,train\np00,val\np01,val\n",
            "patient p00 stands in both train and val; a patient belongs to one side of the split",
        ),
        (
            "patient,split\np00,train\np01,dev\n",
            ": patient p01 has the split 'dev'; allowed are train, val, test",
        ),
        (
            "patient,split\np00,train\n",
            " does not say where these patients belong: p01; add them",
        ),
        (
            "patient,split\np00,train\np01,test\n",
            " leaves no patients for the side val; name some that have patches",
        ),
        (
            "patient,split\np00\np01,val\n",
            ": patient p00 has the split ''; allowed are train, val, test",
        ),
        (
            "name,split\np00,train\n",
            " lacks a column 'patient' or 'split'; name them in its first line",
        ),
    ],
)
def test_a_bad_split_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "s.csv"
    file.write_text(content)
    with pytest.raises(PatchCollectionError) as refused:
        read_split(file, patch_table(2))
    assert str(refused.value).removeprefix(str(file)) == message


def test_a_side_of_one_class_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("patient,split\np00,train\np01,val\n")
    patches = patch_table(2).drop(index=[3])
    with pytest.raises(PatchCollectionError) as refused:
        read_split(file, patches)
    assert str(refused.value) == (
        f"{file} leaves only one class on the side val; it needs both, 0 and 1"
    )
    assert read_split(file, patches, needed=("train",))[0].val == ("p01",)


def test_of_many_patients_without_a_side_the_first_five_are_named(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("patient,split\np00,train\np01,val\n")
    for patients, named in (
        (7, "p02, p03, p04, p05, p06"),
        (9, "p02, p03, p04, p05, p06 and 2 more"),
    ):
        with pytest.raises(PatchCollectionError) as refused:
            read_split(tmp_path / "s.csv", patch_table(patients))
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
