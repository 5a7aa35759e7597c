from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from patch_folder import make_collection
from safetensors.numpy import load_file

from wsi_idc.errors import ModelFolderError, PatchCollectionError, SettingsError
from wsi_idc.model.architecture import Architecture
from wsi_idc.model.card import ModelCard
from wsi_idc.model.evaluation import evaluate, seen_in_training
from wsi_idc.model.scorer import load_model
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.train import train
from wsi_idc.model.work_folder import CHECKPOINT, WORK_FOLDER, begin, prepare, request_of
from wsi_idc.splits import Split

SETTINGS = TrainSettings(
    epochs=2,
    batch_size=8,
    weights="none",
    architecture=Architecture(head_filters=8, batch_norm_momentum=0.5),
)

FRACTIONS = {"val_fraction": 0.25, "test_fraction": 0.25}


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("patches"), patients=4, of_each_class=6)


@pytest.fixture(scope="module")
def trained(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelCard]:
    output = tmp_path_factory.mktemp("models") / "whole"
    return output, train(patches, output, SETTINGS, **FRACTIONS)


def test_a_model_folder_holds_what_it_should(trained: tuple[Path, ModelCard]) -> None:
    output, card = trained
    assert sorted(path.name for path in output.iterdir()) == [
        "confusion.png",
        "curves.png",
        "epochs.csv",
        "metrics.json",
        "model.json",
        "roc.png",
        "settings.json",
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


class Killed(BaseException):
    """Ends a run as a kill does: nothing of wsi-idc may catch it."""


def test_an_interrupted_run_resumes_to_the_same_weights(
    trained: tuple[Path, ModelCard], patches: Path, tmp_path: Path
) -> None:
    output = tmp_path / "interrupted"

    def die_in_the_second_epoch(done: int, total: int, what: str) -> None:
        if done > total // 2:
            raise Killed

    with pytest.raises(Killed):
        train(patches, output, SETTINGS, progress=die_in_the_second_epoch, **FRACTIONS)
    assert not (output / "model.json").exists()
    with pytest.raises(ModelFolderError, match="--resume"):
        train(patches, output, SETTINGS, **FRACTIONS)
    with pytest.raises(ModelFolderError, match=r"settings\.epochs was 2 and is 3"):
        train(patches, output, replace(SETTINGS, epochs=3), resume=True, **FRACTIONS)
    train(patches, output, SETTINGS, resume=True, **FRACTIONS)
    whole = load_file(trained[0] / "weights.safetensors")
    resumed = load_file(output / "weights.safetensors")
    # The order in which threads add floats up differs between runs; an epoch trained from
    # another state differs a thousand times more.
    apart = max(np.abs(whole[name] - resumed[name]).max() for name in whole)
    assert apart < 1e-3
    assert sorted(p.name for p in output.iterdir()) == sorted(p.name for p in trained[0].iterdir())


def test_a_finished_model_is_kept_by_resume_and_not_overwritten_by_accident(
    trained: tuple[Path, ModelCard], patches: Path
) -> None:
    output, card = trained
    assert train(patches, output, SETTINGS, resume=True, **FRACTIONS) == card
    with pytest.raises(ModelFolderError, match="already holds a trained model"):
        train(patches, output, SETTINGS, **FRACTIONS)
    with pytest.raises(SettingsError, match="give one"):
        train(patches, output, SETTINGS, resume=True, overwrite=True, **FRACTIONS)
    with pytest.raises(ModelFolderError, match="other settings"):
        train(patches, output, replace(SETTINGS, seed=1), resume=True, **FRACTIONS)


def test_a_start_that_failed_leaves_the_old_model(
    trained: tuple[Path, ModelCard], patches: Path
) -> None:
    output = trained[0]
    with pytest.raises(SettingsError):
        train(patches, output, replace(SETTINGS, weights="no.h5"), overwrite=True, **FRACTIONS)
    assert (output / "model.json").exists()
    assert not (output / WORK_FOLDER).exists()


def test_a_run_counts_as_begun_once_an_epoch_is_saved(tmp_path: Path) -> None:
    split = Split(train=("a",), val=("b",))
    request = request_of(SETTINGS, 8.0, split)
    for _ in range(2):  # what died before its first epoch ended is not in the way
        work = prepare(tmp_path, request, resume=False, overwrite=False)
        (work / "train.npy").touch()
    begin(tmp_path, request, split)
    (work / CHECKPOINT).touch()
    with pytest.raises(ModelFolderError, match="unfinished"):
        prepare(tmp_path, request, resume=False, overwrite=False)
    assert prepare(tmp_path, request, resume=True, overwrite=False) == work
    assert (work / CHECKPOINT).exists()
    prepare(tmp_path, request, resume=False, overwrite=True)
    assert not (work / CHECKPOINT).exists()


def test_a_model_is_judged_on_patients_it_has_not_seen(
    trained: tuple[Path, ModelCard], patches: Path
) -> None:
    output, card = trained
    scorer = load_model(output)
    judged = evaluate(scorer, patches, trained_on=seen_in_training(output))
    test = card.metrics["test"]
    assert judged.metrics.values.patients == 1
    assert judged.metrics.values.roc_auc == pytest.approx(test["roc_auc"], abs=1e-4)
    assert set(judged.left_out) == set(seen_in_training(output))
    by_split = evaluate(scorer, patches, split_file=output / "split.csv")
    assert by_split.metrics == judged.metrics
    assert evaluate(scorer, patches).metrics.values.patients == 4
    with pytest.raises(PatchCollectionError, match="no patient nobody"):
        evaluate(scorer, patches, without=["nobody"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mpp": 0.0}, "--mpp"),
        ({"seed": -1}, "seed"),
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"architecture": Architecture(input_size=2000)}, "input_size"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(wrong: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(SETTINGS, **wrong)


def test_patches_tiled_at_another_mpp_than_said_are_refused(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "c", patients=3, of_each_class=1)
    manifest = folder / "slides" / "s" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    (manifest.parent / "s_patches.csv").touch()
    manifest.write_text(json.dumps({"settings": {"mpp": 4.0, "patch_size": 50}}))
    with pytest.raises(PatchCollectionError, match="was tiled at 4 µm/px, not 8"):
        train(folder, tmp_path / "m", replace(SETTINGS, mpp=8.0))
    manifest.write_text(json.dumps({"settings": {"mpp": 8.0, "patch_size": 40}}))
    with pytest.raises(PatchCollectionError, match="give --patch-size 40"):
        train(folder, tmp_path / "m", SETTINGS)
    assert not (tmp_path / "m").exists()


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
