"""Scores without TensorFlow: they are TensorFlow's, and TensorFlow is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from wsi_idc.errors import ModelFolderError
from wsi_idc.heatmap.predict import predict_slide
from wsi_idc.heatmap.result import read_run
from wsi_idc.model.folder import (
    SHIPPED_MODEL,
    WEIGHTS_FILE,
    architecture_of,
    read_arrays,
    read_card,
)
from wsi_idc.model.scorer import Scorer, load_model
from wsi_idc.phantom import PhantomSlide, PhantomSpec, make_phantom
from wsi_idc.slides import SlideSource, open_slide

if find_spec("openvino") is None:
    pytest.skip("needs the extra openvino", allow_module_level=True)

from wsi_idc.model.openvino_graph import OpenVinoGraph
from wsi_idc.model.runtime import threads_to_use

BATCH_SIZE = 16


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomSlide:
    folder = tmp_path_factory.mktemp("phantom")
    return make_phantom(PhantomSpec("section", width_mm=4.0, height_mm=3.2, mpp=4.0), folder)


@pytest.fixture(scope="module", params=["input of 50 px", "enlarged to 64 px"])
def pair(request: pytest.FixtureRequest) -> tuple[Scorer, Scorer]:
    """One model in OpenVINO and in TensorFlow."""
    enlarged = request.param == "enlarged to 64 px"
    folder = SHIPPED_MODEL if enlarged else request.getfixturevalue("model_folder")
    assert read_card(folder).network.input_size == (64 if enlarged else 50)
    openvino, tensorflow = (
        load_model(folder, device="cpu", runtime=runtime, batch_size=BATCH_SIZE)
        for runtime in ("openvino", "tensorflow")
    )
    assert (openvino.runtime, tensorflow.runtime) == ("openvino", "tensorflow")
    return openvino, tensorflow


@pytest.fixture(scope="module")
def scorer(model_folder: Path) -> Scorer:
    return load_model(model_folder, runtime="openvino", batch_size=BATCH_SIZE)


@pytest.fixture(scope="module")
def patches(phantom: PhantomSlide) -> np.ndarray:
    """Noise, flat colours, and a made section in squares of 50 px at 8 µm/px."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 50, 50, 3), np.uint8)
    flat = np.stack([np.full((50, 50, 3), value, np.uint8) for value in (0, 128, 255)])
    with open_slide(phantom.slide) as slide:
        section = slide.read(0, 0, (500, 400), 8.0)
    squares = section.reshape(8, 50, 10, 50, 3).swapaxes(1, 2).reshape(-1, 50, 50, 3)
    return np.concatenate([noise, flat, squares])


def test_scores_are_those_of_tensorflow(pair: tuple[Scorer, Scorer], patches: np.ndarray) -> None:
    openvino, tensorflow = pair
    expected = tensorflow.predict(patches)
    assert np.ptp(expected) > 100 * 1e-5  # else agreement says little
    got = openvino.predict(patches)
    assert got.dtype == np.float32
    # bfloat16, which OpenVINO takes where the processor has it, is off by 1e-2.
    assert np.abs(got - expected).max() < 1e-5


def test_a_score_does_not_depend_on_what_is_scored_beside_it(
    scorer: Scorer, patches: np.ndarray
) -> None:
    alone = np.concatenate([scorer.predict(patch[None]) for patch in patches[:5]])
    assert np.array_equal(scorer.predict(patches)[:5], alone)


def test_a_slide_is_mapped_without_tensorflow(phantom: PhantomSlide, tmp_path: Path) -> None:
    arguments = ["heatmap", str(phantom.slide), "-o", str(tmp_path), "--runtime", "openvino"]
    code = (
        f"import sys; sys.argv = ['wsi-idc', *{arguments!r}]\n"
        "from wsi_idc.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "print([name for name in ('tensorflow', 'keras', 'openvino') if name in sys.modules])"
    )
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(home)},
    )
    assert done.stdout.splitlines()[-1] == "['openvino']", done.stderr
    assert not (home / "intel").exists()  # where OpenVINO's telemetry notes who uses it
    ran = read_run(tmp_path / "section")
    assert ran["runtime"] == "openvino"
    assert "openvino" in ran["versions"]
    assert "tensorflow" not in ran["versions"]


def test_a_map_of_another_runtime_is_the_same_map(
    phantom: PhantomSlide, pair: tuple[Scorer, Scorer], tmp_path: Path
) -> None:
    openvino, tensorflow = pair
    source, output = SlideSource(phantom.slide), tmp_path / "map"
    predict_slide(source, openvino, output)
    before = (output / "run.json").read_bytes()
    predict_slide(source, tensorflow, output)  # scores nothing, refuses nothing
    assert (output / "run.json").read_bytes() == before
    assert json.loads(before)["runtime"] == "openvino"
    predict_slide(source, tensorflow, output, overwrite=True)
    assert read_run(output)["runtime"] == "tensorflow"


class TestWrongWeights:
    @pytest.fixture
    def arrays(self, model_folder: Path) -> dict[str, np.ndarray]:
        return read_arrays(model_folder / "weights.safetensors")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"conv4_block2_2_conv/kernel": None}, "conv4_block2_2_conv/kernel is missing"),
            ({"conv1_conv/bias": np.zeros(32)}, r"conv1_conv/bias has the shape \(32,\)"),
            ({"head3_conv/kernel": np.zeros(1)}, "nothing takes head3_conv/kernel"),
        ],
    )
    def test_arrays_of_another_network_are_refused(
        self,
        arrays: dict[str, np.ndarray],
        model_folder: Path,
        changes: dict[str, np.ndarray | None],
        message: str,
    ) -> None:
        changed = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
        with pytest.raises(ModelFolderError, match=message):
            OpenVinoGraph(architecture_of(read_card(model_folder)), changed)

    def test_scores_that_are_no_numbers_are_refused(
        self, arrays: dict[str, np.ndarray], model_folder: Path, patches: np.ndarray
    ) -> None:
        arrays["logit/bias"] = np.array([np.nan], np.float32)
        graph = OpenVinoGraph(architecture_of(read_card(model_folder)), arrays, BATCH_SIZE)
        with pytest.raises(ModelFolderError, match="not finite numbers"):
            graph(patches[:1])


@pytest.mark.parametrize(("told", "threads"), [("1", 1), ("0", None), ("", None)])
def test_threads_are_as_many_as_tensorflow_would_be_told(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, told: str, threads: int | None
) -> None:
    """So that several processes can share a machine's processors."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", told)
    assert threads_to_use() == threads
    graph = OpenVinoGraph(
        architecture_of(read_card(model_folder)),
        read_arrays(model_folder / WEIGHTS_FILE),
        BATCH_SIZE,
    )
    compiled = graph._request.get_compiled_model()
    assert threads in (None, compiled.get_property("INFERENCE_NUM_THREADS"))
