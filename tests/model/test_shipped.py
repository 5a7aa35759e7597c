"""The model in the package: what its card claims holds on real patches and a real section."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.model.evaluation import evaluate
from wsi_idc.model.folder import SHIPPED_MODEL, read_card
from wsi_idc.model.scorer import Scorer, load_model
from wsi_idc.model.work_folder import seen_in_training
from wsi_idc.splits import OFFICIAL_SPLIT


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return load_model()


def test_it_loads_without_a_name_and_fits_into_a_wheel(scorer: Scorer) -> None:
    assert scorer.card == read_card(SHIPPED_MODEL)
    assert (scorer.card.patch_size_pixels, scorer.card.spacing_um_px) == (50, 8.0)
    assert (SHIPPED_MODEL / scorer.card.weights.file).stat().st_size <= 50_000_000
    got = scorer.predict(np.full((2, 50, 50, 3), 240, np.uint8))
    assert got.dtype == np.float32
    assert (got < scorer.card.threshold).all()  # glass is no carcinoma
    rounding = scorer.card.weights.rounding
    assert rounding is not None
    assert abs(rounding.roc_auc_change) < 0.001


def test_no_test_patient_was_trained_on() -> None:
    known = set(seen_in_training(SHIPPED_MODEL))
    listed = dict(line.split(",") for line in OFFICIAL_SPLIT.read_text().split()[1:])
    assert len(known) == 163 + 29
    assert not known & {patient for patient, side in listed.items() if side == "test"}
    assert "14306" not in known


def test_the_figures_of_its_card_are_found_again(
    scorer: Scorer, shared_data: Path, tmp_path: Path
) -> None:
    with tarfile.open(shared_data / "idc-patches" / "test.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    judged = evaluate(
        scorer, tmp_path, split_file=OFFICIAL_SPLIT, trained_on=seen_in_training(SHIPPED_MODEL)
    )
    values = judged.metrics.values
    assert (values.patients, judged.left_out, judged.missing) == (49, (), ())
    # The figures of README.md and docs/model-card.md; other processors round otherwise.
    assert values.roc_auc == pytest.approx(0.938, abs=0.002)
    assert values.balanced_accuracy == pytest.approx(0.870, abs=0.003)
    assert values.f1 == pytest.approx(0.772, abs=0.003)
    assert values.accuracy == pytest.approx(0.862, abs=0.003)
    assert abs(scorer.card.metrics["train"]["accuracy"] - values.accuracy) < 0.05


def test_a_real_section_is_mapped_with_no_model_named(shared_data: Path, tmp_path: Path) -> None:
    slides = shared_data / "slides"
    result = CliRunner().invoke(
        app, ["heatmap", str(slides / "idc-14306.tif"), "-o", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    from wsi_idc.heatmap.judge import judge_result

    scores = judge_result(tmp_path / "idc-14306", slides / "idc-14306-labels.csv")["squares"]
    assert scores.auc is not None
    assert scores.auc >= 0.90
    assert scores.dice > 0.75
