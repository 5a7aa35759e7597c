"""The runtimes of the network: which one is taken, and their settings before they are imported.

Import TensorFlow and Keras through `load_tensorflow` only: importing takes seconds, and some
of what makes it fast on a plain CPU must be set in the environment before. Import OpenVINO
through `load_openvino` only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wsi_idc.errors import SettingsError
from wsi_idc.near import did_you_mean

_ENVIRONMENT = {
    # oneDNN makes training three times as fast; TensorFlow leaves it off on processors
    # without AVX-512 VNNI.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # Start-up notes of no use to a user; errors still come through.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
}


def load_tensorflow(device: str = "auto") -> Any:
    """Import TensorFlow with this package's settings and return the module.

    A user's own setting of an environment variable stands.

    Parameters
    ----------
    device : `auto` (a GPU where there is one), `cpu`, `gpu` or `gpu:N`.

    Raises
    ------
    SettingsError
        If the device is unknown or not there.
    """
    chatty = "TF_CPP_MIN_LOG_LEVEL" in os.environ and "tensorflow" not in sys.modules
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with nullcontext() if chatty else _native_stderr_closed():
        import tensorflow as tf

        tf.config.list_physical_devices()
        # The first tensor starts the runtime, which has its say too.
        if "keras" not in sys.modules:
            import keras  # noqa: F401
    _choose_device(tf, device)
    return tf


RUNTIMES = ("auto", "tensorflow", "openvino")
"""What can score patches; training is TensorFlow's alone."""

_GPU_FILES = ("nvidia[0-9]*", "dxg", "kfd")
"""Under /dev: NVIDIA's, those of Windows seen from WSL, and AMD's."""


def choose_runtime(runtime: str = "auto", device: str = "auto") -> str:
    """`tensorflow` or `openvino`, for one of `RUNTIMES` and a device.

    `auto` takes OpenVINO where it is installed and the device is the CPU: by `cpu`, or by `auto`
    on a machine without GPU. TensorFlow is not imported to find out.

    Raises
    ------
    SettingsError
        If the runtime is unknown or not installed, or cannot use the device.
    """
    if runtime not in RUNTIMES:
        raise SettingsError(f"unknown --runtime {runtime!r}; allowed are {', '.join(RUNTIMES)}")
    device = device.lower()
    on_cpu = device == "cpu" or (device == "auto" and not sees_gpu())
    is_installed = find_spec("openvino") is not None
    if runtime == "auto":
        return "openvino" if on_cpu and is_installed else "tensorflow"
    if runtime == "openvino" and device not in ("auto", "cpu"):
        raise SettingsError(
            f"the runtime openvino scores on the CPU only, not on device {device!r}; use "
            "--runtime tensorflow, or --device cpu"
        )
    if runtime == "openvino" and not is_installed:
        raise SettingsError(
            'OpenVINO is not installed; pip install "wsi-idc[openvino]", or use '
            "--runtime tensorflow"
        )
    return runtime


def sees_gpu() -> bool:
    """Whether this process may have a GPU to use, as the machine's device files say."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    return any(any(Path("/dev").glob(name)) for name in _GPU_FILES)


def threads_to_use() -> int | None:
    """How many processors scoring may use, by TF_NUM_INTRAOP_THREADS; None is all.

    TensorFlow's own variable, so that one tells both runtimes.
    """
    told = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else None


def load_openvino() -> Any:
    """Import OpenVINO without its telemetry and return the module.

    It comes with a package that notes an identity of the user in ~/intel as soon as it is
    imported. Only its converters use that, which are not used here, and they do without.

    Raises
    ------
    SettingsError
        If the installed version is too old.
    """
    telemetry = "openvino_telemetry"
    if telemetry in sys.modules:
        import openvino
    else:
        sys.modules[telemetry] = None  # type: ignore[assignment]  # not importable meanwhile
        try:
            import openvino
        finally:
            del sys.modules[telemetry]
    if not hasattr(openvino, "opset13"):
        raise SettingsError(
            f"the installed OpenVINO {openvino.__version__} is too old; "
            'pip install --upgrade "wsi-idc[openvino]", or uninstall it'
        )
    return openvino


PRECISIONS = ("auto", "float32", "float16", "bfloat16")
"""How exactly training computes; weights and loss are of full precision in all of them."""


def training_policy(precision: str = "auto") -> str:
    """The Keras dtype policy to train with, for one of `PRECISIONS`.

    `auto` is half precision on a GPU, bfloat16 on a processor that multiplies it natively
    (measured: 1.37 times as fast a step), else full.
    """
    if precision == "float32":
        return precision
    if precision != "auto":
        return f"mixed_{precision}"
    if load_tensorflow().config.get_visible_devices("GPU"):
        return "mixed_float16"
    return "mixed_bfloat16" if multiplies_bfloat16() else "float32"


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; False where that cannot be told."""
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in cpu.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build Keras layers under a dtype policy, and leave the user's own as it was."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def _native_stderr_closed() -> Iterator[None]:
    """Drop what C++ code writes to standard error meanwhile.

    TensorFlow's start-up notes come before its log level is read and cannot be turned off
    otherwise. Errors are exceptions and are not lost.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _choose_device(tf: Any, device: str) -> None:
    kind, _, number = device.lower().partition(":")
    if kind == "auto" and not number:
        return
    if kind == "cpu" and not number:
        _set_visible(tf, [])
        return
    if kind != "gpu" or (number and not number.isdecimal()):
        raise SettingsError(
            f"unknown --device {device!r}; allowed are auto, cpu, gpu and gpu:N"
            f"{did_you_mean(device, ('auto', 'cpu', 'gpu'))}"
        )
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        raise SettingsError(
            f"--device {device} was asked for, but TensorFlow finds no GPU here; leave it out, or "
            "see `wsi-idc doctor`"
        )
    index = int(number or 0)
    if index >= len(gpus):
        raise SettingsError(
            f"--device {device} was asked for, but there are {len(gpus)} GPUs; they count from "
            "gpu:0"
        )
    _set_visible(tf, [gpus[index]])


def _set_visible(tf: Any, gpus: list[Any]) -> None:
    if tf.config.get_visible_devices("GPU") == gpus:
        return
    try:
        tf.config.set_visible_devices(gpus, "GPU")
    except RuntimeError as error:
        raise SettingsError(
            "the device cannot be changed after TensorFlow has used another one in this process; "
            "start a new one"
        ) from error
