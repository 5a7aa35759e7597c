"""Scoring patches: a frozen graph fed with batches of one fixed size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from wsi_idc.errors import ModelFolderError, SettingsError
from wsi_idc.model.card import Calibration, ModelCard
from wsi_idc.model.folder import load_keras_model, model_folder
from wsi_idc.model.runtime import load_tensorflow

BATCH_SIZE = 64
"""Patches a batch on CPU; 64 to 128 are equally fast there."""

GPU_BATCH_SIZE = 512
"""Patches a batch on GPU, which smaller ones leave idle between two."""


class LogitGraph:
    """A Keras model folded into a constant graph, from uint8 patches to logits.

    Freezing the variables lets TensorFlow fold batch normalisation into convolutions, which
    makes it faster than calling the model. Every run has the same batch size, short batches
    being padded, so that a patch's score does not depend on what is scored beside it.
    """

    def __init__(self, model: Any, patch_size: int, batch_size: int = BATCH_SIZE) -> None:
        tf = load_tensorflow()
        import keras
        from tensorflow.python.framework.convert_to_constants import (
            convert_variables_to_constants_v2,
        )

        to_logit = keras.Model(model.input, model.get_layer("logit").output)
        batch = tf.TensorSpec((batch_size, patch_size, patch_size, 3), tf.uint8)
        graph = tf.function(
            lambda patches: to_logit(patches, training=False), jit_compile=False
        ).get_concrete_function(batch)
        self._frozen = convert_variables_to_constants_v2(graph)
        self._constant = tf.constant
        self.batch_size = batch_size
        self.patch_shape = (patch_size, patch_size, 3)

    def __call__(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits, float32 [N], of uint8 RGB patches [N, P, P, 3].

        Raises
        ------
        SettingsError
            If the patches have another shape or dtype.
        ModelFolderError
            If a logit is not a finite number.
        """
        if patches.dtype != np.uint8 or patches.shape[1:] != self.patch_shape:
            raise SettingsError(
                f"the model takes uint8 patches [N, {', '.join(map(str, self.patch_shape))}], "
                f"not {patches.dtype} {list(patches.shape)}"
            )
        logits = np.empty(len(patches), np.float32)
        for start in range(0, len(patches), self.batch_size):
            batch = patches[start : start + self.batch_size]
            count = len(batch)
            if count < self.batch_size:
                padding = np.zeros((self.batch_size - count, *self.patch_shape), np.uint8)
                batch = np.concatenate([batch, padding])
            result = self._frozen(self._constant(batch))[0].numpy()
            logits[start : start + count] = result[:count, 0]
        if not np.isfinite(logits).all():
            raise ModelFolderError(
                "the model gives scores that are not finite numbers; its weights are damaged"
            )
        return logits


class Scorer:
    """A trained model, ready to score patches.

    Attributes
    ----------
    card : the model's card; `card.threshold` is its operating threshold.
    batch_size : the fixed number of patches a run.
    """

    def __init__(self, model: Any, card: ModelCard, batch_size: int = BATCH_SIZE) -> None:
        self.card = card
        self.batch_size = batch_size
        self._logits = LogitGraph(model, card.patch_size_pixels, batch_size)

    def predict(self, patches: NDArray[np.uint8], *, tta: bool = False) -> NDArray[np.float32]:
        """Calibrated IDC probabilities, float32 [N], of uint8 RGB patches [N, P, P, 3].

        Parameters
        ----------
        patches : at the card's µm/px.
        tta : test-time augmentation: the mean of the eight dihedral views, for eight times
            the work.

        Raises
        ------
        SettingsError
            If the patches have another shape or dtype.
        ModelFolderError
            If a score is not a finite number.
        """
        calibration = self.card.calibration
        if not tta:
            return calibrated(self._logits(patches), calibration)
        views = [calibrated(self._logits(view), calibration) for view in dihedral_views(patches)]
        mean: NDArray[np.float32] = (
            np.stack(views).mean(axis=0, dtype=np.float64).astype(np.float32)
        )
        return mean


def dihedral_views(patches: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The four quarter turns of patches [N, P, P, 3] and of their mirror images."""
    for side in (patches, patches[:, :, ::-1]):
        for turns in range(4):
            yield np.rot90(side, turns, axes=(1, 2))


def calibrated(logit: NDArray[np.floating], calibration: Calibration) -> NDArray[np.float32]:
    """Probabilities, float32 [N], from logits by a card's calibration."""
    score = calibration.slope * logit.astype(np.float64) + calibration.intercept
    probability: NDArray[np.float32] = expit(score).astype(np.float32)
    return probability


def load_model(
    folder: str | Path | None = None, *, device: str = "auto", batch_size: int | None = None
) -> Scorer:
    """Load a model folder for scoring.

    Parameters
    ----------
    folder : what `wsi-idc train` wrote; None is the model that comes with the package.
    device : `auto`, `cpu`, `gpu` or `gpu:N`.
    batch_size : patches a run; None suits it to the device.

    Raises
    ------
    ModelFolderError
        If the folder is not a whole, undamaged model folder.
    """
    tf = load_tensorflow(device)
    if batch_size is None:
        batch_size = GPU_BATCH_SIZE if tf.config.get_visible_devices("GPU") else BATCH_SIZE
    model, card = load_keras_model(model_folder(folder))
    return Scorer(model, card, batch_size)
