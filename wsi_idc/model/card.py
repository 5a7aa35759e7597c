"""The model card: what a model is, what it may be used on, and how good it was found to be.

Stored as `model.json` in the model folder. Its keys are a superset of the WSInfer model
configuration (`spec_version` to `transform`), so that other tools can read the geometry.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from wsi_idc.model.architecture import LARGEST_INPUT, SMALLEST_INPUT

_CLASS_NAME = re.compile(r"\w([\w .+-]{0,58}[\w+-])?")


def check_class_names(names: Sequence[str]) -> None:
    """Refuse names of classes that cannot name files, or not different ones.

    Raises
    ------
    ValueError
        If one is refused.
    """
    for name in names:
        if not _CLASS_NAME.fullmatch(name):
            raise ValueError(
                f"the class name {reprlib.repr(name)} must be of letters, digits, blanks and _.+-, "
                "at most 60"
            )
    if len({name.casefold() for name in names}) != len(names):
        raise ValueError("two classes have one name")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SideMetrics = dict[str, int | float | dict[str, tuple[float, float]]]
"""Metrics of one side's patients, as `MetricsWithIntervals.as_json` gives them."""


class Rounding(_Part):
    """What storing large kernels as float16 changed, on validation patches; new minus old."""

    largest_probability_change: float
    roc_auc_change: float


class Weights(_Part):
    """The weights file that belongs to the card."""

    file: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rounding: Rounding | None = None


class Network(_Part):
    """The numbers from which `architecture.build_model` rebuilds the network."""

    input_size: int = Field(ge=SMALLEST_INPUT, le=LARGEST_INPUT)
    head_filters: int = Field(ge=1, le=4096)
    dropout: float = Field(ge=0, lt=1)
    batch_norm_momentum: float = Field(gt=0, lt=1)


class PackedNetwork(_Part):
    """A network of Keras's own layers that was trained elsewhere; see `wsi_idc.model.packing`.

    Attributes
    ----------
    config : what Keras says of its layers; only those of `keras_config.ALLOWED` are built.
    scale, offset : the network is given `scale * x + offset` of uint8 RGB x.
    output : whether it gives probabilities or what comes before sigmoid or softmax.
    shown_class : the class whose probability is the map.
    probe : its probabilities for the patches of `packing.probe_patches`, when it was packed.
    """

    config: dict[str, Any]
    scale: float
    offset: float
    output: Literal["probability", "logit"]
    shown_class: str
    probe: tuple[tuple[float, ...], ...]


class Calibration(_Part):
    """P = sigmoid(slope * logit + intercept), fitted on validation patients."""

    slope: float = 1.0
    intercept: float = 0.0


class StainRange(_Part):
    """Stain of the training patients' tissue: mean and covariance over patients.

    In the order of `stains`, as optical density.
    """

    stains: tuple[str, str, str]
    mean: tuple[float, float, float]
    covariance: tuple[
        tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]
    ]

    @model_validator(mode="after")
    def _is_a_covariance(self) -> StainRange:
        values = np.array(self.covariance)
        if not np.allclose(values, values.T) or np.linalg.eigvalsh(values).min() < -1e-6:
            raise ValueError("covariance must be symmetric, and positive in all directions")
        return self


class TrainingData(_Part):
    """What the model was trained on: counts and a hash of the patient lists, no names."""

    patients: dict[str, int]
    patches: dict[str, int]
    positive_patches: dict[str, int]
    padded_patches: int
    patient_lists_sha256: str
    stain: StainRange | None = None


class ModelCard(_Part):
    """The content of `model.json`."""

    spec_version: Literal["1.0"] = "1.0"
    architecture: Literal["resnet50v2", "keras"] = "resnet50v2"
    num_classes: int = Field(default=1, ge=1, le=1000)
    patch_size_pixels: int = Field(ge=1, le=LARGEST_INPUT)
    spacing_um_px: float = Field(gt=0, le=100)
    class_names: tuple[str, ...] = ("idc",)
    # What the network does itself to uint8 RGB, for tools that do it outside.
    transform: tuple[dict[str, Any], ...] = (
        {"name": "ToTensor"},
        {"name": "Normalize", "arguments": {"mean": [0.5] * 3, "std": [0.5] * 3}},
    )
    format: Literal["wsi-idc-model"] = "wsi-idc-model"
    format_version: Literal[1] = 1
    name: str
    preprocessing: str = "inside the model: uint8 RGB in, x / 127.5 - 1 as its first layer"
    network: Network | PackedNetwork
    weights: Weights
    calibration: Calibration
    threshold: float = Field(ge=0, le=1)
    training_data: TrainingData
    training_settings: dict[str, Any]
    metrics: dict[str, SideMetrics]
    versions: dict[str, str]

    @model_validator(mode="after")
    def _belongs_together(self) -> ModelCard:
        packed = isinstance(self.network, PackedNetwork)
        if packed != (self.architecture == "keras"):
            raise ValueError("architecture and network do not belong together")
        check_class_names(self.class_names)
        if len(self.class_names) != self.num_classes:
            raise ValueError(f"class_names must name {self.num_classes} classes")
        if not packed and self.num_classes != 1:
            raise ValueError("resnet50v2 has one class")
        if self.shown_class not in self.class_names:
            raise ValueError(f"shown_class {self.shown_class!r} is none of class_names")
        return self

    @property
    def shown_class(self) -> str:
        """The class whose probability is the map."""
        network = self.network
        return network.shown_class if isinstance(network, PackedNetwork) else self.class_names[0]
