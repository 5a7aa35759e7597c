"""TensorFlow's settings, in one place, before it is imported.

Import TensorFlow and Keras through `load_tensorflow` only: importing takes seconds, and some
of what makes it fast on a plain CPU must be set in the environment before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from wsi_idc.errors import SettingsError

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
    gpus = tf.config.list_physical_devices("GPU")
    if kind == "auto":
        return
    if kind == "cpu" and not number:
        _set_visible(tf, [])
        return
    if kind != "gpu" or (number and not number.isdigit()):
        raise SettingsError(f"unknown device {device!r}; allowed are auto, cpu, gpu and gpu:N")
    if not gpus:
        raise SettingsError(f"device {device!r} was asked for, but TensorFlow finds no GPU here")
    index = int(number or 0)
    if index >= len(gpus):
        raise SettingsError(f"device {device!r} was asked for, but there are {len(gpus)} GPU(s)")
    _set_visible(tf, [gpus[index]])


def _set_visible(tf: Any, gpus: list[Any]) -> None:
    if tf.config.get_visible_devices("GPU") == gpus:
        return
    try:
        tf.config.set_visible_devices(gpus, "GPU")
    except RuntimeError as error:
        raise SettingsError(
            "the device cannot be changed after TensorFlow has used another one in this process"
        ) from error
