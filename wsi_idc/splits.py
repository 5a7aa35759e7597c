"""Splitting a patch collection by patient.

Patches of one patient are near-duplicates in stain and tissue, so a patient belongs to one
side only: training, validation or test. There is no way to split patches at random here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from wsi_idc.errors import PatchCollectionError, reason
from wsi_idc.files import csv_quoting, whole_file
from wsi_idc.near import did_you_mean, near_file

SIDES = ("train", "val", "test")

SIDE_NAMES = {"train": "training", "val": "validation", "test": "test"}
"""The sides as a reader is told of them."""

OFFICIAL = "official"
"""Its name where a split file can be given."""

OFFICIAL_SPLIT = Path(__file__).parent / "official_split.csv"
"""The 162 cases of Cruz-Roa et al. 2014 and Janowczyk and Madabhushi 2016: 84, 29 and 49.

Two training cases, 8915 and 9024, were never in the public release of patches, and 119 cases
of the release are in no list.
"""

# Some collections cannot be split, and which ones is as hard to tell as to try.
_DRAWS = 200


def split_path(given: str | Path | None) -> Path | None:
    """The split file that is meant; `official` is the papers'."""
    if given is None:
        return None
    return OFFICIAL_SPLIT if str(given) == OFFICIAL else Path(given)


@dataclass(frozen=True)
class Split:
    """Which patients train, validate and test; sorted, and disjoint by construction."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a patient that stands on two sides."""
        seen: dict[str, str] = {}
        for side in SIDES:
            for patient in self.patients(side):
                if patient in seen:
                    raise PatchCollectionError(
                        f"patient {patient} stands in both {seen[patient]} and {side}; "
                        "a patient belongs to one side of the split"
                    )
                seen[patient] = side

    def patients(self, side: str) -> tuple[str, ...]:
        """The patients of one side: `train`, `val` or `test`."""
        patients: tuple[str, ...] = getattr(self, side)
        return patients

    def rows(self, table: pd.DataFrame, side: str) -> pd.DataFrame:
        """The rows of a collection's table that belong to one side."""
        return table[table["patient"].isin(self.patients(side))].reset_index(drop=True)


def split_by_patient(
    table: pd.DataFrame,
    *,
    val_fraction: float = 0.15,
    test_fraction: float = 0.15,
    seed: int = 0,
) -> Split:
    """Divide the patients of a collection at random, reproducibly.

    Each side gets its share of the patients, at least one if its fraction is not 0, and both
    classes, drawn again up to 200 times until it has.

    Raises
    ------
    PatchCollectionError
        If there are too few patients, or only one class, or no draw gave each side both.
    """
    patients = sorted(table["patient"].unique())
    wanted = [fraction for fraction in (val_fraction, test_fraction) if fraction > 0]
    if len(patients) < 1 + len(wanted):
        raise PatchCollectionError(
            f"{len(patients)} patient(s) cannot be split into {1 + len(wanted)} sides; "
            "add patients"
            + (", or leave out the test side with --test-fraction 0" if test_fraction else "")
        )
    if table["label"].nunique() < 2:
        raise PatchCollectionError(
            f"all {len(table)} patches are of class {table['label'].iloc[0]}; "
            "training needs both classes, 0 and 1"
        )
    n_val = max(1, round(val_fraction * len(patients))) if val_fraction else 0
    n_test = max(1, round(test_fraction * len(patients))) if test_fraction else 0
    if n_val + n_test >= len(patients):
        raise PatchCollectionError(
            f"fractions of {val_fraction:g} and {test_fraction:g} leave none of "
            f"{len(patients)} patients to train on; lower --val-fraction or --test-fraction"
        )
    rng = np.random.default_rng(seed)
    of_class = [set(table.loc[table["label"] == label, "patient"]) for label in (0, 1)]
    for _ in range(_DRAWS):
        order = [patients[i] for i in rng.permutation(len(patients))]
        split = Split(
            train=tuple(sorted(order[n_val + n_test :])),
            val=tuple(sorted(order[:n_val])),
            test=tuple(sorted(order[n_val : n_val + n_test])),
        )
        sides = [split.patients(side) for side in SIDES if split.patients(side)]
        if not any(patients.isdisjoint(side) for side in sides for patients in of_class):
            return split
    raise PatchCollectionError(
        "the patients cannot be divided so that training, validation and test all have "
        "patches of both classes; give a split of your own with --split"
    )


def read_split(
    path: Path, table: pd.DataFrame, needed: tuple[str, ...] = ("train", "val")
) -> tuple[Split, tuple[str, ...]]:
    """Read a split file, a CSV with the columns `patient` and `split` (train, val, test).

    Further columns are ignored.

    Parameters
    ----------
    path : the file.
    table : of the collection that is split.
    needed : the sides that must not be empty and need both classes.

    Returns
    -------
    split : only patients that the collection has.
    missing : patients of the needed sides that the collection lacks.

    Raises
    ------
    PatchCollectionError
        If a patient stands on two sides, a side is unknown, a patient of the collection is
        in none (with `OFFICIAL_SPLIT` it is left out), or a needed side lacks patients or a
        class.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"patient", "split"} <= set(reader.fieldnames or ()):
                raise PatchCollectionError(
                    f"{path} lacks a column 'patient' or 'split'; name them in its first line"
                )
            entries = [
                ((row["patient"] or "").strip(), (row["split"] or "").strip()) for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PatchCollectionError(
            f"{path} cannot be read as a split file ({reason(error)}); give a CSV with the columns "
            "patient and split"
            f"{'' if path.exists() else did_you_mean(str(path), (OFFICIAL,)) or near_file(path)}"
        ) from error
    sides: dict[str, list[str]] = {side: [] for side in SIDES}
    for patient, side in dict.fromkeys(entries):
        if side not in sides:
            raise PatchCollectionError(
                f"{path}: patient {patient} has the split {side!r}; allowed are {', '.join(SIDES)}"
            )
        sides[side].append(patient)
    listed = Split(**{side: tuple(sorted(names)) for side, names in sides.items()})
    present = set(table["patient"])
    unlisted = sorted(present - {patient for patient, _ in entries})
    # The public release holds many cases that are in none of the papers' lists.
    if unlisted and path != OFFICIAL_SPLIT:
        raise PatchCollectionError(
            f"{path} does not say where these patients belong: {_shorten(unlisted)}; add them"
        )
    missing = tuple(
        patient for side in needed for patient in listed.patients(side) if patient not in present
    )
    split = Split(**{s: tuple(p for p in listed.patients(s) if p in present) for s in SIDES})
    for side in needed:
        if not split.patients(side):
            raise PatchCollectionError(
                f"{path} leaves no patients for the side {side}; name some that have patches"
            )
        if split.rows(table, side)["label"].nunique() < 2:
            raise PatchCollectionError(
                f"{path} leaves only one class on the side {side}; it needs both, 0 and 1"
            )
    return split, missing


def write_split(path: Path, split: Split) -> None:
    """Write a split file that `read_split` reads."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = [(patient, side) for side in SIDES for patient in split.patients(side)]
        quoting = csv_quoting(patient for patient, _ in rows)
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        writer.writerows([("patient", "split"), *rows])


def _shorten(names: list[str], most: int = 5) -> str:
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
