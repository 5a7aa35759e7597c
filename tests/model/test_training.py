from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from patch_folder import make_collection

from wsi_idc.errors import ModelFolderError, PatchCollectionError, SettingsError
from wsi_idc.model.architecture import Architecture
from wsi_idc.model.card import ModelCard
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.train import train

SETTINGS = TrainSettings(
    epochs=2,
    batch_size=8,
    weights="none",
    architecture=Architecture(head_filters=8, batch_norm_momentum=0.5),
)


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("patches"), patients=4, of_each_class=6)


@pytest.fixture(scope="module")
def trained(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelCard]:
    output = tmp_path_factory.mktemp("models") / "whole"
    return output, train(patches, output, SETTINGS, val_fraction=0.25, test_fraction=0.25)


def test_a_model_folder_holds_what_it_should(trained: tuple[Path, ModelCard]) -> None:
    output, card = trained
    assert sorted(path.name for path in output.iterdir()) == [
        "confusion.png",
        "curves.png",
        "epochs.csv",
        "metrics.json",
        "model.json",
        "roc.png",
        "split.csv",
        "weights.safetensors",
    ]
    assert card.training_data.patches == {"train": 24, "val": 12, "test": 12}
    assert card.spacing_um_px == 8.0
    assert set(card.metrics) == {"train", "val", "test"}
    assert json.loads((output / "metrics.json").read_text()) == card.metrics
    assert list(pd.read_csv(output / "epochs.csv")["epoch"]) == [1, 2]


def test_the_split_on_disk_keeps_patients_apart(trained: tuple[Path, ModelCard]) -> None:
    split = pd.read_csv(trained[0] / "split.csv", dtype=str)
    assert split["patient"].is_unique
    assert split["split"].value_counts().to_dict() == {"train": 2, "val": 1, "test": 1}


def test_an_interrupted_run_resumes_to_the_same_weights(
    trained: tuple[Path, ModelCard], patches: Path, tmp_path: Path
) -> None:
    output = tmp_path / "interrupted"

    class Killed(BaseException):
        pass

    def die_in_the_second_epoch(done: int, total: int, what: str) -> None:
        if done > total // 2:
            raise Killed

    fractions = {"val_fraction": 0.25, "test_fraction": 0.25}
    with pytest.raises(Killed):
        train(patches, output, SETTINGS, progress=die_in_the_second_epoch, **fractions)
    assert not (output / "model.json").exists()
    with pytest.raises(ModelFolderError, match="--resume"):
        train(patches, output, SETTINGS, **fractions)
    with pytest.raises(ModelFolderError, match=r"settings\.epochs was 2 and is 3"):
        train(patches, output, replace(SETTINGS, epochs=3), resume=True, **fractions)
    card = train(patches, output, SETTINGS, resume=True, **fractions)
    whole = pd.read_csv(trained[0] / "epochs.csv")
    resumed = pd.read_csv(output / "epochs.csv")
    assert np.allclose(whole, resumed, rtol=1e-3)
    assert card.metrics["val"]["roc_auc"] == trained[1].metrics["val"]["roc_auc"]


def test_a_finished_model_is_not_overwritten_by_accident(
    trained: tuple[Path, ModelCard], patches: Path
) -> None:
    with pytest.raises(ModelFolderError, match="already holds a trained model"):
        train(patches, trained[0], SETTINGS)


def test_patches_tiled_at_another_mpp_than_said_are_refused(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "c", patients=3, of_each_class=1)
    manifest = folder / "slides" / "s" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"settings": {"mpp": 4.0}}))
    with pytest.raises(PatchCollectionError, match="was tiled at 4 µm/px, not 8"):
        train(folder, tmp_path / "m", replace(SETTINGS, mpp=8.0))


def test_missing_weights_say_what_to_download(tmp_path: Path, monkeypatch, patches: Path) -> None:
    with pytest.raises(SettingsError, match=r"no weights file nowhere\.h5"):
        train(patches, tmp_path / "a", replace(SETTINGS, weights="nowhere.h5"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    import keras

    def no_network(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", no_network)
    with pytest.raises(SettingsError, match=r"download https://.*notop\.h5 .*--weights none"):
        train(patches, tmp_path / "b", replace(SETTINGS, weights="imagenet"))
