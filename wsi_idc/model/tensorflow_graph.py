"""Networks in TensorFlow, for scoring: Keras models with their variables frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.model.card import PackedNetwork
from wsi_idc.model.logits import BATCH_SIZE, LogitGraph
from wsi_idc.model.runtime import load_tensorflow


class _FrozenGraph(LogitGraph):
    """A function of patches folded into a constant graph.

    Freezing the variables lets TensorFlow fold batch normalisation into convolutions, which
    makes it faster than calling the model.

    Parameters
    ----------
    outputs : gives [B, classes] of uint8 patches [B, P, P, 3].
    """

    runtime = "tensorflow"

    def __init__(
        self, outputs: Callable[[Any], Any], patch_size: int, batch_size: int, classes: int
    ) -> None:
        super().__init__(patch_size, batch_size, classes)
        tf = load_tensorflow()
        from tensorflow.python.framework import convert_to_constants

        self._constant = tf.constant
        graph = tf.function(outputs, jit_compile=False).get_concrete_function(
            tf.TensorSpec((batch_size, *self.patch_shape), tf.uint8)
        )
        self._frozen = convert_to_constants.convert_variables_to_constants_v2(graph)

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Outputs, float32 [B, classes], of one whole batch [B, P, P, 3]."""
        outputs: NDArray[np.float32] = self._frozen(self._constant(batch))[0].numpy()
        return outputs


class TensorFlowGraph(_FrozenGraph):
    """This package's network; its outputs are logits."""

    def __init__(self, model: Any, patch_size: int, batch_size: int = BATCH_SIZE) -> None:
        load_tensorflow()  # before Keras, which would load it without this package's settings
        import keras

        to_logit = keras.Model(model.input, model.get_layer("logit").output)
        super().__init__(
            lambda patches: to_logit(patches, training=False), patch_size, batch_size, classes=1
        )


class PackedGraph(_FrozenGraph):
    """A packed Keras model; its outputs are probabilities.

    Parameters
    ----------
    model : as Keras has it.
    network : what its card says of it.
    """

    def __init__(
        self, model: Any, network: PackedNetwork, patch_size: int, batch_size: int, classes: int
    ) -> None:
        tf = load_tensorflow()
        to_probability = {
            "probability": tf.identity,
            "logit": tf.sigmoid if classes == 1 else tf.nn.softmax,
        }[network.output]

        def probabilities(patches: Any) -> Any:
            scaled = tf.cast(patches, tf.float32) * network.scale + network.offset
            return to_probability(tf.cast(model(scaled, training=False), tf.float32))

        super().__init__(probabilities, patch_size, batch_size, classes)
