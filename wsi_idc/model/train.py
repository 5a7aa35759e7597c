"""`train`: the whole way from a patch folder to a model folder."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from wsi_idc.model.card import ModelCard
from wsi_idc.model.finishing import finish
from wsi_idc.model.folder import CARD_FILE, read_card
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.training import agreed_mpp, fit
from wsi_idc.model.work_folder import clear, prepare, request_of
from wsi_idc.patches import find_patches
from wsi_idc.progress import StepProgress
from wsi_idc.split_file import read_split
from wsi_idc.splits import Split, split_by_patient


def train(
    patches: str | Path,
    output: str | Path,
    settings: TrainSettings | None = None,
    *,
    slides: str | Path | None = None,
    split_file: str | Path | None = None,
    val_fraction: float = 0.15,
    test_fraction: float = 0.15,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: str | Path | None = None,
    progress: StepProgress | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> ModelCard:
    """Train a model on labelled patches and write its folder.

    Parameters
    ----------
    patches : folder in the public layout, `<patient>/<0|1>/…_x<X>_y<Y>_class<C>.png`, or of
        what `tile` wrote in any format.
    output : the model folder to write.
    settings : how to train; None takes the defaults.
    slides : folder of the slides that were tiled without pixels.
    split_file : CSV with the columns `patient` and `split` (train, val, test). Without it
        the patients are divided at random by `val_fraction` and `test_fraction`.
    resume : go on with an interrupted run in `output`; a finished one is left as it is.
    overwrite : replace an earlier run or model in `output`.
    tensorboard : folder for event files with the curves, to be watched with TensorBoard.
    progress : called as ``progress(steps_done, steps_in_all, what)``.
    say : called with a line of news now and then.

    Returns
    -------
    The card of the trained model.

    Raises
    ------
    PatchCollectionError
        If the patches cannot be used or cannot be split by patient.
    SettingsError
        If a setting cannot be used, or the ImageNet weights cannot be had.
    ModelFolderError
        If `output` holds another run or model.
    OutputError
        If `output` cannot be written.
    """
    settings = settings or TrainSettings()
    output = Path(output)
    slides = None if slides is None else Path(slides)

    def split_of(table: pd.DataFrame) -> Split:
        if split_file is None:
            return split_by_patient(
                table,
                val_fraction=val_fraction,
                test_fraction=test_fraction,
                seed=settings.seed,
            )
        split, missing = read_split(Path(split_file), table)
        if missing:
            say(
                f"{len(missing)} patients of {split_file} have no patches here and are left out: "
                + ", ".join(missing[:10])
                + (" …" if len(missing) > 10 else "")
            )
        return split

    if resume and (output / CARD_FILE).exists():
        return _already_done(Path(patches), slides, output, settings, split_of, overwrite)
    run = fit(
        Path(patches),
        output,
        split_of,
        settings,
        slides=slides,
        resume=resume,
        overwrite=overwrite,
        tensorboard=None if tensorboard is None else Path(tensorboard),
        progress=progress,
        say=say,
    )
    say("calibrating and judging the best epoch")
    card = finish(run, output, settings, say)
    # Windows removes no file that is still mapped.
    del run
    gc.collect()
    clear(output)
    return card


def _already_done(
    patches: Path,
    slides: Path | None,
    output: Path,
    settings: TrainSettings,
    split_of: Callable[[pd.DataFrame], Split],
    overwrite: bool,
) -> ModelCard:
    """The card of a run that had finished, once it is clear that it is this one."""
    collection = find_patches(patches, slides)
    mpp = agreed_mpp(patches, collection, settings)
    request = request_of(settings, mpp, split_of(collection.table))
    prepare(output, request, resume=True, overwrite=overwrite)
    clear(output)
    return read_card(output)
