"""The model in the package: what its card claims holds on real patches and a real section."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.model.evaluation import evaluate
from wsi_idc.model.folder import SHIPPED_MODEL, architecture_of, read_card, read_card_arrays
from wsi_idc.model.scorer import Scorer, calibrated, load_model
from wsi_idc.model.work_folder import seen_in_training
from wsi_idc.split_file import OFFICIAL_SPLIT


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


@pytest.mark.slow
def test_kernels_as_float16_hardly_move_a_probability(scorer: Scorer, shared_data: Path) -> None:
    """Noise of the size of rounding, since kernels in full precision were not kept."""
    pytest.importorskip("openvino")
    from wsi_idc.model.openvino_graph import OpenVinoGraph

    patches = real_patches(shared_data / "idc-patches" / "val.tar", every=20)
    random = np.random.default_rng(0)
    stored = read_card_arrays(SHIPPED_MODEL, scorer.card)
    moved = {
        name: array + np.spacing(np.abs(array)) * random.uniform(-0.5, 0.5, array.shape)
        if array.dtype == np.float16
        else array
        for name, array in stored.items()
    }
    architecture = architecture_of(scorer.card)
    as_stored, as_moved = (
        calibrated(OpenVinoGraph(architecture, arrays)(patches), scorer.card.calibration)
        for arrays in (stored, moved)
    )
    assert len(patches) > 100
    assert 0 < np.abs(as_moved - as_stored).max() < 0.001


def real_patches(tar_file: Path, *, every: int) -> NDArray[np.uint8]:
    """Whole patches of a tar of the public set, one of every so many."""
    with tarfile.open(tar_file) as tar:
        members = [member for member in tar if member.name.endswith(".png")][::every]
        images = [np.asarray(Image.open(tar.extractfile(member))) for member in members]
    return np.stack([image for image in images if image.shape == (50, 50, 3)])


def test_no_test_patient_was_trained_on() -> None:
    known = set(seen_in_training(SHIPPED_MODEL))
    listed = dict(line.split(",") for line in OFFICIAL_SPLIT.read_text().split()[1:])
    assert len(known) == 163 + 29
    assert not known & {patient for patient, side in listed.items() if side == "test"}
    assert "14306" not in known


@pytest.mark.slow
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
    assert values.roc_auc == pytest.approx(0.946, abs=0.002)
    assert values.balanced_accuracy == pytest.approx(0.875, abs=0.003)
    assert values.f1 == pytest.approx(0.771, abs=0.003)
    assert values.accuracy == pytest.approx(0.857, abs=0.003)
    assert abs(scorer.card.metrics["train"]["accuracy"] - values.accuracy) < 0.05


@pytest.mark.slow
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
