"""Networks in TensorFlow, for scoring: Keras models with their variables frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.model.card import ModelCard, PackedNetwork
from wsi_idc.model.logits import BATCH_SIZE, LogitGraph
from wsi_idc.model.runtime import load_tensorflow


class TensorFlowGraph(LogitGraph):
    """A Keras model folded into a constant graph.

    Freezing the variables lets TensorFlow fold batch normalisation into convolutions, which
    makes it faster than calling the model.
    """

    runtime = "tensorflow"

    def __init__(self, model: Any, patch_size: int, batch_size: int = BATCH_SIZE) -> None:
        super().__init__(patch_size, batch_size)
        self._constant = load_tensorflow().constant
        import keras

        to_logit = keras.Model(model.input, model.get_layer("logit").output)
        self._frozen = _frozen(
            lambda patches: to_logit(patches, training=False), (batch_size, *self.patch_shape)
        )

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits, float32 [B, 1], of one whole batch [B, P, P, 3]."""
        logits: NDArray[np.float32] = self._frozen(self._constant(batch))[0].numpy()
        return logits


class PackedGraph(LogitGraph):
    """A packed Keras model folded into a constant graph; its outputs are probabilities."""

    runtime = "tensorflow"

    def __init__(self, model: Any, card: ModelCard, batch_size: int = BATCH_SIZE) -> None:
        super().__init__(card.patch_size_pixels, batch_size, card.num_classes)
        tf = load_tensorflow()
        self._constant = tf.constant
        network = card.network
        assert isinstance(network, PackedNetwork)
        to_probability = {
            "probability": tf.identity,
            "logit": tf.sigmoid if card.num_classes == 1 else tf.nn.softmax,
        }[network.output]

        def probabilities(patches: Any) -> Any:
            scaled = tf.cast(patches, tf.float32) * network.scale + network.offset
            return to_probability(tf.cast(model(scaled, training=False), tf.float32))

        self._frozen = _frozen(probabilities, (batch_size, *self.patch_shape))

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 [B, C], of one whole batch [B, P, P, 3]."""
        values: NDArray[np.float32] = self._frozen(self._constant(batch))[0].numpy()
        return values


def _frozen(function: Callable[[Any], Any], shape: tuple[int, ...]) -> Any:
    """A function of a uint8 batch of this shape, its variables folded into constants."""
    tf = load_tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    graph = tf.function(function, jit_compile=False)
    return convert_variables_to_constants_v2(
        graph.get_concrete_function(tf.TensorSpec(shape, tf.uint8))
    )
