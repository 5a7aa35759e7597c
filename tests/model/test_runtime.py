from __future__ import annotations

import pytest

from wsi_idc.cli.options import Precision, Runtime
from wsi_idc.errors import SettingsError
from wsi_idc.model import runtime
from wsi_idc.model.runtime import PRECISIONS, RUNTIMES, choose_runtime, sees_gpu, training_policy


def test_a_precision_that_is_asked_for_is_taken() -> None:
    assert training_policy("float32") == "float32"
    assert training_policy("float16") == "mixed_float16"
    assert training_policy("bfloat16") == "mixed_bfloat16"


@pytest.mark.parametrize(("native", "policy"), [(True, "mixed_bfloat16"), (False, "float32")])
def test_a_processor_takes_half_precision_only_where_it_is_native(
    native: bool, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "multiplies_bfloat16", lambda: native)
    runtime.load_tensorflow("cpu")
    assert training_policy() == policy


def test_the_command_line_offers_all_that_there_is() -> None:
    assert tuple(Precision) == PRECISIONS
    assert tuple(Runtime) == RUNTIMES


class TestChooseRuntime:
    @pytest.fixture(autouse=True)
    def openvino_here_and_no_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runtime, "find_spec", lambda name: name)
        monkeypatch.setattr(runtime, "sees_gpu", lambda: False)

    @pytest.mark.parametrize(
        ("device", "chosen"),
        [("auto", "openvino"), ("CPU", "openvino"), ("gpu", "tensorflow"), ("gpu:1", "tensorflow")],
    )
    def test_auto_takes_openvino_for_the_cpu(self, device: str, chosen: str) -> None:
        assert choose_runtime("auto", device) == chosen

    def test_auto_takes_tensorflow_where_there_is_a_gpu(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runtime, "sees_gpu", lambda: True)
        assert choose_runtime("auto", "auto") == "tensorflow"
        assert choose_runtime("auto", "cpu") == "openvino"
        assert choose_runtime("openvino", "auto") == "openvino"

    def test_auto_takes_tensorflow_where_openvino_is_not_installed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runtime, "find_spec", lambda name: None)
        assert choose_runtime() == "tensorflow"
        with pytest.raises(SettingsError, match=r'pip install "wsi-idc\[openvino\]"'):
            choose_runtime("openvino")

    @pytest.mark.parametrize("device", ["gpu", "gpu:0"])
    def test_openvino_refuses_a_gpu(self, device: str) -> None:
        with pytest.raises(SettingsError, match=rf"CPU only, not on device '{device}'"):
            choose_runtime("openvino", device)

    def test_an_unknown_runtime_is_refused_with_those_that_are(self) -> None:
        with pytest.raises(SettingsError, match="'onnx'; allowed are auto, tensorflow, openvino"):
            choose_runtime("onnx")


@pytest.mark.parametrize("device", ["auto:1", "cpu:0", "gpu:one", "gpu:²"])
def test_a_device_that_is_none_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match="allowed are auto, cpu, gpu and gpu:N"):
        runtime.load_tensorflow(device)


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_gpu_that_is_hidden_is_not_seen(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_GPU_FILES", ("null",))  # is under every /dev
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert sees_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert not sees_gpu()
