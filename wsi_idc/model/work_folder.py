"""`MODEL/training`: where a running training keeps its state, and how a rerun is told apart."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from wsi_idc.errors import ModelFolderError
from wsi_idc.files import make_folder, write_json
from wsi_idc.model.folder import CARD_FILE
from wsi_idc.model.settings import TrainSettings
from wsi_idc.rerun import differences
from wsi_idc.splits import Split, write_split

WORK_FOLDER = "training"


def prepare_work_folder(
    output: Path,
    settings: TrainSettings,
    split: Split,
    mpp: float,
    *,
    resume: bool,
    overwrite: bool,
) -> Path:
    """Make MODEL/training, or check that an earlier run there is this one."""
    work = output / WORK_FOLDER
    wanted = json.loads(
        json.dumps({"settings": asdict(settings), "mpp": mpp, "split": asdict(split)})
    )
    noted = work / "settings.json"
    if overwrite and not resume:
        (output / CARD_FILE).unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
    if (output / CARD_FILE).exists():
        raise ModelFolderError(
            f"{output} already holds a trained model; choose another folder or add --overwrite"
        )
    if noted.exists():
        if not resume:
            raise ModelFolderError(
                f"{output} holds an unfinished training run; go on with --resume or start over "
                "with --overwrite"
            )
        before = json.loads(noted.read_text(encoding="utf-8"))
        differing = differences(before, wanted)
        if differing:
            raise ModelFolderError(
                f"{output} was begun with other settings ({'; '.join(differing)}); "
                "resume with the same ones, or start over with --overwrite"
            )
    make_folder(work)
    write_split(output / "split.csv", split)
    write_json(noted, wanted)
    return work


def clear_work_folder(output: Path) -> None:
    """Remove the large files that only a running training needs."""
    shutil.rmtree(output / WORK_FOLDER, ignore_errors=True)
