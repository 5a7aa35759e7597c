from __future__ import annotations

import numpy as np
import pytest

from wsi_idc.model.averaging import STEPS_BETWEEN, WeightAverage


class Weights:
    """Stands for a network: all that an average asks of one are its weights."""

    def __init__(self, *values: float) -> None:
        self.weights = [np.full((2, 3), value, np.float32) for value in values]

    def set_weights(self, arrays: list[np.ndarray]) -> None:
        self.weights = [array.copy() for array in arrays]


def averaged(average: WeightAverage) -> float:
    copy = Weights(0)
    average.copy_to(copy)
    return float(copy.weights[0][0, 0])


def test_the_average_follows_the_weights_and_forgets_the_first_ones() -> None:
    model = Weights(0)
    average = WeightAverage(model, decay=0.99)
    model.weights[0][:] = 1
    seen = []
    for _ in range(300 * STEPS_BETWEEN):
        average.after_step()
        seen.append(averaged(average))
    looks = np.array(seen[STEPS_BETWEEN - 1 :: STEPS_BETWEEN])
    # The first looks count for more than the decay says; from then on it holds exactly.
    assert looks[0] == pytest.approx(0.9)
    assert (np.diff(looks) >= 0).all()
    assert averaged(average) == pytest.approx(1, abs=1e-3)
    model.weights[0][:] = 2
    for _ in range(STEPS_BETWEEN):
        average.after_step()
    assert averaged(average) == pytest.approx(2 - 0.99**STEPS_BETWEEN, abs=1e-3)


def test_without_a_decay_the_weights_are_taken_as_they_are() -> None:
    model = Weights(3)
    average = WeightAverage(model, decay=0)
    model.weights[0][:] = 7
    average.after_step()
    assert averaged(average) == 7
    assert set(average.state()) == {"steps"}


def test_the_model_that_trains_is_left_alone() -> None:
    model = Weights(1)
    average = WeightAverage(model, decay=0.5)
    model.weights[0][:] = 5
    for _ in range(STEPS_BETWEEN):
        average.after_step()
    assert (model.weights[0] == 5).all()
