"""Splitting a patch collection by patient. Pure; `wsi_idc.split_file` reads and writes splits.

Patches of one patient are near-duplicates in stain and tissue, so a patient belongs to one
side only: training, validation or test. There is no way to split patches at random here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wsi_idc.errors import PatchCollectionError, first_of

SIDES = ("train", "val", "test")

SIDE_NAMES = {"train": "training", "val": "validation", "test": "test"}
"""The sides as a reader is told of them."""

# Some collections cannot be split, and which ones is as hard to tell as to try.
_DRAWS = 200


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


def split_as_listed(
    entries: Sequence[tuple[str, str]],
    table: pd.DataFrame,
    needed: tuple[str, ...],
    *,
    named: str,
    lists_all: bool,
) -> tuple[Split, tuple[str, ...]]:
    """Divide the patients of a collection as a list of patients says.

    Parameters
    ----------
    entries : patients, each with its side.
    table, needed : as for `wsi_idc.split_file.read_split`, and so is what is returned.
    named : the list as errors call it.
    lists_all : whether a patient of the collection that is not in the list is an error; such
        patients are left out otherwise.

    Raises
    ------
    PatchCollectionError
        If a patient stands on two sides, a side is unknown, or a needed side lacks patients or a
        class.
    """
    sides: dict[str, list[str]] = {side: [] for side in SIDES}
    for patient, side in dict.fromkeys(entries):
        if side not in sides:
            raise PatchCollectionError(
                f"{named}: patient {patient} has the split {side!r}; allowed are {', '.join(SIDES)}"
            )
        sides[side].append(patient)
    listed = Split(**{side: tuple(sorted(names)) for side, names in sides.items()})
    present = set(table["patient"])
    unlisted = sorted(present - {patient for patient, _ in entries})
    if unlisted and lists_all:
        raise PatchCollectionError(
            f"{named} does not say where these patients belong: {first_of(unlisted)}; add them"
        )
    missing = tuple(
        patient for side in needed for patient in listed.patients(side) if patient not in present
    )
    split = Split(**{s: tuple(p for p in listed.patients(s) if p in present) for s in SIDES})
    for side in needed:
        if not split.patients(side):
            raise PatchCollectionError(
                f"{named} leaves no patients for the side {side}; name some that have patches"
            )
        if split.rows(table, side)["label"].nunique() < 2:
            raise PatchCollectionError(
                f"{named} leaves only one class on the side {side}; it needs both, 0 and 1"
            )
    return split, missing
