"""Packing: a Keras model that was trained elsewhere becomes a model folder.

The folder holds the configuration of its layers, all of them Keras's own, and its weights as
arrays, so that it is loaded as safely as any other. What it was trained on is not known: there is
no calibration, no check of the stain, and nobody can be kept out of its evaluation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import wsi_idc
from wsi_idc.errors import ModelFolderError, SettingsError
from wsi_idc.files import make_folder
from wsi_idc.model.architecture import LARGEST_INPUT
from wsi_idc.model.card import (
    Calibration,
    ModelCard,
    PackedNetwork,
    TrainingData,
    Weights,
    check_class_names,
)
from wsi_idc.model.folder import (
    WEIGHTS_FILE,
    load_keras_model,
    read_card,
    write_card,
    write_weights,
)
from wsi_idc.model.keras_config import check_config
from wsi_idc.model.keras_file import load_keras_file
from wsi_idc.model.scorer import load_model
from wsi_idc.model.tensorflow_graph import PackedGraph
from wsi_idc.near import did_you_mean
from wsi_idc.slides.levels import check_mpp_range

INPUT_RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
"""What a network may want pixels as: the scale and offset that make it of 0 to 255."""

PROBE_TOLERANCE = 1e-4
"""How far probabilities may lie from those at packing; other processors round differently."""

_PROBES = 4


@dataclass(frozen=True)
class PackSettings:
    """What a model does not say of itself.

    Attributes
    ----------
    mpp : microns per pixel of the patches that it was trained on.
    classes : a name for each output, in their order.
    shown_class : the class whose probability is the map; None is the last.
    input_range : one of `INPUT_RANGES`.
    output : `probability`, or `logit` for what comes before sigmoid or softmax.
    threshold : the probability from which on a cell counts as the shown class.
    name : the model's name; None is the file's.
    """

    mpp: float
    classes: tuple[str, ...]
    shown_class: str | None = None
    input_range: str = "0..255"
    output: Literal["probability", "logit"] = "probability"
    threshold: float = 0.5
    name: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the model."""
        if not self.classes:
            raise SettingsError("give each output a name with --classes, as in a,b,c")
        try:
            check_class_names(self.classes)
            check_mpp_range(self.mpp)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        if self.shown_class is not None and self.shown_class not in self.classes:
            raise SettingsError(
                f"--show {self.shown_class} is none of the classes {', '.join(self.classes)}"
                f"{did_you_mean(self.shown_class, self.classes)}"
            )
        if self.input_range not in INPUT_RANGES:
            raise SettingsError(
                f"--input-range must be one of {', '.join(INPUT_RANGES)}, not {self.input_range!r}"
            )
        if self.output not in ("probability", "logit"):
            raise SettingsError(f"the output must be probability or logit, not {self.output!r}")
        if not 0 <= self.threshold <= 1:
            raise SettingsError(f"the threshold must lie within 0 to 1, not {self.threshold}")


def pack_model(file: str | Path, output: str | Path, settings: PackSettings) -> ModelCard:
    """Turn a `.keras` file into a model folder.

    Parameters
    ----------
    file : what `model.save("….keras")` wrote; RGB patches [N, P, P, 3] in, [N, C] out.
    output : the model folder; it must not exist, or be empty.
    settings : what the model does not say of itself.

    Raises
    ------
    ModelFolderError
        If the file is none, or has layers that could hold code.
    SettingsError
        If the model does not take patches, or what it gives does not fit the settings.
    OutputError
        If the folder cannot be written.
    """
    file, output = Path(file), Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SettingsError(f"{output} is there already; choose another place with --output")
    model = load_keras_file(file)
    size = _patch_size(model, file)
    _check_outputs(model, file, settings)
    if len({variable.path for variable in model.weights}) != len(model.weights):
        raise ModelFolderError(f"{file}: two weights have one name; rename the model's layers")
    scale, offset = INPUT_RANGES[settings.input_range]
    network = PackedNetwork(
        config=_config(model, file),
        scale=scale,
        offset=offset,
        output=settings.output,
        shown_class=settings.shown_class or settings.classes[-1],
        probe=(),
    )
    probe = _probabilities(model, network, size, len(settings.classes))
    if ((probe < -PROBE_TOLERANCE) | (probe > 1 + PROBE_TOLERANCE)).any():
        raise SettingsError(
            f"{file} gives values from {probe.min():.3g} to {probe.max():.3g}, which are no "
            "probabilities; say --output-kind logit where sigmoid or softmax is still to come"
        )
    kept = tuple(map(tuple, probe.round(7).tolist()))
    make_folder(output)
    card = ModelCard(
        architecture="keras",
        num_classes=len(settings.classes),
        class_names=settings.classes,
        patch_size_pixels=size,
        spacing_um_px=settings.mpp,
        transform=(
            {"name": "ToTensor"},
            # On ToTensor's 0 to 1, as other tools apply it.
            {
                "name": "Normalize",
                "arguments": {
                    "mean": [-offset / (255 * scale)] * 3,
                    "std": [1 / (255 * scale)] * 3,
                },
            },
        ),
        name=settings.name or file.stem,
        preprocessing=f"before the network: uint8 RGB in, {scale:.9g} * x + {offset:g}",
        network=network.model_copy(update={"probe": kept}),
        weights=Weights(file=WEIGHTS_FILE, sha256=write_weights(output / WEIGHTS_FILE, model)),
        calibration=Calibration(),
        threshold=settings.threshold,
        training_data=TrainingData(
            patients={},
            patches={},
            positive_patches={},
            padded_patches=0,
            patient_lists_sha256=hashlib.sha256(b"").hexdigest(),
        ),
        training_settings={},
        metrics={},
        versions={"wsi-idc": wsi_idc.__version__, "keras": version("keras")},
    )
    write_card(output, card)
    return card


