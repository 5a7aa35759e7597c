"""The model card: what a model is, what it may be used on, and how good it was found to be.

Stored as `model.json` in the model folder. Its keys are a superset of the WSInfer model
configuration (`spec_version` to `transform`), so that other tools can read the geometry.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wsi_idc.model.architecture import LARGEST_INPUT, SMALLEST_INPUT


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rounding(_Part):
    """What storing large kernels as float16 changed, on validation patches; new minus old."""

    largest_probability_change: float
    roc_auc_change: float


class Weights(_Part):
    """The weights file that belongs to the card."""

    file: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rounding: Rounding | None = None


class Network(_Part):
    """The numbers from which `architecture.build_model` rebuilds the network."""

    input_size: int = Field(ge=SMALLEST_INPUT, le=LARGEST_INPUT)
    head_filters: int = Field(ge=1, le=4096)
    dropout: float = Field(ge=0, lt=1)
    batch_norm_momentum: float = Field(gt=0, lt=1)


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
    architecture: Literal["resnet50v2"] = "resnet50v2"
    num_classes: Literal[1] = 1
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
    network: Network
    weights: Weights
    calibration: Calibration
    threshold: float = Field(ge=0, le=1)
    training_data: TrainingData
    training_settings: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
