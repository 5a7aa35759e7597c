"""The model folder: weights that hold no code, and the card that says what they are.

::

    MODEL/
      model.json           the card (see `card.ModelCard`)
      weights.safetensors  arrays named by the layers' variables; large kernels as float16

Loading rebuilds the network from the card's numbers, a packed one from a list of Keras's own
layers, and fills in arrays; nothing from the folder is executed, and a weights file whose SHA-256
is not the card's is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from wsi_idc.errors import ModelFolderError, reason
from wsi_idc.files import read_json, whole_file, write_json
from wsi_idc.model.architecture import Architecture, build_model
from wsi_idc.model.card import ModelCard, PackedNetwork
from wsi_idc.model.keras_config import designed
from wsi_idc.near import did_you_mean, near_file

CARD_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"

_COPY_AGAIN = "copy the model folder again"

# The first layers' kernels are small, and all later ones see their rounding: in float32 they take
# 0.2 MB more, and scores change by at most 0.0001 in place of 0.001 (measured).
_SMALL_KERNEL = 20_000

SHIPPED_MODEL = Path(__file__).parent / "shipped"
"""The model folder that comes with the package."""

SHIPPED = "shipped"
"""Its name where a model folder can be given."""


def model_folder(given: str | Path | None) -> Path:
    """The model folder that is meant; None or `shipped` is the one in the package."""
    return SHIPPED_MODEL if given is None or str(given) == SHIPPED else Path(given)


def write_weights(path: Path, model: Any, *, half: bool = False) -> str:
    """Write a Keras model's weights as safetensors; return the file's SHA-256.

    Parameters
    ----------
    half : store kernels as float16, in half the space. Biases, statistics and small kernels, a
        hundredth of the numbers, stay float32, as does a kernel with values beyond float16.
    """
    arrays = {
        variable.path: _stored(np.ascontiguousarray(variable.numpy(), np.float32), half=half)
        for variable in model.weights
    }
    with whole_file(path) as temporary:
        save_file(arrays, temporary)
    return file_sha256(path)


def read_weights(path: Path, model: Any) -> None:
    """Fill a freshly built Keras model with the weights of a safetensors file.

    Raises
    ------
    ModelFolderError
        If the file is missing, damaged, or of another network.
    """
    _fill(model, read_arrays(path), path)


def read_arrays(path: Path) -> dict[str, NDArray[np.floating]]:
    """The arrays of a weights file, as they are stored, by the names of Keras's variables.

    Raises
    ------
    ModelFolderError
        If the file is missing or damaged, or a value is not a finite number or no variance.
    """
    try:
        arrays: dict[str, NDArray[np.floating]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(
            f"{path} is not a readable weights file ({reason(error)}); {_COPY_AGAIN}"
        ) from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFolderError(
                f"{path}: {name} holds values that are not finite numbers; {_COPY_AGAIN}, or train "
                "it again"
            )
        # The root of one is no number either, which OpenVINO's ReLU would make a 0.
        if name.endswith("moving_variance") and (array < 0).any():
            raise ModelFolderError(
                f"{path}: {name} holds values below 0, which no variance has; {_COPY_AGAIN}, or "
                "train it again"
            )
    return arrays


def _compare(model: Any, arrays: dict[str, NDArray[np.floating]], path: Path) -> None:
    """Refuse arrays that are not those of a model's variables, by name and shape."""
    wanted = {variable.path: variable for variable in model.weights}
    if wanted.keys() != arrays.keys():
        odd = sorted(wanted.keys() ^ arrays.keys())[0]
        raise ModelFolderError(
            f"{path} belongs to another network than the card describes (differs at {odd}); "
            f"{_COPY_AGAIN}"
        )
    for name, variable in wanted.items():
        array = arrays[name]
        if array.shape != tuple(variable.shape):
            raise ModelFolderError(
                f"{path}: {name} has the shape {array.shape}, expected {tuple(variable.shape)}; "
                f"{_COPY_AGAIN}"
            )


