from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from patch_folder import make_collection
from safetensors.numpy import load_file
from training_runs import FRACTIONS, SETTINGS, in_new_process, on_two_devices, use_small_base

from wsi_idc.errors import ModelFolderError, PatchCollectionError, SettingsError
from wsi_idc.model.architecture import Architecture, build_model
from wsi_idc.model.averaging import STEPS_BETWEEN, WeightAverage
from wsi_idc.model.card import ModelCard
from wsi_idc.model.checkpoint import load_checkpoint, save_checkpoint
from wsi_idc.model.data import Side, training_data
from wsi_idc.model.epochs import compile_model
from wsi_idc.model.evaluation import evaluate, write_judgement
from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.model.scorer import Scorer, load_model
from wsi_idc.model.train import train
from wsi_idc.model.work_folder import (
    CHECKPOINT,
    WORK_FOLDER,
    begin,
    kept_if_begun,
    prepare,
    request_of,
    seen_in_training,
)
from wsi_idc.splits import Split


@pytest.fixture(scope="module", autouse=True)
def small_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_small_base(patch)
        yield


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
        "precision_recall.png",
        "reliability.png",
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


@pytest.fixture(scope="module")
def scorer(trained: tuple[Path, ModelCard]) -> Scorer:
    return load_model(trained[0], runtime="tensorflow")  # OpenVINO's network is the whole one


class Killed(BaseException):
    """Ends a run as a kill does: nothing of wsi-idc may catch it."""


def test_an_interrupted_run_goes_on_after_its_last_whole_epoch(
    trained: tuple[Path, ModelCard], patches: Path, tmp_path: Path
) -> None:
    output = tmp_path / "interrupted"

    def die_in_the_second_epoch(done: int, total: int, what: str) -> None:
        if done > total // 2:
            raise Killed

    with pytest.raises(Killed):
        train(patches, output, SETTINGS, progress=die_in_the_second_epoch, **FRACTIONS)
    first_epoch = (output / "epochs.csv").read_text()
    assert not (output / "model.json").exists()
    with pytest.raises(ModelFolderError, match="--resume"):
        train(patches, output, SETTINGS, **FRACTIONS)
    with pytest.raises(ModelFolderError, match=r"settings\.epochs was 2 and is 3"):
        train(patches, output, replace(SETTINGS, epochs=3), resume=True, **FRACTIONS)
    said: list[str] = []
    train(patches, output, SETTINGS, resume=True, say=said.append, **FRACTIONS)
    assert "resuming after epoch 1 of 2" in said
    assert (output / "epochs.csv").read_text().startswith(first_epoch)
    epochs, whole = (pd.read_csv(folder / "epochs.csv") for folder in (output, trained[0]))
    assert list(epochs["epoch"]) == [1, 2]
    assert list(epochs["learning_rate"]) == list(whole["learning_rate"])
    assert sorted(p.name for p in output.iterdir()) == sorted(p.name for p in trained[0].iterdir())


def compiled(seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    model = build_model(SETTINGS.architecture)
    compile_model(model, SETTINGS, steps=3)
    return model


def test_a_checkpoint_brings_back_every_variable_to_the_bit(tmp_path: Path) -> None:
    """Together with the test of the data: an epoch begins as if nothing had happened.

    Weights at the end cannot be compared: Adam makes much of the last bits, in which two runs
    differ by the order in which their threads add floats up.
    """
    tf = load_tensorflow()
    model = compiled(seed=1)
    average = WeightAverage(model, 0.9)
    x = np.random.default_rng(0).integers(0, 256, (8, 50, 50, 3), np.uint8)
    # As a training step calls it, but not traced, which takes longer than the step itself.
    model.train_step((tf.constant(x), tf.constant(np.arange(8)[:, None] % 2)))
    for _ in range(STEPS_BETWEEN + 3):
        average.after_step()
    save_checkpoint(tmp_path / CHECKPOINT, model, average, {"epoch": 1})
    fresh = compiled(seed=2)
    fresh_average = WeightAverage(fresh, 0.9)
    assert load_checkpoint(tmp_path / CHECKPOINT, fresh, fresh_average) == {"epoch": 1}
    state, restored = average.state(), fresh_average.state()
    assert state.keys() == restored.keys()
    assert all(np.array_equal(state[name], restored[name]) for name in state)
    for before, after in ((model, fresh), (model.optimizer, fresh.optimizer)):
        assert len(before.variables) == len(after.variables)
        for one, other in zip(before.variables, after.variables, strict=True):
            assert np.array_equal(np.asarray(one), np.asarray(other)), one.path
    assert int(fresh.optimizer.iterations) == 1
    assert not all(
        np.array_equal(np.asarray(v), np.zeros(v.shape)) for v in fresh.optimizer.variables[2:]
    )


def test_order_and_augmentation_follow_from_seed_and_epoch() -> None:
    tf = load_tensorflow()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 50, 50, 3), np.uint8)
    side = Side(pixels, np.arange(24) % 2, np.array(["a"] * 24, object), 0)

    def batches(epoch: int, seed: int = 0) -> list[bytes]:
        data = training_data(side, replace(SETTINGS, seed=seed), epoch, 3, tf)
        return [b"".join(part.numpy().tobytes() for part in batch) for batch in data]

    assert batches(1) == batches(1)
    assert len(set(batches(0) + batches(1) + batches(0, seed=1))) == 9


