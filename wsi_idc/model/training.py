"""Training: from labelled patches to the best of its epochs, resumable after each of them.

While it runs, a work folder inside MODEL holds the state; the model folder is whole once its
card, `model.json`, is there, which is written last.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.errors import PatchCollectionError
from wsi_idc.files import write_csv
from wsi_idc.model.architecture import build_model
from wsi_idc.model.checkpoint import load_checkpoint, save_checkpoint
from wsi_idc.model.curves import Curves
from wsi_idc.model.data import Side, load_side
from wsi_idc.model.epochs import EpochRunner, check_loss, compile_model, training_strategy
from wsi_idc.model.folder import read_weights, write_weights
from wsi_idc.model.runtime import dtype_policy, load_tensorflow, training_policy
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.start import starting_model
from wsi_idc.model.work_folder import (
    BEST_WEIGHTS,
    CHECKPOINT,
    begin,
    kept_if_begun,
    prepare,
    request_of,
)
from wsi_idc.patches import PUBLIC_MPP, SAME_MPP, PatchCollection, find_patches
from wsi_idc.progress import StepProgress
from wsi_idc.splits import SIDES, Split

_VALIDATION_BATCH = 128


@dataclass(frozen=True)
class TrainedRun:
    """What the epochs gave: the best model and all that finishing it needs."""

    model: Any
    sides: dict[str, Side]
    split: Split
    mpp: float
    history: pd.DataFrame
    best_epoch: int


@dataclass
class _State:
    """How far the epochs are, as a checkpoint keeps it.

    Attributes
    ----------
    epoch : how many are done.
    best_epoch, best_auc : the one with the best validation ROC AUC, counted from 1, and that.
    history : a row an epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_auc: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)

    def add(self, row: dict[str, float]) -> None:
        """Count in an epoch that is done."""
        self.epoch += 1
        self.history.append({"epoch": self.epoch, **row})
        if row["val_roc_auc"] > self.best_auc:
            self.best_auc, self.best_epoch = row["val_roc_auc"], self.epoch

    @property
    def is_best(self) -> bool:
        """Whether no epoch before was as good as the last one."""
        return self.best_epoch == self.epoch


