"""Networks of Keras's own layers as data: what may stand in a configuration, and building it.

Keras can put code into a configuration (Lambda layers, functions, classes by their import path).
So every object in one is looked up in a list before Keras sees any of it, and a name that is not
in the list ends it. What is listed computes on arrays and does nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsi_idc.errors import ModelFolderError, first_line
from wsi_idc.model.runtime import load_tensorflow

_AGAIN = "pack it again from its source"

_LAYERS = """
    InputLayer Dense Conv1D Conv2D DepthwiseConv2D SeparableConv2D Conv2DTranspose
    BatchNormalization LayerNormalization GroupNormalization UnitNormalization
    Activation ReLU LeakyReLU PReLU ELU Softmax MaxPooling2D AveragePooling2D
    GlobalAveragePooling2D GlobalMaxPooling2D GlobalAveragePooling1D
    ZeroPadding2D Cropping2D UpSampling2D Resizing Rescaling Normalization CenterCrop
    Flatten Reshape Permute RepeatVector Dropout SpatialDropout2D GaussianNoise GaussianDropout
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot MultiHeadAttention
    RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness
"""
_INITIALIZERS = """
    Zeros Ones Constant GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal Identity
"""

ALLOWED: dict[str, frozenset[str]] = {
    "keras": frozenset({"Functional", "Sequential", "Model", "DTypePolicy"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.layers": frozenset(_LAYERS.split()),
    "keras.src.ops.numpy": frozenset({"Add", "Subtract", "Multiply", "Divide"}),  # of tensors
    "keras.initializers": frozenset(_INITIALIZERS.split()),
    "keras.regularizers": frozenset({"L1", "L2", "L1L2"}),
    "keras.constraints": frozenset({"MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"}),
}
"""What may stand in a configuration: classes by the module that Keras writes beside them."""

_TENSOR = "__keras_tensor__"  # how layers name each other's outputs
_DEEPEST = 60  # models in models; Keras writes some five levels a model


def check_config(config: Any, file: Path, depth: int = 0) -> None:
    """Refuse a configuration that names anything but what is `ALLOWED`.

    Parameters
    ----------
    config : what `keras.saving.serialize_keras_object` gives for a model, or a part of it.
    file : where it stands, for the message.

    Raises
    ------
    ModelFolderError
        If it names something else.
    """
    if depth > _DEEPEST:
        raise ModelFolderError(f"{file}: the network's configuration is nested too deep; {_AGAIN}")
    if isinstance(config, list | tuple):
        for part in config:
            check_config(part, file, depth + 1)
        return
    if not isinstance(config, dict):
        return
    if config.get("compile_config"):
        raise ModelFolderError(f"{file}: the network carries training settings; {_AGAIN}")
    name = config.get("class_name")
    if name is not None and name != _TENSOR:
        module = config.get("module")
        if not isinstance(name, str) or name not in ALLOWED.get(str(module), ()):
            raise ModelFolderError(
                f"{file}: the network has {name!r} of {module}, which is none of the layers that "
                "are known to hold no code; a model with Lambda or layers of its own cannot be "
                "loaded safely: rebuild it from Keras's own layers"
            )
        registered = config.get("registered_name")
        if registered not in (None, name):
            raise ModelFolderError(
                f"{file}: the network has a layer of its own, registered as {registered!r}; "
                "rebuild it from Keras's own layers"
            )
    for part in config.values():
        check_config(part, file, depth + 1)


def build_from_config(config: dict[str, Any], file: Path) -> Any:
    """Build a Keras model, with weights of no meaning, from a configuration.

    Raises
    ------
    ModelFolderError
        If the configuration names what is not `ALLOWED`, or makes no model.
    """
    check_config(config, file)
    load_tensorflow()
    import keras

    try:
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:  # whatever Keras makes of values that no model has
        raise ModelFolderError(
            f"{file}: the network cannot be built ({first_line(error)}); {_AGAIN}"
        ) from error
    if not isinstance(model, keras.Model):
        raise ModelFolderError(f"{file}: the network's configuration is of no model; {_AGAIN}")
    return model
