from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from wsi_idc.errors import ModelFolderError, SettingsError
from wsi_idc.model.folder import file_sha256, load_keras_model, read_card
from wsi_idc.model.scorer import Scorer, dihedral_views, load_model


@pytest.fixture(scope="module")
def scorer(model_folder: Path) -> Scorer:
    return load_model(model_folder, runtime="tensorflow", batch_size=8)


@pytest.fixture
def patches() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (19, 50, 50, 3), np.uint8)


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "copy"))


def edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | changes))


def test_the_frozen_graph_scores_like_the_keras_model(
    scorer: Scorer, model_folder: Path, patches: np.ndarray
) -> None:
    card = read_card(model_folder)
    model = load_keras_model(model_folder, card)
    # Called, not `predict`, which makes a graph first: seconds, and a thing less independent.
    raw = np.asarray(model(patches, training=False))[:, 0].astype(np.float64)
    logit = np.log(raw / (1 - raw))
    expected = 1 / (1 + np.exp(-(card.calibration.slope * logit + card.calibration.intercept)))
    got = scorer.predict(patches)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() < 1e-4


def test_a_score_does_not_depend_on_what_is_scored_beside_it(
    scorer: Scorer, patches: np.ndarray
) -> None:
    together = scorer.predict(patches)
    alone = np.concatenate([scorer.predict(patches[i : i + 1]) for i in range(len(patches))])
    assert np.array_equal(together, alone)


def test_tta_is_the_mean_of_the_eight_views_and_the_same_for_each(
    scorer: Scorer, patches: np.ndarray
) -> None:
    views = list(dihedral_views(patches))
    assert len({view.tobytes() for view in views}) == 8
    mean = np.mean([scorer.predict(np.ascontiguousarray(view)) for view in views], axis=0)
    got = scorer.predict(patches, tta=True)
    assert np.abs(got - mean).max() < 1e-6
    turned = scorer.predict(np.rot90(patches, axes=(1, 2)), tta=True)
    assert np.abs(got - turned).max() < 1e-6


def test_no_patches_give_no_scores(scorer: Scorer, patches: np.ndarray) -> None:
    assert scorer.predict(patches[:0]).shape == (0,)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 50, 50, 3), np.float32), np.zeros((2, 48, 50, 3), np.uint8)]
)
def test_patches_of_another_kind_are_refused(scorer: Scorer, wrong: np.ndarray) -> None:
    with pytest.raises(SettingsError, match=r"uint8 patches \[N, 50, 50, 3\]"):
        scorer.predict(wrong)


def test_the_card_holds_the_keys_that_other_tools_read(model_folder: Path) -> None:
    card = json.loads((model_folder / "model.json").read_text())
    wanted = {
        "spec_version": "1.0",
        "architecture": "resnet50v2",
        "num_classes": 1,
        "patch_size_pixels": 50,
        "spacing_um_px": 8.0,
        "class_names": ["idc"],
    }
    assert card.items() >= wanted.items()
    assert [step["name"] for step in card["transform"]] == ["ToTensor", "Normalize"]


def test_what_is_no_model_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"not a model folder \(no model.json\)"):
        read_card(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ModelFolderError, match="cannot be read"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spacing_um_px": -1}, "spacing_um_px"),
        ({"threshold": 2}, "threshold"),
        ({"surprise": 1}, "surprise"),
        ({"weights": {"file": "../../etc/passwd", "sha256": "0" * 64}}, "weights.file"),
        ({"weights": {"file": "a" * 300, "sha256": "0" * 64}}, "weights.file"),
        ({"metrics": {"test": {"roc_auc": "good"}}}, "metrics.test.roc_auc"),
    ],
)
def test_a_card_with_a_wrong_value_names_it(copy: Path, changes: dict, message: str) -> None:
    edit_card(copy, **changes)
    with pytest.raises(ModelFolderError, match=message):
        read_card(copy)


def test_tampered_weights_are_refused(copy: Path) -> None:
    weights = copy / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelFolderError, match="SHA-256 differs"):
        load_model(copy)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(copy: Path, value: float) -> None:
    weights = copy / "weights.safetensors"
    arrays = load_file(weights)
    arrays["logit/bias"][0] = value
    save_file(arrays, weights)
    edit_card(copy, weights={"file": weights.name, "sha256": file_sha256(weights)})
    with pytest.raises(ModelFolderError, match="logit/bias holds values that are not finite"):
        load_model(copy)


def test_missing_weights_are_said(copy: Path) -> None:
    (copy / "weights.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"lacks its weights file weights\.safetensors"):
        load_model(copy)


def test_weights_of_another_network_are_refused(copy: Path) -> None:
    network = json.loads((copy / "model.json").read_text())["network"]
    edit_card(copy, network=network | {"head_filters": 8})
    with pytest.raises(ModelFolderError, match="shape"):
        load_model(copy)