def verify_model(folder: str | Path) -> tuple[ModelCard, str]:
    """Check that a model folder is whole, loads, and scores as it did when it was packed.

    Returns
    -------
    The card, and what was found in words.

    Raises
    ------
    ModelFolderError
        If anything is missing or damaged, or scores are not what they were.
    """
    folder = Path(folder)
    card = read_card(folder)
    if not isinstance(card.network, PackedNetwork):
        scores = load_model(folder).predict(probe_patches(card.patch_size_pixels))
        return card, f"weights are whole; scores {len(scores)} patches of noise"
    before = np.array(card.network.probe, np.float32)
    model = load_keras_model(folder, card)
    now = _probabilities(model, card.network, card.patch_size_pixels, card.num_classes)
    if now.shape != before.shape or not np.allclose(now, before, rtol=0, atol=PROBE_TOLERANCE):
        raise ModelFolderError(
            f"{folder} does not score as it did when it was packed; pack it again from its source"
        )
    largest = np.abs(now - before).max()
    return card, f"weights are whole; scores are those at packing (within {largest:.0e})"


def probe_patches(size: int) -> NDArray[np.uint8]:
    """Patches [4, size, size, 3] of noise, the same everywhere, to try a model on."""
    ramps = np.random.default_rng(0).integers(0, 256, (_PROBES, size, size, 3), np.uint8)
    return ramps // np.array([1, 2, 3, 4], np.uint8)[:, None, None, None]


def _probabilities(
    model: Any, network: PackedNetwork, size: int, classes: int
) -> NDArray[np.float32]:
    """What a packed model makes of the patches to try it on, float32 [4, classes]."""
    return PackedGraph(model, network, size, _PROBES, classes).all(probe_patches(size))


def _config(model: Any, file: Path) -> dict[str, Any]:
    import keras

    config: dict[str, Any] = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    config = json.loads(json.dumps(config))
    check_config(config, file)
    return config


def _patch_size(model: Any, file: Path) -> int:
    inputs = list(model.inputs or [])
    shape: list[Any] = list(inputs[0].shape) if len(inputs) == 1 else []
    if len(shape) != 4 or None in shape[1:] or shape[1] != shape[2] or shape[3] != 3:
        raise SettingsError(
            f"{file} takes {', '.join(str(tuple(given.shape)) for given in inputs) or 'nothing'}; "
            "one input of square RGB patches of a fixed size, (None, P, P, 3), is needed"
        )
    if shape[1] > LARGEST_INPUT:
        raise SettingsError(
            f"{file} takes patches of {shape[1]} px, and at most {LARGEST_INPUT} px can be read; "
            "build the network for smaller ones"
        )
    return int(shape[1])


def _check_outputs(model: Any, file: Path, settings: PackSettings) -> None:
    shapes: list[Any] = [tuple(given.shape) for given in model.outputs]
    if len(shapes) != 1 or shapes[0][1:] != (len(settings.classes),):
        raise SettingsError(
            f"{file} gives {', '.join(map(str, shapes))}, but there are {len(settings.classes)} "
            f"classes ({', '.join(settings.classes)}); (None, number of classes) is needed"
        )
