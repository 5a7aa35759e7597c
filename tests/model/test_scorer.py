"""What a model says is passed on as probabilities, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_cohorts
from numpy.typing import NDArray
from told_messages import check_told

from wsi_idc.cohort.heatmap_job import HeatmapJob
from wsi_idc.cohort.run import HereCrew, run_cohort
from wsi_idc.errors import ModelFolderError
from wsi_idc.heatmap.scoring import ScoreSettings
from wsi_idc.model.card import ModelCard, PackedNetwork, StainRange
from wsi_idc.model.logits import LogitGraph
from wsi_idc.model.scorer import Scorer, load_model

SIZE = 50
PATCHES = np.zeros((3, SIZE, SIZE, 3), np.uint8)


class Constant(LogitGraph):
    runtime = "tensorflow"

    def __init__(self, value: float, outputs: int = 1) -> None:
        super().__init__(SIZE, 2, outputs)
        self.value = value
        self.model = "the model m"

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = np.full((len(batch), self.outputs), 0.5, np.float32)
        values[-1, -1] = self.value  # of one patch, one class
        return values


def packed_card() -> ModelCard:
    network = PackedNetwork(
        config={}, scale=1.0, offset=0.0, output="probability", shown_class="b", probe=()
    )
    about = {"network": network, "architecture": "keras", "num_classes": 2}
    return ModelCard.model_validate(
        small_cohorts.card().model_dump() | about | {"class_names": ("a", "b")}
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tta", [False, True])
def test_numbers_that_are_none(value: float, tta: bool) -> None:
    for scorer in (
        Scorer(Constant(value), small_cohorts.card()),
        Scorer(Constant(value, 2), packed_card()),
    ):
        with pytest.raises(ModelFolderError, match="the model m gives scores that are not finite"):
            scorer.predict(PATCHES, tta=tta)


@pytest.mark.parametrize("value", [-0.1, 1.1, 7.0])
def test_outputs_of_a_packed_model_that_are_no_probabilities(value: float) -> None:
    """Cut off at 0 and 1 they would look like sure ones."""
    check_told(
        "… gives values from … to …, which are no probabilities; pack it again with "
        "--output-kind logit",
        lambda: Scorer(Constant(value, 2), packed_card()).predict(PATCHES),
    )
    assert Scorer(Constant(1.0001, 2), packed_card()).predict(PATCHES)[1] == 1


def test_no_map_is_written_of_them(tmp_path: Path) -> None:
    """The slide fails, by its name and the model's."""
    slide = small_cohorts.write_section(tmp_path / "s1.tif", 0)
    card = small_cohorts.card()
    output = tmp_path / "maps"
    job = HeatmapJob(output, card, lambda: Scorer(Constant(np.nan), card), ScoreSettings())
    with HereCrew(job, lambda *_: None) as crew:
        (outcome,) = run_cohort(crew, small_cohorts.tasks_of(tmp_path))
    assert outcome.failure is not None
    assert str(slide) in outcome.failure.message
    assert "the model m gives scores that are not finite numbers" in outcome.failure.message
    assert [path.name for path in output.iterdir()] == [".cohort"]


def test_a_loaded_model_is_called_by_its_folder(model_folder: Path) -> None:
    scorer = load_model(model_folder, device="cpu", runtime="tensorflow")
    assert scorer._graph.model == f"the model {model_folder}"


@pytest.mark.parametrize(
    "covariance",
    [
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
        ((1.0, 2.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        ((1.0, 0.0, 0.0), (0.0, np.nan, 0.0), (0.0, 0.0, 1.0)),
    ],
)
def test_a_spread_of_stain_that_is_none(covariance: tuple[tuple[float, ...], ...]) -> None:
    """Distances from it would be no numbers, which are warned of by none."""
    about = {"stains": ("a", "b", "c"), "mean": (0, 0, 0), "covariance": covariance}
    with pytest.raises(ValueError, match=r"covariance|finite number"):
        StainRange.model_validate(about)
