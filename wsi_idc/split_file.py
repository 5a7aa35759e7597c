"""Split files: CSVs that tell of each patient whether it trains, validates or tests."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from wsi_idc.errors import PatchCollectionError, reason
from wsi_idc.files import csv_quoting, whole_file
from wsi_idc.near import did_you_mean, near_file
from wsi_idc.splits import SIDES, Split, split_as_listed

OFFICIAL = "official"
"""Its name where a split file can be given."""

OFFICIAL_SPLIT = Path(__file__).parent / "official_split.csv"
"""The 162 cases of Cruz-Roa et al. 2014 and Janowczyk and Madabhushi 2016: 84, 29 and 49.

Two training cases, 8915 and 9024, were never in the public release of patches, and 119 cases
of the release are in no list.
"""


def split_path(given: str | Path | None) -> Path | None:
    """The split file that is meant; `official` is the papers'."""
    if given is None:
        return None
    return OFFICIAL_SPLIT if str(given) == OFFICIAL else Path(given)


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
    # The public release holds many cases that are in none of the papers' lists.
    return split_as_listed(
        entries, table, needed, named=str(path), lists_all=path != OFFICIAL_SPLIT
    )


def write_split(path: Path, split: Split) -> None:
    """Write a split file that `read_split` reads."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = [(patient, side) for side in SIDES for patient in split.patients(side)]
        quoting = csv_quoting(patient for patient, _ in rows)
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        writer.writerows([("patient", "split"), *rows])
