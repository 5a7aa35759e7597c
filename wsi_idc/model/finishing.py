"""From the best epoch to a model folder: calibrate, judge, plot, write the card."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

import wsi_idc
from wsi_idc.files import real_path, write_json
from wsi_idc.model.card import (
    Calibration,
    ModelCard,
    Network,
    Rounding,
    TrainingData,
    Weights,
)
from wsi_idc.model.data import Side
from wsi_idc.model.folder import WEIGHTS_FILE, read_weights, write_card, write_weights
from wsi_idc.model.metrics import best_threshold, fit_calibration, measure_by_patient
from wsi_idc.model.plots import plot_curves, plot_judgement
from wsi_idc.model.scorer import calibrated
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.stain import stain_range
from wsi_idc.model.start import describe_start
from wsi_idc.model.tensorflow_graph import TensorFlowGraph
from wsi_idc.model.training import TrainedRun
from wsi_idc.model.work_folder import split_sha256
from wsi_idc.splits import SIDE_NAMES, Split

METRICS_FILE = "metrics.json"
_EAGER_BATCH = 128


def finish(
    run: TrainedRun,
    output: Path,
    settings: TrainSettings,
    say: Callable[[str], None],
) -> ModelCard:
    """Calibrate and judge the best model of a run and write its folder; return the card.

    Calibration and threshold come from validation patients only. The test patients, where
    there are any, are scored once, here.
    """
    val = run.sides["val"]
    size = settings.architecture.patch_size
    unrounded = _eager_logits(run.model, val.pixels)
    sha256 = write_weights(output / WEIGHTS_FILE, run.model, half=True)
    # From here on the model is the one that is stored.
    read_weights(output / WEIGHTS_FILE, run.model)
    graph = TensorFlowGraph(run.model, size)
    logits = {name: graph(side.pixels) for name, side in run.sides.items()}
    slope, intercept = fit_calibration(val.label, logits["val"])
    if slope <= 0:
        say(
            "warning: the model ranks validation patches no better than chance; its scores are "
            "of no use"
        )
    calibration = Calibration(slope=slope, intercept=intercept)
    probability = {name: calibrated(logit, calibration) for name, logit in logits.items()}
    threshold = best_threshold(val.label, probability["val"])
    metrics = {
        name: measure_by_patient(
            side.label, probability[name], side.patient, threshold, seed=settings.seed
        ).as_json()
        for name, side in run.sides.items()
        # A test side of one class has no ROC; training refuses the others before it starts.
        if len(np.unique(side.label)) == 2
    }
    judged = "test" if "test" in metrics else "val"
    plot_curves(output / "curves.png", run.history, run.best_epoch)
    plot_judgement(
        output,
        {
            f"{SIDE_NAMES[name]} patients": (run.sides[name].label, probability[name])
            for name in dict.fromkeys((judged, "val"))
        },
        threshold,
        uncalibrated=expit(logits[judged]),
    )
    write_json(output / METRICS_FILE, metrics)
    rounding = _rounding(val.label, calibrated(unrounded, calibration), probability["val"])
    weights = Weights(file=WEIGHTS_FILE, sha256=sha256, rounding=rounding)
    architecture = asdict(settings.architecture)
    card = ModelCard(
        name=output.name or real_path(output).name,
        patch_size_pixels=architecture.pop("patch_size"),
        spacing_um_px=run.mpp,
        network=Network(**architecture),
        weights=weights,
        calibration=calibration,
        threshold=threshold,
        training_data=_describe(run.sides, run.split),
        training_settings=_plain_settings(settings) | {"best_epoch": run.best_epoch},
        metrics=metrics,
        versions=_versions(),
    )
    write_card(output, card)
    return card


def _eager_logits(model: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits without a graph: making one takes longer than these few patches."""
    import keras

    to_logit = keras.Model(model.input, model.get_layer("logit").output)
    parts = [
        np.asarray(to_logit(pixels[start : start + _EAGER_BATCH], training=False))[:, 0]
        for start in range(0, len(pixels), _EAGER_BATCH)
    ]
    return np.concatenate(parts)


def _rounding(
    label: NDArray[np.int64], before: NDArray[np.float32], after: NDArray[np.float32]
) -> Rounding:
    """What storing the weights in half precision did to the scores."""
    from sklearn.metrics import roc_auc_score

    change = roc_auc_score(label, after) - roc_auc_score(label, before)
    return Rounding(
        largest_probability_change=round(float(np.abs(after - before).max()), 6),
        roc_auc_change=round(float(change), 6),
    )


def _describe(sides: dict[str, Side], split: Split) -> TrainingData:
    return TrainingData(
        patients={name: len(split.patients(name)) for name in sides},
        patches={name: len(side.label) for name, side in sides.items()},
        positive_patches={name: int(side.label.sum()) for name, side in sides.items()},
        padded_patches=sum(side.padded for side in sides.values()),
        patient_lists_sha256=split_sha256(split),
        stain=stain_range(sides["train"].pixels, sides["train"].patient),
    )


def _plain_settings(settings: TrainSettings) -> dict[str, Any]:
    plain = asdict(settings)
    del plain["architecture"], plain["mpp"]  # they stand in the card by other names
    return plain | {"weights": describe_start(settings.weights)}


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"wsi_idc": wsi_idc.__version__, "python": platform.python_version(), **packages}
