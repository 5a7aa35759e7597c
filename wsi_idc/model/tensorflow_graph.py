"""The network in TensorFlow, for scoring: a Keras model with its variables frozen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        tf = load_tensorflow()
        import keras
        from tensorflow.python.framework.convert_to_constants import (
            convert_variables_to_constants_v2,
        )

        to_logit = keras.Model(model.input, model.get_layer("logit").output)
        batch = tf.TensorSpec((batch_size, *self.patch_shape), tf.uint8)
        graph = tf.function(
            lambda patches: to_logit(patches, training=False), jit_compile=False
        ).get_concrete_function(batch)
        self._frozen = convert_variables_to_constants_v2(graph)
        self._constant = tf.constant

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits, float32 [B, 1], of one whole batch [B, P, P, 3]."""
        logits: NDArray[np.float32] = self._frozen(self._constant(batch))[0].numpy()
        return logits
