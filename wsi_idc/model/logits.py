"""What the runtimes of the network share: checked patches in, batches of one size, logits out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import ModelFolderError, SettingsError

BATCH_SIZE = 64
"""Patches a batch on CPU; 64 to 128 are equally fast there."""


class LogitGraph(ABC):
    """A network with its weights as constants, from uint8 patches to logits.

    Every run has the same batch size, short batches being padded, so that a patch's score does
    not depend on what is scored beside it.

    Attributes
    ----------
    runtime : the name of the library that computes.
    batch_size : the fixed number of patches a run.
    patch_shape : of the patches that it takes, (P, P, 3).
    outputs : how many values it gives a patch, C.
    model : what messages call it.
    """

    runtime: ClassVar[str]

    def __init__(self, patch_size: int, batch_size: int, outputs: int = 1) -> None:
        self.batch_size = batch_size
        self.outputs = outputs
        self.patch_shape = (patch_size, patch_size, 3)
        self.model = "the model"

    @abstractmethod
    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Outputs, float32 [B, C], of one whole batch [B, P, P, 3]."""

    def __call__(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits, float32 [N], of uint8 RGB patches [N, P, P, 3]; errors are those of `all`."""
        return self.all(patches)[:, 0]

    def all(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """All outputs, float32 [N, C], of uint8 RGB patches [N, P, P, 3].

        Raises
        ------
        SettingsError
            If the patches have another shape or dtype.
        ModelFolderError
            If an output is not a finite number.
        """
        if patches.dtype != np.uint8 or patches.shape[1:] != self.patch_shape:
            raise SettingsError(
                f"the model takes uint8 patches [N, {', '.join(map(str, self.patch_shape))}], "
                f"not {patches.dtype} {list(patches.shape)}"
            )
        values = np.empty((len(patches), self.outputs), np.float32)
        for start in range(0, len(patches), self.batch_size):
            batch = patches[start : start + self.batch_size]
            count = len(batch)
            if count < self.batch_size:
                padding = np.zeros((self.batch_size - count, *self.patch_shape), np.uint8)
                batch = np.concatenate([batch, padding])
            values[start : start + count] = self.run(batch)[:count]
        if not np.isfinite(values).all():
            raise ModelFolderError(
                f"{self.model} gives scores that are not finite numbers, so its weights are "
                "damaged; copy the model folder again, or train it again"
            )
        return values
