"""How to train: the settings of a run, as plain data that is stored with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsi_idc.errors import SettingsError
from wsi_idc.model.architecture import LARGEST_INPUT, Architecture
from wsi_idc.model.augmentation import Augmentation
from wsi_idc.model.runtime import PRECISIONS
from wsi_idc.slides.levels import check_mpp_range


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes
    ----------
    epochs : passes over the training patients' patches.
    batch_size : patches a step.
    learning_rate : the peak; reached linearly after `warmup_epochs`, then down to 0 along a
        half cosine.
    weight_decay : of AdamW, decoupled.
    label_smoothing : share of a label given to the other class; annotations are coarse.
    class_weights : weigh both classes equally in the loss, whatever their counts.
    average_decay : share that one step leaves of a running average of all weights, which is
        what is validated and kept; 0 keeps the weights as they are.
    precision : `float32`, `float16`, `bfloat16` (half precision with full-precision weights), or
        `auto`: float16 on a GPU, bfloat16 on a processor that multiplies it natively.
    patience : stop after this many epochs without a better validation ROC AUC.
    weights : `none`, `imagenet`, the path of a weights file for the base, or a model folder to
        go on from (`shipped`: that of the package).
    mpp : µm/px of the patches; None takes what `wsi-idc tile` noted, else that of the public
        data.
    seed : of weights, order and augmentation.
    """

    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup_epochs: float = 1.0
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    class_weights: bool = True
    average_decay: float = 0.0
    precision: str = "auto"
    patience: int = 8
    weights: str = "imagenet"
    mpp: float | None = None
    seed: int = 0
    architecture: Architecture = field(default_factory=Architecture)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuse values that cannot be trained with."""
        for name, least in (("epochs", 1), ("batch_size", 2), ("patience", 1)):
            if getattr(self, name) < least:
                raise SettingsError(
                    f"{_option(name)} must be at least {least}, not {getattr(self, name)}"
                )
        if not 0 < self.learning_rate < 1:
            raise SettingsError(f"--learning-rate must lie within 0 to 1, not {self.learning_rate}")
        for name, most in (("warmup_epochs", 1000), ("weight_decay", 1), ("label_smoothing", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise SettingsError(
                    f"{_option(name)} must be at least 0 and at most {most}, "
                    f"not {getattr(self, name):g}"
                )
        if not 0 <= self.average_decay < 1:
            raise SettingsError(
                f"--average-decay must be at least 0 and below 1, not {self.average_decay:g}"
            )
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"--precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}"
            )
        if not 0 <= self.seed < 2**31:
            raise SettingsError(f"--seed must lie within 0 to 2147483647, not {self.seed}")
        if self.mpp is not None:
            check_mpp_range(self.mpp)
        for name in ("patch_size", "input_size"):
            if getattr(self.architecture, name) > LARGEST_INPUT:
                raise SettingsError(
                    f"{_option(name)} must be at most {LARGEST_INPUT}, not "
                    f"{getattr(self.architecture, name)}"
                )


def _option(name: str) -> str:
    """What the command line calls a setting."""
    return f"--{name.replace('_', '-')}"
