"""Scoring patches: calibrated probabilities from a network in one of the runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from wsi_idc.errors import ModelFolderError, SettingsError
from wsi_idc.model.card import Calibration, ModelCard, PackedNetwork
from wsi_idc.model.folder import (
    architecture_of,
    load_keras_model,
    model_folder,
    read_card,
    read_card_arrays,
)
from wsi_idc.model.logits import BATCH_SIZE, LogitGraph
from wsi_idc.model.runtime import choose_runtime, load_tensorflow

# Sums in softmax may come out a little above 1.
_ROUNDING = 1e-3

GPU_BATCH_SIZE = 512
"""Patches a batch on GPU, which smaller ones leave idle between two."""


class Scorer:
    """A trained model, ready to score patches.

    Attributes
    ----------
    card : the model's card; `card.threshold` is its operating threshold.
    runtime : what computes, `tensorflow` or `openvino`.
    batch_size : the fixed number of patches a run.
    """

    def __init__(self, graph: LogitGraph, card: ModelCard) -> None:
        self._shown = card.class_names.index(card.shown_class)
        self._packed = isinstance(card.network, PackedNetwork)
        self.card = card
        self.runtime = graph.runtime
        self.batch_size = graph.batch_size
        self._graph = graph

    def predict(self, patches: NDArray[np.uint8], *, tta: bool = False) -> NDArray[np.float32]:
        """Calibrated probabilities of the shown class, which is IDC, float32 [N].

        Parameters
        ----------
        patches : uint8 RGB [N, P, P, 3] at the card's µm/px.
        tta : test-time augmentation: the mean of the eight dihedral views, for eight times
            the work.

        Raises
        ------
        SettingsError
            If the patches have another shape or dtype.
        ModelFolderError
            If a score is not a finite number, or that of a packed model no probability.
        """
        return self.predict_classes(patches, tta=tta)[:, self._shown]

    def predict_classes(
        self, patches: NDArray[np.uint8], *, tta: bool = False
    ) -> NDArray[np.float32]:
        """Probabilities of all classes, float32 [N, C], in the order of `card.class_names`.

        Parameters and errors are those of `predict`; models that `wsi-idc train` makes have one
        class.
        """
        if not tta:
            return self._probabilities(patches)
        views = [self._probabilities(view) for view in dihedral_views(patches)]
        mean: NDArray[np.float32] = (
            np.stack(views).mean(axis=0, dtype=np.float64).astype(np.float32)
        )
        return mean

    def _probabilities(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        outputs = self._graph.all(patches)
        if self._packed:  # its graph ends in probabilities
            if outputs.size and not (
                outputs.min() >= -_ROUNDING and outputs.max() <= 1 + _ROUNDING
            ):
                raise ModelFolderError(
                    f"{self._graph.model} gives values from {outputs.min():.3g} to "
                    f"{outputs.max():.3g}, which are no probabilities; pack it again with "
                    "--output-kind logit"
                )
            return np.clip(outputs, 0, 1)
        return calibrated(outputs, self.card.calibration)


def dihedral_views(patches: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The four quarter turns of patches [N, P, P, 3] and of their mirror images."""
    for side in (patches, patches[:, :, ::-1]):
        for turns in range(4):
            yield np.rot90(side, turns, axes=(1, 2))


def calibrated(logit: NDArray[np.floating], calibration: Calibration) -> NDArray[np.float32]:
    """Probabilities, float32, from logits of any shape by a card's calibration."""
    score = calibration.slope * logit.astype(np.float64) + calibration.intercept
    probability: NDArray[np.float32] = expit(score).astype(np.float32)
    return probability


def load_model(
    folder: str | Path | None = None,
    *,
    device: str = "auto",
    runtime: str = "auto",
    batch_size: int | None = None,
) -> Scorer:
    """Load a model folder for scoring.

    Parameters
    ----------
    folder : what `wsi-idc train` wrote; None is the model that comes with the package.
    device : `auto`, `cpu`, `gpu` or `gpu:N`.
    runtime : `tensorflow`, `openvino` (CPU only, starts sooner; extra `openvino`) or `auto`,
        which takes OpenVINO where it is installed and there is no GPU to use. Their scores
        agree within 1e-5.
    batch_size : patches a run; None suits it to the device.

    Raises
    ------
    ModelFolderError
        If the folder is not a whole, undamaged model folder.
    SettingsError
        If device or runtime is unknown, not there, or one does not go with the other.
    """
    place = model_folder(folder)
    card = read_card(place)
    packed = isinstance(card.network, PackedNetwork)
    if packed and runtime == "openvino":
        raise SettingsError(
            f"{card.name} is a packed Keras model, which TensorFlow alone computes; use --runtime "
            "tensorflow"
        )
    graph: LogitGraph
    if choose_runtime("tensorflow" if packed else runtime, device) == "openvino":
        from wsi_idc.model.openvino_graph import OpenVinoGraph

        graph = OpenVinoGraph(
            architecture_of(card), read_card_arrays(place, card), batch_size or BATCH_SIZE
        )
        return _named(graph, place, card)
    from wsi_idc.model.tensorflow_graph import PackedGraph, TensorFlowGraph

    tf = load_tensorflow(device)
    if batch_size is None:
        batch_size = GPU_BATCH_SIZE if tf.config.get_visible_devices("GPU") else BATCH_SIZE
    model = load_keras_model(place, card)
    size = card.patch_size_pixels
    if isinstance(card.network, PackedNetwork):
        graph = PackedGraph(model, card.network, size, batch_size, card.num_classes)
    else:
        graph = TensorFlowGraph(model, size, batch_size)
    return _named(graph, place, card)


def _named(graph: LogitGraph, place: Path, card: ModelCard) -> Scorer:
    graph.model = f"the model {place}"
    return Scorer(graph, card)
