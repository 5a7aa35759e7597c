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

import wsi_idc
from wsi_idc.files import write_json
from wsi_idc.model.card import Calibration, ModelCard, Network, TrainingData, Weights
from wsi_idc.model.data import Side
from wsi_idc.model.folder import WEIGHTS_FILE, write_card, write_weights
from wsi_idc.model.metrics import best_threshold, fit_calibration, measure_by_patient
from wsi_idc.model.plots import plot_confusion, plot_curves, plot_roc
from wsi_idc.model.scorer import LogitGraph, calibrated
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.training import TrainedRun
from wsi_idc.model.work_folder import split_sha256
from wsi_idc.splits import Split

METRICS_FILE = "metrics.json"


def finish(
    run: TrainedRun,
    output: Path,
    settings: TrainSettings,
    say: Callable[[str], None] = lambda message: None,
) -> ModelCard:
    """Calibrate and judge the best model of a run and write its folder; return the card.

    Calibration and threshold come from validation patients only. The test patients, where
    there are any, are scored once, here.
    """
    graph = LogitGraph(run.model, settings.architecture.patch_size)
    logits = {name: graph(side.pixels) for name, side in run.sides.items()}
    val = run.sides["val"]
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
    _draw(run, output, probability, threshold, judged)
    write_json(output / METRICS_FILE, metrics)
    weights = Weights(file=WEIGHTS_FILE, sha256=write_weights(output / WEIGHTS_FILE, run.model))
    architecture = asdict(settings.architecture)
    card = ModelCard(
        name=output.name or output.resolve().name,
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


def _draw(
    run: TrainedRun,
    output: Path,
    probability: dict[str, NDArray[np.float32]],
    threshold: float,
    judged: str,
) -> None:
    plot_curves(output / "curves.png", run.history, run.best_epoch)
    names = {"val": "validation", "test": "test"}
    plot_roc(
        output / "roc.png",
        {
            f"{names[name]} patients": (run.sides[name].label, probability[name])
            for name in dict.fromkeys((judged, "val"))
        },
    )
    plot_confusion(
        output / "confusion.png",
        names[judged],
        run.sides[judged].label,
        probability[judged] >= threshold,
    )


def _describe(sides: dict[str, Side], split: Split) -> TrainingData:
    return TrainingData(
        patients={name: len(split.patients(name)) for name in sides},
        patches={name: len(side.label) for name, side in sides.items()},
        positive_patches={name: int(side.label.sum()) for name, side in sides.items()},
        padded_patches=sum(side.padded for side in sides.values()),
        patient_lists_sha256=split_sha256(split),
    )


def _plain_settings(settings: TrainSettings) -> dict[str, Any]:
    plain = asdict(settings)
    del plain["architecture"], plain["mpp"]  # they stand in the card by other names
    if plain["weights"] not in ("none", "imagenet"):
        plain["weights"] = Path(plain["weights"]).name
    return plain


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"wsi_idc": wsi_idc.__version__, "python": platform.python_version(), **packages}
