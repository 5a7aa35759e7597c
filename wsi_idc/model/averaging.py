"""Averaging a network's weights while it trains, for a model that is calmer than its last step.

References
----------
Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS_BETWEEN = 8
"""So many training steps lie between two looks at the weights: 25 million numbers are copied at
each, which every step would cost a tenth of its time on a GPU."""


class WeightAverage:
    """An exponential moving average of all weights, running statistics included.

    Statistics are averaged with the kernels that they belong to: those of the last steps would
    not fit the averaged kernels.

    Parameters
    ----------
    model : the Keras model that is trained.
    decay : share of the average that one training step leaves, 0 to below 1; 0.998 averages
        over some 500 steps. 0 is no average: the weights as they are.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self._model = model
        self._decay = decay
        self._steps = 0
        self._means = self._current() if decay else []

    def after_step(self) -> None:
        """Count a training step, and take the weights in where it is their turn."""
        if not self._decay:
            return
        self._steps += 1
        if self._steps % STEPS_BETWEEN:
            return
        # Weights of the first steps are far from all later ones and are forgotten sooner.
        looks = self._steps // STEPS_BETWEEN
        kept = min(self._decay**STEPS_BETWEEN, looks / (looks + 9))
        for mean, now in zip(self._means, self._current(), strict=True):
            now -= mean
            now *= 1 - kept
            mean += now

    def copy_to(self, model: Any) -> None:
        """Put the averaged weights into another model of the same network."""
        model.set_weights(self._means if self._decay else self._current())

    def state(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs, as arrays by name."""
        arrays: dict[str, NDArray[Any]] = {str(i): mean for i, mean in enumerate(self._means)}
        return arrays | {"steps": np.array(self._steps)}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from an earlier `state`.

        Raises
        ------
        KeyError, ValueError
            If it is that of another network.
        """
        for index, mean in enumerate(self._means):
            mean[...] = arrays[str(index)]
        self._steps = int(arrays["steps"])

    def _current(self) -> list[NDArray[np.float32]]:
        return [np.array(np.asarray(variable), np.float32) for variable in self._model.weights]
