"""What tests of training share: a small network, and runs that need a process of their own."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from wsi_idc.model.architecture import Architecture
from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.model.settings import TrainSettings

SETTINGS = TrainSettings(
    epochs=2,
    batch_size=8,
    weights="none",
    architecture=Architecture(head_filters=8, batch_norm_momentum=0.5),
)

FRACTIONS: dict[str, Any] = {"val_fraction": 0.25, "test_fraction": 0.25}


def small_base(*, include_top: bool, weights: None, input_tensor: Any) -> Any:
    """Three convolutions in the place of ResNet50V2, whose 190 layers take TensorFlow most of a
    minute to trace; kernels large enough to be stored in half precision, and small ones."""
    import keras
    from keras import layers

    x = input_tensor
    for number, filters in enumerate((16, 64, 64)):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = layers.Activation("relu", name=f"conv{number}_relu")(x)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x, name="small")


def use_small_base(patch: pytest.MonkeyPatch) -> None:
    """Build, train and load networks with `small_base`; the demo's test has the whole one."""
    load_tensorflow("cpu")
    import keras

    patch.setattr(keras.applications, "ResNet50V2", small_base)


def in_new_process(run: Any, *arguments: Any) -> Any:
    """Call a function of this module in a fresh process and return what it returns."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(run, arguments)


def on_two_devices(patches: Path, output: Path, small: bool) -> tuple[int, float]:
    """Train on a CPU split into two, mirrored and in half precision as several GPUs are.

    Returns the number of replicas and the validation ROC AUC.
    """
    if small:
        use_small_base(pytest.MonkeyPatch())
    from wsi_idc.model import training

    tf = load_tensorflow("cpu")
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()]
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    training.training_strategy = lambda: strategy  # type: ignore[assignment]
    from wsi_idc.model.train import train

    settings = replace(SETTINGS, epochs=1, precision="float16", average_decay=0.5)
    card = train(patches, output, settings, **FRACTIONS)
    return strategy.num_replicas_in_sync, card.metrics["val"]["roc_auc"]
