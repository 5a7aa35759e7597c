"""The network: ResNet50V2 without its top, a small convolutional head, one sigmoid.

It takes uint8 RGB patches; the base's preprocessing (x / 127.5 - 1) is its first layer, so no
caller can get it wrong. All layers are Keras's own, so a model is rebuilt from a few numbers
and needs no code from its folder.

References
----------
He et al., Identity Mappings in Deep Residual Networks, 2016 (ResNet V2).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsi_idc.errors import SettingsError, first_line
from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.near import did_you_mean, near_file

SMALLEST_INPUT = 32
"""ResNet50V2 halves its input five times; below this nothing is left."""

LARGEST_INPUT = 1024
"""Beyond this one patch takes gigabytes while training."""

IMAGENET_FILE = "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"


@dataclass(frozen=True)
class Architecture:
    """The numbers from which the network is built.

    Attributes
    ----------
    patch_size : side of an input patch in pixels.
    input_size : side to which patches are enlarged inside the network; the base then sees
        more than a 2x2 map of a 50 px patch at its end, for more time. Equal to
        `patch_size`: not enlarged.
    head_filters : channels of the two extra convolutional layers. The first is a 1x1
        bottleneck: 2048 channels straight into a 3x3 layer would be most of the parameters.
    dropout : share of features dropped before the last layer while training.
    batch_norm_momentum : of the running statistics. Keras's 0.99 lags for hundreds of steps
        behind a base trained from scratch, and validation then reads as noise.
    """

    patch_size: int = 50
    input_size: int = 50
    head_filters: int = 256
    dropout: float = 0.4
    batch_norm_momentum: float = 0.95


def build_model(architecture: Architecture, weights: str = "none") -> Any:
    """Build the Keras model: uint8 RGB [N, patch, patch, 3] to IDC probability [N, 1].

    The layer named `logit` gives the value before the sigmoid.

    Parameters
    ----------
    weights : `none` (random), `imagenet` (fetched by Keras, or from its cache) or the path of
        a weights file of the base without top.

    Raises
    ------
    SettingsError
        If the sizes cannot be used or the weights cannot be had.
    """
    size = architecture.input_size
    if size < SMALLEST_INPUT:
        raise SettingsError(
            f"ResNet50V2 needs an input of at least {SMALLEST_INPUT} pixels, not {size}; "
            "enlarge it with --input-size"
        )
    load_tensorflow()
    import keras
    from keras import layers

    patch = layers.Input((architecture.patch_size, architecture.patch_size, 3), dtype="uint8")
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="preprocess")(patch)
    if size != architecture.patch_size:
        scaled = layers.Resizing(size, size, interpolation="bilinear", name="enlarge")(scaled)
    base = keras.applications.ResNet50V2(include_top=False, weights=None, input_tensor=scaled)
    load_base_weights(base, weights)
    x = base.output
    for name, kernel in (("head1", 1), ("head2", 3)):
        x = layers.Conv2D(
            architecture.head_filters,
            kernel,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        x = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_bn")(x)
        x = layers.Activation("relu", name=f"{name}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(architecture.dropout, seed=0, name="dropout")(x)
    # float32 also under mixed precision: a half-precision sigmoid has steps of 1e-3.
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    probability = layers.Activation("sigmoid", dtype="float32", name="probability")(logit)
    model = keras.Model(patch, probability, name="resnet50v2_idc")
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = architecture.batch_norm_momentum
    return model


def load_base_weights(base: Any, weights: str) -> None:
    """Load ImageNet or a file's weights into the base, or leave it random for `none`."""
    if weights == "none":
        return
    if weights == "imagenet":
        import keras

        try:
            file = keras.utils.get_file(
                IMAGENET_FILE, IMAGENET_ADDRESS + IMAGENET_FILE, cache_subdir="models"
            )
        except Exception as error:  # urllib's many errors come out of Keras as bare Exception
            cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
            raise SettingsError(
                f"the ImageNet weights could not be fetched ({first_line(error)}); without a "
                f"network, download {IMAGENET_ADDRESS}{IMAGENET_FILE} elsewhere and put it into "
                f"{cache}, or give its path with --weights FILE, or train from scratch with "
                "--weights none"
            ) from error
    else:
        file = weights
        if not Path(file).is_file():
            raise SettingsError(
                f"there is no weights file {file}; --weights takes imagenet, none, shipped, a "
                f"model folder or the path of {IMAGENET_FILE}"
                f"{did_you_mean(file, ('imagenet', 'none', 'shipped')) or near_file(Path(file))}"
            )
    try:
        base.load_weights(file)
    except (ValueError, OSError) as error:
        raise SettingsError(
            f"{file} does not hold weights of ResNet50V2 without top ({first_line(error)}); give "
            f"{IMAGENET_FILE}, or --weights none"
        ) from error
