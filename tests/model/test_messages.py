"""What is wrong with a model, its folder, or training is said in words that help.

TensorFlow is not needed to find out: where it would be asked, its words are put into its mouth.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from patch_folder import make_collection
from safetensors.numpy import save_file
from told_messages import check_told, says

from wsi_idc.model import architecture, curves, epochs, finishing, keras_file, packing, runtime
from wsi_idc.model.architecture import Architecture, build_model, load_base_weights
from wsi_idc.model.card import ModelCard, PackedNetwork, check_class_names
from wsi_idc.model.checkpoint import load_checkpoint
from wsi_idc.model.evaluation import _check_geometry, evaluate
from wsi_idc.model.folder import (
    SHIPPED_MODEL,
    _fill,
    architecture_of,
    read_arrays,
    read_card,
    read_card_arrays,
)
from wsi_idc.model.keras_config import _design, check_config
from wsi_idc.model.keras_file import load_keras_file
from wsi_idc.model.logits import LogitGraph
from wsi_idc.model.packing import PackSettings, _check_outputs, _patch_size, pack_model
from wsi_idc.model.settings import TrainSettings
from wsi_idc.model.start import starting_model
from wsi_idc.model.training import agreed_mpp
from wsi_idc.model.work_folder import (
    CHECKPOINT,
    SETTINGS_FILE,
    WORK_FOLDER,
    clear,
    prepare,
    seen_in_training,
)
from wsi_idc.splits import Split

AGAIN = "copy the model folder again"
FILE = Path("m.keras")
CARD = read_card(SHIPPED_MODEL)


def stumble(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def variable(name: str, *shape: int) -> SimpleNamespace:
    return SimpleNamespace(path=name, shape=shape, assign=lambda _: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with a card, and weights that are not the card's."""
    shutil.copy(SHIPPED_MODEL / "model.json", tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    return tmp_path


class TestFolders:
    @pytest.mark.parametrize(
        ("message", "harm"),
        [
            ("there is no model folder …; check the path", shutil.rmtree),
            (
                "… is not a model folder (no model.json); give what `wsi-idc train` or "
                "`wsi-idc model pack` wrote",
                lambda folder: (folder / "model.json").unlink(),
            ),
            (
                "… cannot be read (…); " + AGAIN,
                lambda folder: (folder / "model.json").write_text("{"),
            ),
            (
                "… is not a valid model card (…: …); " + AGAIN,
                lambda folder: (folder / "model.json").write_text("{}"),
            ),
        ],
    )
    def test_cards(self, message: str, harm: Callable[[Path], object], folder: Path) -> None:
        harm(folder)
        check_told(message, lambda: read_card(folder))

    def test_weights(self, folder: Path) -> None:
        check_told(
            "… is not the file that model.json describes (SHA-256 differs); " + AGAIN,
            lambda: read_card_arrays(folder, CARD),
        )
        weights = folder / "weights.safetensors"
        told = "… is not a readable weights file (…); " + AGAIN
        check_told(told, lambda: read_arrays(weights))
        save_file({"a": np.array([np.nan], np.float32)}, weights)
        check_told(
            "…: … holds values that are not finite numbers; copy the model folder again, or train "
            "it again",
            lambda: read_arrays(weights),
        )
        save_file({"bn/moving_variance": np.array([1, -1e-3], np.float32)}, weights)
        check_told(
            "…: … holds values below 0, which no variance has; copy the model folder again, or "
            "train it again",
            lambda: read_arrays(weights),
        )
        weights.unlink()
        told = "… lacks its weights file …; " + AGAIN
        check_told(told, lambda: read_card_arrays(folder, CARD))

    def test_weights_of_another_network(self) -> None:
        model = SimpleNamespace(weights=[variable("a", 3)])
        path = Path("weights.safetensors")
        check_told(
            "… belongs to another network than the card describes (differs at …); " + AGAIN,
            lambda: _fill(model, {"b": np.zeros(3)}, path),
        )
        check_told(
            "…: … has the shape …, expected …; " + AGAIN,
            lambda: _fill(model, {"a": np.zeros(4)}, path),
        )

    def test_weights_of_another_network_for_openvino(self) -> None:
        openvino_graph = pytest.importorskip("wsi_idc.model.openvino_graph")
        builder = openvino_graph._Builder.__new__(openvino_graph._Builder)
        builder._arrays = {"b": np.zeros(4)}
        check_told(
            "the weights belong to another network than the card describes (… is missing); "
            + AGAIN,
            lambda: builder._take("a", (3,)),
        )
        check_told(
            "the weights' … has the shape …, expected …; " + AGAIN, lambda: builder._take("b", (3,))
        )

    def test_packed_models_are_not_trained_further(self) -> None:
        packed = CARD.model_copy(update={"network": PackedNetwork.model_construct()})
        check_told(
            "… is a packed Keras model, which scores, but from which training cannot go on; start "
            "from another with --weights",
            lambda: architecture_of(packed),
        )

    def test_the_patients_of_a_model(self, folder: Path) -> None:
        (folder / "split.csv").write_text("patients,side\n")
        check_told(
            "… cannot be read as the model's split file (…); " + AGAIN,
            lambda: seen_in_training(folder),
        )


class TestScoring:
    class Constant(LogitGraph):
        """Gives the same for every patch."""

        def __init__(self, value: float) -> None:
            super().__init__(5, 2)
            self.value = value

        def run(self, batch: np.ndarray) -> np.ndarray:
            return np.full((len(batch), 1), self.value, np.float32)

    def test_patches(self) -> None:
        told = "the model takes uint8 patches [N, …], not … …"
        check_told(told, lambda: self.Constant(0.0).all(np.zeros((1, 4, 4, 3), np.uint8)))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_scores(self, value: float) -> None:
        check_told(
            "… gives scores that are not finite numbers, so its weights are damaged; copy the "
            "model folder again, or train it again",
            lambda: self.Constant(value).all(np.zeros((1, 5, 5, 3), np.uint8)),
        )


def config(**changes: object) -> dict[str, object]:
    dense = {"class_name": "Dense", "module": "keras.layers", "config": {}}
    return dense | changes


def nested(depth: int) -> list[Any]:
    one: list[Any] = []
    for _ in range(depth):
        one = [one]
    return one


class TestPacking:
    @pytest.mark.parametrize(
        ("message", "given"),
        [
            (
                "…: the network's configuration is nested too deep; pack it again from its source",
                nested(500),
            ),
            (
                "…: the network carries training settings; pack it again from its source",
                config(compile_config={"loss": "mse"}),
            ),
            (
                "…: the network has … of …, which is none of the layers that are known to hold no "
                "code; a model with Lambda or layers of its own cannot be loaded safely: rebuild "
                "it from Keras's own layers",
                config(class_name="Lambda"),
            ),
            (
                "…: the network has a layer of its own, registered as …; rebuild it from Keras's "
                "own layers",
                config(registered_name="mine>Dense"),
            ),
        ],
    )
    def test_layers(self, message: str, given: object) -> None:
        check_told(message, lambda: check_config(given, FILE))

    def test_networks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        saving = SimpleNamespace(deserialize_keras_object=stumble(TypeError("units is 'many'")))
        keras = SimpleNamespace(
            saving=saving, Model=SimpleNamespace, StatelessScope=lambda **_: nullcontext()
        )
        monkeypatch.setitem(sys.modules, "keras", keras)
        check_told(
            "…: the network cannot be built (…); pack it again from its source",
            lambda: _design(config(), FILE),
        )
        saving.deserialize_keras_object = lambda *_, **__: "a layer"
        check_told(
            "…: the network's configuration is of no model; pack it again from its source",
            lambda: _design(config(), FILE),
        )

    @pytest.mark.parametrize(
        ("message", "content"),
        [
            ("…: there is no such file; check the path", None),
            (
                "… is not a .keras file; save the model with model.save('….keras') of Keras 3 (the "
                "older .h5 and SavedModel can hold code)",
                "",
            ),
            ("… is damaged, or no .keras file (…); save the model again", {}),
            (
                "… is damaged: its config.json holds no model; save the model again",
                {"config.json": "[]", "model.weights.h5": ""},
            ),
            (
                "… cannot be loaded (…); save the model again with Keras 3",
                {"config.json": json.dumps(config()), "model.weights.h5": ""},
            ),
        ],
    )
    def test_files(
        self,
        message: str,
        content: dict[str, str] | str | None,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(keras_file, "numbers_of", lambda *_: 0)
        saving = SimpleNamespace(load_model=stumble(ValueError("no weights\nat line 3")))
        monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(saving=saving))
        file = tmp_path / "m.keras"
        if isinstance(content, str):
            file.write_text(content)
        elif content is not None:
            with zipfile.ZipFile(file, "w") as archive:
                for name, text in content.items():
                    archive.writestr(name, text)
        check_told(message, lambda: load_keras_file(file))

    def test_shapes(self) -> None:
        model = SimpleNamespace(
            inputs=[SimpleNamespace(shape=(None, None, None, 3))],
            outputs=[SimpleNamespace(shape=(None, 3))],
        )
        check_told(
            "… takes …; one input of square RGB patches of a fixed size, (None, P, P, 3), is "
            "needed",
            lambda: _patch_size(model, FILE),
        )
        large = SimpleNamespace(inputs=[SimpleNamespace(shape=(None, 1025, 1025, 3))])
        check_told(
            "… takes patches of … px, and at most … px can be read; build the network for smaller "
            "ones",
            lambda: _patch_size(large, FILE),
        )
        check_told(
            "… gives …, but there are … classes (…); (None, number of classes) is needed",
            lambda: _check_outputs(model, FILE, PackSettings(8.0, ("a", "b"))),
        )

    def test_folders_and_names(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = PackSettings(8.0, ("a",))
        told = "… is there already; choose another place with --output"
        check_told(told, lambda: pack_model(FILE, folder, settings))
        model = SimpleNamespace(
            inputs=[SimpleNamespace(shape=(None, 50, 50, 3))],
            outputs=[SimpleNamespace(shape=(None, 1))],
            weights=[variable("kernel", 3), variable("kernel", 3)],
        )
        monkeypatch.setattr(packing, "load_keras_file", lambda _: model)
        told = "…: two weights have one name; rename the model's layers"
        check_told(told, lambda: pack_model(FILE, folder / "new", settings))

    @pytest.mark.parametrize(
        ("message", "settings"),
        [
            ("give each output a name with --classes, as in a,b,c", {"classes": ()}),
            ("--show … is none of the classes …", {"shown_class": "c"}),
            ("--input-range must be one of …, not …", {"input_range": "1..2"}),
            ("the output must be probability or logit, not …", {"output": "score"}),
            ("the threshold must lie within 0 to 1, not …", {"threshold": 2.0}),
            ("--mpp must be within … to … µm/px, not …", {"mpp": 0.0}),
        ],
    )
    def test_settings(self, message: str, settings: dict[str, Any]) -> None:
        wanted = {"mpp": 8.0, "classes": ("a", "b")} | settings
        check_told(message, lambda: PackSettings(**wanted))

    def test_the_nearest_class_is_named(self) -> None:
        with pytest.raises(ValueError, match="did you mean 'DCIS'"):
            PackSettings(8.0, ("benign", "DCIS"), shown_class="dcsi")

    def test_names_of_classes(self) -> None:
        with pytest.raises(ValueError, match="must be of letters, digits, blanks and"):
            check_class_names(["../a"])
        with pytest.raises(ValueError, match="two classes have one name"):
            check_class_names(["a", "A"])


class TestDevices:
    TF = SimpleNamespace(
        config=SimpleNamespace(
            list_physical_devices=lambda _: ["gpu"],
            get_visible_devices=lambda _: ["gpu"],
            set_visible_devices=stumble(RuntimeError("already in use")),
        )
    )
    BARE = SimpleNamespace(config=SimpleNamespace(list_physical_devices=lambda _: []))

    @pytest.mark.parametrize(
        ("message", "act"),
        [
            (
                "unknown --device …; allowed are auto, cpu, gpu and gpu:N",
                lambda tf, bare: runtime._choose_device(tf, "gpuu"),
            ),
            (
                "--device … was asked for, but TensorFlow finds no GPU here; leave it out, or see "
                "`wsi-idc doctor`",
                lambda tf, bare: runtime._choose_device(bare, "gpu"),
            ),
            (
                "--device … was asked for, but there are … GPUs; they count from gpu:0",
                lambda tf, bare: runtime._choose_device(tf, "gpu:1"),
            ),
            (
                "the device cannot be changed after TensorFlow has used another one in this "
                "process; start a new one",
                lambda tf, bare: runtime._choose_device(tf, "cpu"),
            ),
            (
                "unknown --runtime …; allowed are …",
                lambda tf, bare: runtime.choose_runtime("onnx"),
            ),
            (
                "the runtime openvino scores on the CPU only, not on device …; use --runtime "
                "tensorflow, or --device cpu",
                lambda tf, bare: runtime.choose_runtime("openvino", "gpu"),
            ),
        ],
    )
    def test_choice(self, message: str, act: Callable[[Any, Any], object]) -> None:
        check_told(message, lambda: act(self.TF, self.BARE))

    def test_openvino(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(__version__="2021.4"))
        check_told(
            'the installed OpenVINO … is too old; pip install --upgrade "wsi-idc[openvino]", or '
            "uninstall it",
            runtime.load_openvino,
        )
        monkeypatch.setattr(runtime, "find_spec", lambda _: None)
        check_told(
            'OpenVINO is not installed; pip install "wsi-idc[openvino]", or use --runtime '
            "tensorflow",
            lambda: runtime.choose_runtime("openvino", "cpu"),
        )


class TestStarting:
    def test_weights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        name = architecture.IMAGENET_FILE
        check_told(
            "there is no weights file …; --weights takes imagenet, none, shipped, a model folder "
            "or "
            f"the path of {name}",
            lambda: load_base_weights(None, "imagnet"),
        )
        (tmp_path / "w.h5").touch()
        base = SimpleNamespace(load_weights=stumble(OSError("file signature not found")))
        check_told(
            "… does not hold weights of ResNet50V2 without top (…); give "
            f"{name}, or --weights none",
            lambda: load_base_weights(base, str(tmp_path / "w.h5")),
        )
        keras = SimpleNamespace(utils=SimpleNamespace(get_file=stumble(Exception("no network"))))
        monkeypatch.setitem(sys.modules, "keras", keras)
        check_told(
            "the ImageNet weights could not be fetched (…); without a network, download "
            f"{architecture.IMAGENET_ADDRESS}{name} elsewhere and put it into …, or give its path "
            "with --weights FILE, or train from scratch with --weights none",
            lambda: load_base_weights(None, "imagenet"),
        )

    def test_sizes(self) -> None:
        check_told(
            "ResNet50V2 needs an input of at least … pixels, not …; enlarge it with --input-size",
            lambda: build_model(Architecture(patch_size=20, input_size=20)),
        )

    def test_models(self, folder: Path) -> None:
        split = Split(train=("P1",), val=("P2",))
        settings = TrainSettings(weights=str(folder), architecture=Architecture(head_filters=8))
        told = "the model … has … …, not …; to go on from it, train with …"
        check_told(told, lambda: starting_model(settings, split))
        (folder / "split.csv").write_text("patient,split\nP2,train\n")
        check_told(
            "patient … would be on the … side, but the model … was trained on it or chosen by it; "
            "split the patients as its split.csv does, or start from other weights",
            lambda: starting_model(settings, split),
        )

    @pytest.mark.parametrize(
        ("message", "size", "mpp"),
        [
            ("… was tiled with patches of … px, not …; give --patch-size …", 40, 8.0),
            ("… was tiled at … µm/px, not …; leave out --mpp", 50, 4.0),
        ],
    )
    def test_patches(self, message: str, size: int, mpp: float) -> None:
        collection: Any = SimpleNamespace(patch_size=size, mpp=mpp)
        settings = TrainSettings(mpp=8.0)
        check_told(message, lambda: agreed_mpp(Path("patches"), collection, settings))


class TestTraining:
    @pytest.mark.parametrize(
        ("message", "settings"),
        [
            ("… must be at least …, not …", {"epochs": 0}),
            ("--learning-rate must lie within 0 to 1, not …", {"learning_rate": 0.0}),
            ("--learning-rate must lie within 0 to 1, not …", {"learning_rate": np.nan}),
            ("… must be at least 0 and at most …, not …", {"warmup_epochs": np.inf}),
            ("… must be at least 0 and at most …, not …", {"weight_decay": np.nan}),
            ("… must be at least 0 and at most …, not …", {"label_smoothing": np.nan}),
            ("--average-decay must be at least 0 and below 1, not …", {"average_decay": 1.0}),
            ("--precision must be one of …, not …", {"precision": "double"}),
            ("--seed must lie within 0 to 2147483647, not …", {"seed": -1}),
            ("--mpp must be within … to … µm/px, not …", {"mpp": 0.0}),
            ("… must be at most …, not …", {"architecture": Architecture(input_size=2000)}),
        ],
    )
    def test_settings(self, message: str, settings: dict[str, Any]) -> None:
        check_told(message, lambda: replace(TrainSettings(), **settings))

    @pytest.mark.parametrize(
        ("message", "begun", "how"),
        [
            (
                "--resume goes on with a run, --overwrite replaces it: give one",
                None,
                {"resume": True, "overwrite": True},
            ),
            (
                "… already holds a trained model; choose another folder or add --overwrite",
                "model.json",
                {},
            ),
            (
                "… holds an unfinished training run; go on with --resume or start over with "
                "--overwrite",
                f"{WORK_FOLDER}/{CHECKPOINT}",
                {},
            ),
            (
                "… was begun with other settings (…); resume with the same ones, or start over "
                "with --overwrite",
                "model.json",
                {"resume": True},
            ),
        ],
    )
    def test_folders(
        self, message: str, begun: str | None, how: dict[str, bool], tmp_path: Path
    ) -> None:
        if begun is not None:
            (tmp_path / begun).parent.mkdir(exist_ok=True)
            (tmp_path / begun).touch()
            (tmp_path / SETTINGS_FILE).write_text('{"epochs": 2}')
        choice = {"resume": False, "overwrite": False} | how
        check_told(message, lambda: prepare(tmp_path, {"epochs": 3}, **choice))

    @pytest.mark.parametrize("content", ["{", "[1]", "2", "[" * 100_000])
    def test_a_run_whose_settings_are_damaged(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "model.json").touch()
        (tmp_path / SETTINGS_FILE).write_text(content)
        check_told(
            "… cannot be read (…); start over with --overwrite",
            lambda: prepare(tmp_path, {}, resume=True, overwrite=False),
        )

    def test_what_is_left_of_a_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / WORK_FOLDER).mkdir()
        monkeypatch.setattr(shutil, "rmtree", stumble(OSError(16, "Device or resource busy")))
        check_told(
            "… cannot be removed (…); it is not needed any more, remove it by hand",
            lambda: clear(tmp_path),
        )

    def test_a_checkpoint(self, tmp_path: Path) -> None:
        (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04")
        model = SimpleNamespace(variables=[], optimizer=SimpleNamespace(variables=[]))
        check_told(
            "… is no checkpoint of this network (…); start over with --overwrite",
            lambda: load_checkpoint(tmp_path / "checkpoint.npz", model, None),  # type: ignore
        )

    def test_epochs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(epochs, "load_tensorflow", lambda: None)
        monkeypatch.setattr(epochs, "training_data", lambda *_: None)
        settings: Any = SimpleNamespace(batch_size=3)
        strategy = SimpleNamespace(
            num_replicas_in_sync=2, experimental_distribute_dataset=lambda _: ()
        )
        check_told(
            "a batch of … patches cannot be shared equally by … devices; give a multiple of …",
            lambda: epochs.EpochRunner(None, None, settings, 1, strategy),  # type: ignore
        )
        runner = epochs.EpochRunner.__new__(epochs.EpochRunner)
        runner._settings, runner._steps, runner._strategy = settings, 1, strategy
        runner._side, runner._model = (
            None,
            SimpleNamespace(  # type: ignore
                reset_metrics=lambda: None, get_metrics_result=lambda: {"loss": float("nan")}
            ),
        )
        told = "the … became … in epoch …; use a lower --learning-rate"
        check_told(told, lambda: runner.run(0, None))

    def test_curves(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class OpError(Exception):
            message = "the folder is read-only"

        tf = SimpleNamespace(errors=SimpleNamespace(OpError=OpError))
        monkeypatch.setattr(curves, "load_tensorflow", lambda: tf)
        drawn = curves.Curves(None)
        drawn._writer = SimpleNamespace(as_default=stumble(OpError()))
        check_told(
            "cannot write curves for TensorBoard: …; choose another place with --tensorboard",
            lambda: drawn.add(1, {"loss": 0.5}),
        )
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        check_told(
            "--tensorboard needs TensorBoard: pip install 'wsi-idc[tensorboard]'",
            lambda: curves.Curves(tmp_path),
        )

    def test_a_model_that_has_learnt_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class EnoughError(Exception):
            """What comes after the warning is of no matter here."""

        for name in ("_eager_logits", "write_weights", "read_weights"):
            monkeypatch.setattr(finishing, name, lambda *_, **__: None)
        monkeypatch.setattr(finishing, "TensorFlowGraph", lambda *_: lambda _: None)
        monkeypatch.setattr(finishing, "fit_calibration", lambda *_: (-0.1, 0.0))
        monkeypatch.setattr(finishing, "calibrated", stumble(EnoughError()))
        side = SimpleNamespace(pixels=None, label=None)
        run: Any = SimpleNamespace(sides={"val": side}, model=None)
        said: list[str] = []
        with pytest.raises(EnoughError):
            finishing.finish(run, tmp_path, TrainSettings(), said.append)
        assert said == [
            "warning: the model ranks validation patches no better than chance; its scores are of "
            "no use"
        ]


class TestJudging:
    SCORER: Any = SimpleNamespace(card=CARD)

    @pytest.mark.parametrize(
        ("message", "who"),
        [
            ("… has no patient … to leave out with --without", {"without": ("P10",)}),
            (
                "… leaves … patches of … class(es) to judge, … patients being left out; both "
                "classes are needed (--all-patients leaves out none that the model has learnt "
                "from)",
                {"trained_on": ("10", "11")},
            ),
        ],
    )
    def test_patients(self, message: str, who: dict[str, Any], tmp_path: Path) -> None:
        patches = make_collection(tmp_path / "patches", patients=2, of_each_class=1)
        check_told(message, lambda: evaluate(self.SCORER, patches, **who))

    def test_patches_of_another_kind(self) -> None:
        collection: Any = SimpleNamespace(mpp=4.0, patch_size=50)
        check_told(
            "… was tiled with patches of … px at … µm/px, the model takes … px at …; tile the "
            "slides for it",
            lambda: _check_geometry(Path("patches"), collection, CARD),
        )


def test_stain_far_from_that_of_training() -> None:
    from wsi_idc.model.stain import StainRange, stain_warning

    assert isinstance(CARD, ModelCard)
    identity = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    known = StainRange.model_construct(mean=(0.0, 0.0, 0.0), covariance=identity)
    told = (
        "the stain is unlike the training data's (distance …, training patients lie within …); the "
        "scores are not to be trusted"
    )
    warning = stain_warning(np.full(3, 99.0), known)
    assert says(told).fullmatch(str(warning))
    assert stain_warning(np.zeros(3), known) is None
