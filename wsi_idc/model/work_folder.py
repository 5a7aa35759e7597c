"""Where a running training keeps its state, and how a rerun is told apart.

`MODEL/.wsi-idc-training` holds the decoded patches, the checkpoint and the best weights. A run
counts as begun once its first epoch is saved: until then nothing that was in MODEL is touched,
and a start that failed does not stand in the way of the next one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from wsi_idc.errors import (
    ModelFolderError,
    OutputError,
    PatchCollectionError,
    SettingsError,
    reason,
)
from wsi_idc.files import make_folder, read_json, write_json
from wsi_idc.model.folder import CARD_FILE
from wsi_idc.model.settings import TrainSettings
from wsi_idc.rerun import differences
from wsi_idc.split_file import write_split
from wsi_idc.splits import SIDES, Split
from wsi_idc.unfinished import unfinished

WORK_FOLDER = ".wsi-idc-training"
CHECKPOINT, BEST_WEIGHTS = "checkpoint.npz", "best.safetensors"
SETTINGS_FILE, SPLIT_FILE = "settings.json", "split.csv"


def request_of(settings: TrainSettings, mpp: float, split: Split) -> dict[str, Any]:
    """What decides a training run; a rerun compares it."""
    return {
        "mpp": mpp,
        "settings": asdict(settings),
        "patient_lists_sha256": split_sha256(split),
    }


def split_sha256(split: Split) -> str:
    """A hash of who trains, validates and tests: tells splits apart and names no patient."""
    lists = json.dumps({side: split.patients(side) for side in SIDES}, sort_keys=True)
    return hashlib.sha256(lists.encode(errors="surrogateescape")).hexdigest()


def seen_in_training(
    model_folder: str | Path, sides: Collection[str] = ("train", "val")
) -> tuple[str, ...]:
    """Patients that a model was trained or validated on, as its folder's split file says.

    Empty where the folder has no split file, as that of a model from elsewhere.
    """
    path = Path(model_folder) / SPLIT_FILE
    if not path.is_file():
        return ()
    try:
        split = pd.read_csv(path, dtype=str)
        return tuple(split.loc[split["split"].isin(sides), "patient"])
    except (OSError, ValueError, KeyError) as error:
        raise PatchCollectionError(
            f"{path} cannot be read as the model's split file ({reason(error)}); copy the model "
            "folder again"
        ) from error


def prepare(output: Path, request: dict[str, Any], *, resume: bool, overwrite: bool) -> Path:
    """Make the work folder, or check that an earlier run there is this one.

    Raises
    ------
    ModelFolderError
        If `output` holds a model or a run, and it is not said what to do with it, or the run
        to resume was another one.
    SettingsError
        If both `resume` and `overwrite` are asked for.
    """
    if resume and overwrite:
        raise SettingsError("--resume goes on with a run, --overwrite replaces it: give one")
    work = output / WORK_FOLDER
    is_done, is_begun = (output / CARD_FILE).exists(), (work / CHECKPOINT).exists()
    if resume and (is_done or is_begun):
        _refuse_other(output, request)
    elif overwrite:
        _remove(work)
    elif is_done:
        raise ModelFolderError(
            f"{output} already holds a trained model; choose another folder or add --overwrite"
        )
    elif is_begun:
        raise ModelFolderError(
            f"{output} holds an unfinished training run; go on with --resume or start over "
            "with --overwrite"
        )
    return make_folder(work)


def begin(output: Path, request: dict[str, Any], split: Split) -> None:
    """Note what the run is, and drop a card that another one left."""
    (output / CARD_FILE).unlink(missing_ok=True)
    write_json(output / SETTINGS_FILE, request)
    write_split(output / SPLIT_FILE, split)


def clear(output: Path) -> None:
    """Remove the large files that only a running training needs.

    Raises
    ------
    OutputError
        If they cannot be removed; the model is whole all the same.
    """
    _remove(output / WORK_FOLDER)


@contextmanager
def kept_if_begun(output: Path) -> Iterator[None]:
    """Remove the work folder if the block is broken off before the run has saved an epoch."""

    def discard() -> None:
        if not (output / WORK_FOLDER / CHECKPOINT).exists():
            clear(output)

    with unfinished(discard):
        try:
            yield
        except BaseException:
            with suppress(OutputError):  # the next run clears it
                discard()
            raise


def _refuse_other(output: Path, request: dict[str, Any]) -> None:
    noted = output / SETTINGS_FILE
    try:
        before = dict(read_json(noted))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelFolderError(
            f"{noted} cannot be read ({reason(error)}); start over with --overwrite"
        ) from error
    if differing := differences(before, request):
        raise ModelFolderError(
            f"{output} was begun with other settings ({'; '.join(differing)}); "
            "resume with the same ones, or start over with --overwrite"
        )


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be removed ({error.strerror}); it is not needed any more, remove it "
            "by hand"
        ) from error