def _fill(model: Any, arrays: dict[str, NDArray[np.floating]], path: Path) -> None:
    _compare(model, arrays, path)
    for variable in model.weights:
        variable.assign(arrays[variable.path].astype(np.float32))


def _stored(array: NDArray[np.float32], *, half: bool) -> NDArray[np.floating]:
    if not half or array.ndim < 2 or array.size <= _SMALL_KERNEL:
        return array
    if np.abs(array).max() > np.finfo(np.float16).max:
        return array
    return array.astype(np.float16)


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the card; done last, since its presence says that the folder is whole."""
    write_json(folder / CARD_FILE, card.model_dump(mode="json"))


def read_card(folder: Path) -> ModelCard:
    """Read and check the card of a model folder.

    Raises
    ------
    ModelFolderError
        If the folder or its card is missing or the card is not a valid one.
    """
    path = folder / CARD_FILE
    if not folder.exists():
        raise ModelFolderError(
            f"there is no model folder {folder}; check the path"
            f"{did_you_mean(str(folder), (SHIPPED,)) or near_file(folder)}"
        )
    if not path.is_file():
        raise ModelFolderError(
            f"{folder} is not a model folder (no {CARD_FILE}); give what `wsi-idc train` or "
            "`wsi-idc model pack` wrote"
        )
    try:
        content = read_json(path)
    # A ValueError, too, where a number has thousands of digits.
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} cannot be read ({reason(error)}); {_COPY_AGAIN}") from error
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part)[:60] for part in first["loc"]) or "the file"
        raise ModelFolderError(
            f"{path} is not a valid model card ({where}: {first['msg']}); {_COPY_AGAIN}"
        ) from error


def architecture_of(card: ModelCard) -> Architecture:
    """The architecture that a card describes.

    Raises
    ------
    ModelFolderError
        If it is a packed model, which has another one.
    """
    if isinstance(card.network, PackedNetwork):
        raise ModelFolderError(
            f"{card.name} is a packed Keras model, which scores, but from which training cannot go "
            "on; start from another with --weights"
        )
    return Architecture(patch_size=card.patch_size_pixels, **card.network.model_dump())


def load_keras_model(folder: Path, card: ModelCard) -> Any:
    """Rebuild the Keras model of a model folder whose card was read.

    Raises
    ------
    ModelFolderError
        If anything in the folder is missing, damaged or does not belong together.
    """
    if not isinstance(card.network, PackedNetwork):
        model = build_model(architecture_of(card))
        read_card_weights(folder, card, model)
        return model
    weights = folder / card.weights.file
    with designed(card.network.config, folder / CARD_FILE) as model:
        arrays = read_card_arrays(folder, card)
        _compare(model, arrays, weights)
    _fill(model, arrays, weights)
    return model


def read_card_weights(folder: Path, card: ModelCard, model: Any) -> None:
    """Fill a freshly built Keras model with the weights that a folder's card describes.

    Raises
    ------
    ModelFolderError
        If they are missing, damaged, of another network or not those of the card.
    """
    _fill(model, read_card_arrays(folder, card), folder / card.weights.file)


def read_card_arrays(folder: Path, card: ModelCard) -> dict[str, NDArray[np.floating]]:
    """The arrays that a folder's card describes, by the names of Keras's variables.

    Raises
    ------
    ModelFolderError
        If they are missing, damaged or not those of the card.
    """
    weights = folder / card.weights.file
    if not weights.is_file():
        raise ModelFolderError(
            f"{folder} lacks its weights file {card.weights.file}; {_COPY_AGAIN}"
        )
    if file_sha256(weights) != card.weights.sha256:
        raise ModelFolderError(
            f"{weights} is not the file that {CARD_FILE} describes (SHA-256 differs); {_COPY_AGAIN}"
        )
    return read_arrays(weights)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