@pytest.mark.slow
def test_several_devices_share_the_batches(patches: Path, tmp_path: Path) -> None:
    replicas, auc = in_new_process(on_two_devices, patches, tmp_path / "mirrored", True)
    assert replicas == 2
    assert 0 <= auc <= 1
    mirrored = load_model(tmp_path / "mirrored", runtime="tensorflow")
    assert np.isfinite(mirrored.predict(np.zeros((3, 50, 50, 3), np.uint8))).all()


@pytest.mark.long
def test_several_devices_share_the_whole_network(patches: Path, tmp_path: Path) -> None:
    replicas, auc = in_new_process(on_two_devices, patches, tmp_path / "mirrored", False)
    assert (replicas, 0 <= auc <= 1) == (2, True)


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


def test_an_interrupted_run_leaves_its_state_only_once_it_has_begun(tmp_path: Path) -> None:
    """The decoded patches of a run that cannot be resumed would be gigabytes of no use."""
    request = request_of(SETTINGS, 8.0, Split(train=("a",), val=("b",)))
    for is_begun in (False, True):
        with pytest.raises(KeyboardInterrupt), kept_if_begun(tmp_path):
            work = prepare(tmp_path, request, resume=False, overwrite=False)
            (work / "train.npy").touch()
            if is_begun:
                (work / CHECKPOINT).touch()
            raise KeyboardInterrupt
        assert work.exists() == is_begun


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
    trained: tuple[Path, ModelCard], scorer: Scorer, patches: Path
) -> None:
    output, card = trained
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


def test_a_judgement_is_written_with_a_row_a_patient(
    scorer: Scorer, patches: Path, tmp_path: Path
) -> None:
    judged = evaluate(scorer, patches, tta=True)
    write_judgement(judged, tmp_path / "judged")
    by_patient = pd.read_csv(tmp_path / "judged" / "patients.csv")
    assert list(by_patient["patches"]) == [12] * 4
    assert list(by_patient["idc_patches"]) == [6] * 4
    accuracy = by_patient["called_rightly"].sum() / by_patient["patches"].sum()
    assert accuracy == pytest.approx(judged.metrics.values.accuracy)
    assert len(pd.read_csv(tmp_path / "judged" / "scores.csv")) == 48
    for picture in ("roc", "precision_recall", "reliability", "confusion"):
        assert (tmp_path / "judged" / f"{picture}.png").stat().st_size > 5000


def test_training_goes_on_from_a_model_but_not_on_patients_it_knows(
    trained: tuple[Path, ModelCard], patches: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, epochs=1, weights=str(trained[0]), learning_rate=1e-6)
    with pytest.raises(PatchCollectionError, match="was trained on it"):
        train(patches, tmp_path / "new", replace(settings, seed=3), **FRACTIONS)
    other = replace(settings, architecture=Architecture(head_filters=16))
    with pytest.raises(SettingsError, match="has head_filters 8, not 16"):
        train(patches, tmp_path / "new", other, **FRACTIONS)
    card = train(patches, tmp_path / "new", settings, split_file=trained[0] / "split.csv")
    assert trained[1].weights.sha256 in card.training_settings["weights"]
    before, after = (load_file(f / "weights.safetensors") for f in (trained[0], tmp_path / "new"))
    # So small a rate leaves the kernels where the earlier run had brought them.
    kernels = [name for name in before if name.endswith("kernel")]
    assert max(np.abs(before[n].astype("f4") - after[n]).max() for n in kernels) < 1e-3


def test_large_kernels_are_stored_in_half_precision(trained: tuple[Path, ModelCard]) -> None:
    output, card = trained
    arrays = load_file(output / "weights.safetensors")
    kinds = {str(array.dtype) for array in arrays.values() if array.size > 20_000}
    assert kinds == {"float16"}
    small = {str(array.dtype) for array in arrays.values() if array.size <= 20_000}
    assert small == {"float32"}
    rounding = card.weights.rounding
    assert rounding is not None
    assert rounding.largest_probability_change < 1e-3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mpp": 0.0}, "--mpp must be within 0.05 to 100 µm/px, not 0"),
        ({"seed": -1}, "--seed must lie within 0 to 2147483647, not -1"),
        ({"epochs": 0}, "--epochs must be at least 1, not 0"),
        ({"learning_rate": 0.0}, "--learning-rate must lie within 0 to 1, not 0"),
        ({"average_decay": 1.0}, "--average-decay must be at least 0 and below 1, not 1"),
        ({"precision": "double"}, "--precision must be one of auto, float32, float16, bfloat16"),
        (
            {"architecture": Architecture(input_size=2000)},
            "--input-size must be at most 1024, not 2000",
        ),
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