def fit(
    patches: Path,
    output: Path,
    split_of: Callable[[pd.DataFrame], Split],
    settings: TrainSettings,
    *,
    slides: Path | None,
    resume: bool,
    overwrite: bool,
    tensorboard: Path | None,
    progress: StepProgress | None,
    say: Callable[[str], None],
) -> TrainedRun:
    """Run the epochs and return the model with the best validation ROC AUC.

    Parameters
    ----------
    patches : folder of labelled patches.
    output : the model folder to be.
    split_of : gives the split of the collection's table.
    slides : folder of the slides that were tiled without pixels.
    resume : go on from the last whole epoch of the same run.
    overwrite : replace what an earlier run left in `output`.
    tensorboard : folder to write the curves to for TensorBoard, or None.
    progress, say : told how far it is, and a line an epoch.

    Raises
    ------
    PatchCollectionError, SettingsError, ModelFolderError, OutputError
    """
    collection = find_patches(patches, slides)
    split = split_of(collection.table)
    mpp = agreed_mpp(patches, collection, settings)
    request = request_of(settings, mpp, split)
    curves = Curves(tensorboard)
    tf = load_tensorflow()
    import keras

    keras.utils.set_random_seed(settings.seed)
    strategy = training_strategy()
    with strategy.scope(), dtype_policy(training_policy(settings.precision)):
        # Built first: weights that cannot be had are to be known before anything is touched.
        model = starting_model(settings, split)
    work = prepare(output, request, resume=resume, overwrite=overwrite)
    with kept_if_begun(output):
        sides = _load_sides(collection.table, split, settings, work)
        if padded := sum(side.padded for side in sides.values()):
            say(f"{padded} patches at slide edges were smaller and are padded with background")
        steps = max(1, len(sides["train"].label) // settings.batch_size)
        with strategy.scope():
            compile_model(model, settings, steps)
        runner = EpochRunner(model, sides["train"], settings, steps, strategy)
        # What is validated and kept: of full precision, on one device, as it will score.
        judged = build_model(settings.architecture)
        validate = _validator(judged, sides["val"], tf)
        state = _State()
        checkpoint = work / CHECKPOINT
        if resume and checkpoint.exists():
            state = _State(**load_checkpoint(checkpoint, model, runner.average))
            say(f"resuming after epoch {state.epoch} of {settings.epochs}")
        while state.epoch < settings.epochs:
            if state.epoch - state.best_epoch >= settings.patience:
                say(f"stopping early: no better epoch since epoch {state.best_epoch}")
                break
            began = time.monotonic()
            loss = runner.run(state.epoch, progress)
            runner.average.copy_to(judged)
            judgement = validate()
            # The last steps may have run away, which a mean over the epoch does not tell.
            check_loss(judgement["val_loss"], "validation loss", state.epoch)
            rate = float(model.optimizer.learning_rate)
            row = {"loss": loss, **judgement, "learning_rate": rate}
            state.add(row)
            if state.is_best:
                write_weights(work / BEST_WEIGHTS, judged)
            if state.epoch == 1:
                begin(output, request, split)
            save_checkpoint(checkpoint, model, runner.average, asdict(state))
            write_csv(output / "epochs.csv", pd.DataFrame(state.history), float_format="%.6g")
            curves.add(state.epoch, row)
            minutes = (time.monotonic() - began) / 60
            say(_epoch_line(state, settings.epochs, minutes))
        read_weights(work / BEST_WEIGHTS, judged)
        return TrainedRun(judged, sides, split, mpp, pd.DataFrame(state.history), state.best_epoch)


def _load_sides(
    table: pd.DataFrame, split: Split, settings: TrainSettings, work: Path
) -> dict[str, Side]:
    """The patches of each side that has patients, in files of the work folder."""
    return {
        side: load_side(split.rows(table, side), settings, work / f"{side}.npy")
        for side in SIDES
        if split.patients(side)
    }


def _epoch_line(state: _State, epochs: int, minutes: float) -> str:
    """What is said after an epoch that took so long."""
    row, left = state.history[-1], epochs - state.epoch
    return (
        f"epoch {state.epoch}/{epochs}: loss {row['loss']:.4f}, "
        f"validation ROC AUC {row['val_roc_auc']:.4f}"
        + (" (best so far)" if state.is_best else "")
        + (f"; about {max(1, math.ceil(left * minutes))} min left" if left else "")
    )


def agreed_mpp(patches: Path, collection: PatchCollection, settings: TrainSettings) -> float:
    """µm/px of the patches, where what tile noted and what the user says agree."""
    size = settings.architecture.patch_size
    if collection.patch_size not in (None, size):
        raise PatchCollectionError(
            f"{patches} was tiled with patches of {collection.patch_size} px, not {size}; give "
            f"--patch-size {collection.patch_size}"
        )
    if settings.mpp is None:
        return collection.mpp or PUBLIC_MPP
    if collection.mpp is not None and not math.isclose(
        collection.mpp, settings.mpp, rel_tol=SAME_MPP
    ):
        raise PatchCollectionError(
            f"{patches} was tiled at {collection.mpp:g} µm/px, not {settings.mpp:g}; leave out "
            "--mpp"
        )
    return settings.mpp


def _validator(model: Any, val: Side, tf: Any) -> Callable[[], dict[str, float]]:
    """Make a function that judges `model` as it is at the time on the validation patches."""
    from sklearn.metrics import roc_auc_score

    size = model.input_shape[1]
    forward = tf.function(
        lambda patches: model(patches, training=False)[:, 0],
        input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)],
        jit_compile=False,
    )

    def validate() -> dict[str, float]:
        parts = [
            forward(tf.constant(val.pixels[start : start + _VALIDATION_BATCH])).numpy()
            for start in range(0, len(val.label), _VALIDATION_BATCH)
        ]
        probability = np.concatenate(parts)
        if not np.isfinite(probability).all():
            return {"val_loss": math.nan, "val_roc_auc": math.nan}
        return {
            "val_loss": _cross_entropy(val.label, probability),
            "val_roc_auc": float(roc_auc_score(val.label, probability)),
        }

    return validate


def _cross_entropy(label: NDArray[np.int64], probability: NDArray[np.floating]) -> float:
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(label == 1, np.log(p), np.log(1 - p))))
