"""Models of others: packed from Keras's own layers, loaded without code, mapped class by class."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from told_messages import check_told
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.errors import ModelFolderError, SettingsError
from wsi_idc.heatmap.predict import predict_slide, render_again
from wsi_idc.heatmap.result import read_result
from wsi_idc.model.folder import CARD_FILE, load_keras_model, read_card
from wsi_idc.model.packing import PackSettings, pack_model, verify_model
from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.model.scorer import load_model
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.start import starting_model
from wsi_idc.phantom import write_slide_from_array

load_tensorflow("cpu")
import keras  # noqa: E402
from keras import layers  # noqa: E402

CLASSES = ("benign", "DCIS", "tumour")
SETTINGS = PackSettings(8.0, CLASSES, shown_class="DCIS", input_range="0..1")


def save(folder: Path, *head: Any, size: int = 50) -> Path:
    """A small network that ends in `head`, as a file."""
    keras.utils.set_random_seed(0)
    stem = [layers.Conv2D(4, 5, 4, activation="relu"), layers.BatchNormalization()]
    model = keras.Sequential([layers.Input((size, size, 3)), *stem, *head])
    model.compile("adam", "mse", metrics=["accuracy"])  # as trained models are
    model.save(folder / "model.keras")
    return folder / "model.keras"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    return save(folder, layers.GlobalMaxPooling2D(), layers.Dense(3, "softmax"))


@pytest.fixture(scope="module")
def packed(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "model"
    pack_model(file, folder, SETTINGS)
    return folder


PATCHES = np.random.default_rng(1).integers(0, 256, (70, 50, 50, 3), np.uint8)


def test_scores_are_those_of_keras(file: Path, packed: Path) -> None:
    expected = keras.saving.load_model(file, compile=False).predict(PATCHES / 255.0, verbose=0)
    scorer = load_model(packed)
    np.testing.assert_allclose(scorer.predict_classes(PATCHES), expected, atol=1e-5)
    np.testing.assert_array_equal(
        scorer.predict(PATCHES), scorer.predict_classes(PATCHES)[:, CLASSES.index("DCIS")]
    )
    assert np.ptp(expected[:, 1]) > 0.01  # patches can be told apart at all


@pytest.mark.parametrize(("outputs", "end"), [(1, "sigmoid"), (3, "softmax")])
def test_logits_become_probabilities(outputs: int, end: str, tmp_path: Path) -> None:
    file = save(tmp_path, layers.Flatten(), layers.Dense(outputs))
    pack_model(file, tmp_path / "m", PackSettings(2.0, CLASSES[:outputs], output="logit"))
    raw = keras.saving.load_model(file, compile=False).predict(
        PATCHES.astype(np.float32), verbose=0
    )
    expected = keras.ops.convert_to_numpy(getattr(keras.activations, end)(raw))
    scores = load_model(tmp_path / "m").predict_classes(PATCHES)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    with pytest.raises(SettingsError, match="say --output-kind logit where"):
        pack_model(file, tmp_path / "n", PackSettings(2.0, CLASSES[:outputs]))
    assert not (tmp_path / "n").exists()  # or the next try would be refused


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (PackSettings(8.0, ("a", "b")), r"gives \(None, 3\), but there are 2 classes"),
        (lambda: PackSettings(8.0, ("a", "A", "b")), "two classes have one name"),
        (lambda: PackSettings(8.0, ("../a", "b", "c")), "must be of letters"),
        (lambda: PackSettings(8.0, CLASSES, shown_class="IDC"), "none of the classes"),
        (lambda: PackSettings(8.0, CLASSES, input_range="1..2"), "--input-range must be one of"),
        (lambda: PackSettings(0.0, CLASSES), "within 0.05 to 100"),
    ],
)
def test_what_does_not_fit_is_refused(
    settings: PackSettings | Callable[[], PackSettings], words: str, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=words):
        pack_model(file, tmp_path / "m", settings() if callable(settings) else settings)
    assert not (tmp_path / "m" / CARD_FILE).exists()


class TestNoCode:
    """A folder or file may come from anyone: nothing in it is called."""

    def test_lambda(self, tmp_path: Path) -> None:
        file = save(tmp_path, layers.Lambda(lambda x: x), layers.Flatten(), layers.Dense(1))
        with pytest.raises(ModelFolderError, match=r"'Lambda' of keras\.layers"):
            pack_model(file, tmp_path / "m", PackSettings(8.0, ("a",)))

    @pytest.mark.parametrize(
        "part",
        [
            {"class_name": "function", "config": "system", "module": "os", "registered_name": "f"},
            {"class_name": "Popen", "config": {"args": "true"}, "module": "subprocess"},
            {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
            {"class_name": "TorchModuleWrapper", "config": {}, "module": "keras.layers"},
            {"class_name": "Dense", "config": {}, "module": "keras.layers", "registered_name": "x"},
            {"class_name": ["Dense"], "config": {}, "module": "keras.layers"},
        ],
        ids=lambda part: str(part["class_name"]),
    )
    def test_in_a_card(self, part: dict[str, Any], packed: Path, tmp_path: Path) -> None:
        card = json.loads((packed / CARD_FILE).read_text())
        card["network"]["config"]["config"]["layers"][1]["config"]["activation"] = part
        (tmp_path / CARD_FILE).write_text(json.dumps(card))
        with pytest.raises(ModelFolderError, match=r"hold no code|registered as"):
            load_keras_model(tmp_path, read_card(tmp_path))

    def test_in_a_file(self, file: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "config.json":
                    content = content.replace(b'"GlobalMaxPooling2D"', b'"Lambda"')
                new.writestr(name, content)
        with pytest.raises(ModelFolderError, match="'Lambda'"):
            pack_model(tmp_path / "m.keras", tmp_path / "m", SETTINGS)

    def test_older_formats_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        with pytest.raises(ModelFolderError, match=r"not a \.keras file"):
            pack_model(tmp_path / "m.h5", tmp_path / "m", SETTINGS)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFolderError, match="there is no such file"):
            pack_model(tmp_path / "none.keras", tmp_path / "m", SETTINGS)

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    @pytest.mark.parametrize(
        ("name", "mode"),
        [
            ("../../config.json", 0),
            ("/etc/cron.d/job", 0),
            ("assets/vocabulary.txt", 0),
            ("model.weights.npz", 0),
            ("config.json", 0),
            ("metadata.json", stat.S_IFLNK | 0o777),
        ],
    )
    def test_more_in_a_file(self, name: str, mode: int, file: Path, tmp_path: Path) -> None:
        """What Keras would unpack: other places, links, files of layers, and a second network."""
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
            for member in old.namelist():
                if member != name or not mode:
                    new.writestr(member, old.read(member))
            more = zipfile.ZipInfo(name)
            more.create_system, more.external_attr = 3, mode << 16
            new.writestr(more, "/etc/passwd")
        check_told(
            "… holds …, which a network of Keras's own layers does not need; save the model again "
            "with Keras 3",
            lambda: pack_model(tmp_path / "m.keras", tmp_path / "m", SETTINGS),
        )
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras"]

    def test_another_file_by_way_of_the_weights(self, file: Path, tmp_path: Path) -> None:
        """HDF5 can take an array from any other file."""
        (tmp_path / "secret").write_bytes(bytes(12))
        with zipfile.ZipFile(file) as old:
            members = {name: old.read(name) for name in old.namelist()}
        weights = tmp_path / "w.h5"
        weights.write_bytes(members["model.weights.h5"])
        with h5py.File(weights, "r+") as opened:
            place = "layers/dense/vars/1"
            del opened[place]
            secret = [(str(tmp_path / "secret"), 0, 12)]
            opened.create_dataset(place, (3,), "f4", external=secret)
        members["model.weights.h5"] = weights.read_bytes()
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
            for name, content in members.items():
                new.writestr(name, content)
        with pytest.raises(ModelFolderError, match=r"m\.keras cannot be loaded"):
            pack_model(tmp_path / "m.keras", tmp_path / "m", SETTINGS)

    def test_a_card_of_a_giant_is_refused_before_it_takes_memory(
        self, packed: Path, tmp_path: Path
    ) -> None:
        model = Path(shutil.copytree(packed, tmp_path / "giant"))
        card = json.loads((model / CARD_FILE).read_text())
        # 268 MB of weights; more would be refused for what it makes of a patch.
        card["network"]["config"]["config"]["layers"][-1]["config"]["units"] = 2**24
        (model / CARD_FILE).write_text(json.dumps(card))
        with pytest.raises(
            ModelFolderError, match=r"has the shape \(4, 3\), expected \(4, 16777216\)"
        ):
            load_keras_model(model, read_card(model))
        # What was not built is not built by the next model either.
        assert load_keras_model(packed, read_card(packed)).count_params() < 1000

    def test_a_layer_that_no_memory_holds_is_refused(self, packed: Path, tmp_path: Path) -> None:
        model = Path(shutil.copytree(packed, tmp_path / "wide"))
        card = json.loads((model / CARD_FILE).read_text())
        wide = {
            "module": "keras.layers",
            "class_name": "UpSampling2D",
            "config": {"size": [1000, 1000], "name": "wide"},
        }
        card["network"]["config"]["config"]["layers"].insert(1, wide)
        (model / CARD_FILE).write_text(json.dumps(card))
        check_told(
            "…: the network's layer … makes … numbers of a patch, at most … are computed; pack it "
            "again from its source",
            lambda: load_keras_model(model, read_card(model)),
        )

    def test_a_file_of_a_giant_is_refused_before_it_takes_memory(
        self, file: Path, tmp_path: Path
    ) -> None:
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "config.json":
                    content = content.replace(b'"units": 3', b'"units": 16777216')
                new.writestr(name, content)
        check_told(
            "… describes a network of more weights than it holds; save the model again",
            lambda: pack_model(tmp_path / "m.keras", tmp_path / "m", SETTINGS),
        )

    def test_nonsense_ends_in_an_error(self, packed: Path, tmp_path: Path) -> None:
        card = json.loads((packed / CARD_FILE).read_text())
        card["network"]["config"]["config"]["layers"][1]["config"]["filters"] = "many"
        model = Path(shutil.copytree(packed, tmp_path / "many"))
        (model / CARD_FILE).write_text(json.dumps(card))
        with pytest.raises(ModelFolderError, match="cannot be built"):
            load_keras_model(model, read_card(model))


def test_verify_compares_with_the_scores_at_packing(packed: Path, tmp_path: Path) -> None:
    assert "scores are those at packing" in verify_model(packed)[1]
    card = read_card(packed)
    other = card.network.model_copy(update={"probe": ((0.1, 0.2, 0.7),) * 4})
    told = card.model_copy(update={"network": other}).model_dump(mode="json")
    for source in packed.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / CARD_FILE).write_text(json.dumps(told))
    with pytest.raises(ModelFolderError, match="does not score as it did"):
        verify_model(tmp_path)


def test_training_and_openvino_say_why_not(packed: Path) -> None:
    with pytest.raises(ModelFolderError, match="from which training cannot go on"):
        starting_model(TrainSettings(weights=str(packed)), None)  # type: ignore[arg-type]
    with pytest.raises(
        SettingsError, match="which TensorFlow alone computes; use --runtime tensorflow"
    ):
        load_model(packed, runtime="openvino")


def test_heatmap_shows_each_class(packed: Path, tmp_path: Path) -> None:
    pixels = np.full((300, 400, 3), (215, 140, 190), np.uint8)
    pixels = (pixels * np.linspace(1, 0.7, 400)[None, :, None]).astype(np.uint8)
    slide = tmp_path / "a.tif"
    write_slide_from_array(
        slide, pixels, mpp=8.0, vendor="generic", downsamples=(1,), compression="deflate"
    )
    result = predict_slide(slide, load_model(packed), tmp_path / "map")
    assert result.probability.class_name == "DCIS"
    scores = pd.read_csv(tmp_path / "map" / "scores.csv")
    columns = ["prob_DCIS", "prob_benign", "prob_tumour"]
    assert list(scores.columns[4:]) == columns
    np.testing.assert_allclose(scores[columns].sum(axis=1), 1, atol=1e-5)
    assert {path.name for path in (tmp_path / "map" / "classes").iterdir()} == {
        f"{name}.{end}" for name in ("benign", "tumour") for end in ("ome.tif", "png")
    }
    report = (tmp_path / "map" / "report.html").read_text(encoding="utf-8")
    assert "DCIS area" in report and "IDC" not in report
    drawn = json.loads((tmp_path / "map" / "heatmap.geojson").read_text())["features"]
    assert {name for one in drawn for name in one["properties"]["measurements"]} >= {"prob_DCIS"}

    again = read_result(tmp_path / "map")
    shown = {one.class_name: one.values for one in (again.probability, *again.others)}
    np.testing.assert_array_equal(shown["DCIS"], result.probability.values)
    np.testing.assert_allclose(sum(shown.values()), 1, atol=1e-5)
    before = (tmp_path / "map" / "classes" / "tumour.png").read_bytes()
    render_again(tmp_path / "map", threshold=0.01)
    assert (tmp_path / "map" / "classes" / "tumour.png").read_bytes() != before


def test_commands(file: Path, packed: Path, tmp_path: Path) -> None:
    def run(*words: object) -> str:
        done = CliRunner().invoke(app, ["model", *map(str, words)])
        assert done.exit_code == 0, done.output
        return done.stdout

    options = ("--mpp", 8, "--classes", ",".join(CLASSES), "--show", "DCIS")
    told = run("pack", file, "-o", tmp_path / "m", *options, "--input-range", "0..1")
    assert "50 x 50 px at 8 µm/px, a field of 400 µm" in told
    assert (tmp_path / "m" / CARD_FILE).read_bytes() == (packed / CARD_FILE).read_bytes()
    assert json.loads(run("info", packed, "--json"))["class_names"] == list(CLASSES)
    assert "ROC AUC 0.9" in run("info", "shipped")
    assert "weights are whole" in run("verify", tmp_path / "m")
