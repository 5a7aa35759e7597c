"""Networks of Keras's own layers as data: what may stand in a configuration, and building it.

Keras can put code into a configuration (Lambda layers, functions, classes by their import path).
So every object in one is looked up in a list before Keras sees any of it, and a name that is not
in the list ends it. What is listed computes on arrays and does nothing else.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
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
# A layer of 64 channels on patches of 1,024 px, the largest there are, makes so many.
_LARGEST_OUTPUT = 2**26
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
                f"{file}: the network has {reprlib.repr(name)} of {str(module)[:60]}, which is "
                "none of the layers that are known to hold no code; a model with Lambda or layers "
                "of its own cannot be loaded safely: rebuild it from Keras's own layers"
            )
        registered = config.get("registered_name")
        if registered not in (None, name):
            raise ModelFolderError(
                f"{file}: the network has a layer of its own, registered as "
                f"{reprlib.repr(registered)}; rebuild it from Keras's own layers"
            )
    for part in config.values():
        check_config(part, file, depth + 1)


@contextmanager
def designed(config: dict[str, Any], file: Path) -> Iterator[Any]:
    """Build a Keras model from a configuration, to be looked at before it takes memory.

    Within the block its variables have names and shapes, but no values; behind it they have
    values of no meaning, unless the block has raised.

    Parameters
    ----------
    config : the configuration.
    file : where it stands, for messages.

    Raises
    ------
    ModelFolderError
        If the configuration names what is not `ALLOWED`, makes no model, or one that no memory
        holds while it computes.
    """
    check_config(config, file)
    load_tensorflow()
    import keras

    try:
        yield _design(config, file)
    except BaseException:
        _forget_variables()
        raise
    with keras.StatelessScope():
        pass  # its end gives values to all variables that have none


def numbers_of(config: dict[str, Any], file: Path) -> int:
    """How many numbers the weights of a configuration's model are; none of them takes memory.

    Raises
    ------
    ModelFolderError
        As `designed`.
    """
    check_config(config, file)
    load_tensorflow()
    try:
        model = _design(config, file)
        return sum(math.prod(variable.shape) for variable in model.weights)
    finally:
        _forget_variables()


def _design(config: dict[str, Any], file: Path) -> Any:
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:  # whatever Keras makes of values that no model has
        raise ModelFolderError(
            f"{file}: the network cannot be built ({first_line(error)}); {_AGAIN}"
        ) from error
    if not isinstance(model, keras.Model):
        raise ModelFolderError(f"{file}: the network's configuration is of no model; {_AGAIN}")
    for layer in model._flatten_layers():
        for node in layer._inbound_nodes:
            for tensor in node.outputs:
                numbers = math.prod(side or 1 for side in tensor.shape)
                if numbers > _LARGEST_OUTPUT:
                    raise ModelFolderError(
                        f"{file}: the network's layer {layer.name} makes {numbers:,} numbers of a "
                        f"patch, at most {_LARGEST_OUTPUT:,} are computed; {_AGAIN}"
                    )
    return model


def _forget_variables() -> None:
    """Have Keras forget the variables that it is still to give values to."""
    from keras.src.backend.common import global_state

    global_state.set_global_attribute("uninitialized_variables", [])
