"""`.keras` files that others made: what is in one is looked at before Keras loads it."""

from __future__ import annotations

import json
import reprlib
import zipfile
import zlib
from pathlib import Path
from typing import Any

from wsi_idc.archives import leads_out
from wsi_idc.errors import ModelFolderError, first_line, reason
from wsi_idc.model.keras_config import numbers_of

# What `model.save` writes of a network whose layers keep no files of their own.
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = (_CONFIG, _WEIGHTS, "metadata.json")
_LARGEST_CONFIG = 64 * 2**20  # a network of a thousand layers has one


def load_keras_file(file: Path) -> Any:
    """Load the model of a `.keras` file, once it is known to hold no code and no giant.

    Raises
    ------
    ModelFolderError
        If the file is none, damaged, or has layers that could hold code.
    """
    if not file.exists():
        raise ModelFolderError(f"{file}: there is no such file; check the path")
    if not zipfile.is_zipfile(file):
        raise ModelFolderError(
            f"{file} is not a .keras file; save the model with model.save('….keras') of Keras 3 "
            "(the older .h5 and SavedModel can hold code)"
        )
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive, file)
            with archive.open(_CONFIG) as opened:
                config = json.loads(opened.read(_LARGEST_CONFIG))
            weights_bytes = archive.getinfo(_WEIGHTS).file_size
    except ModelFolderError:
        raise
    # The last ones are encrypted members, those packed in an unknown way, and endless nesting.
    except (
        *(KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
        *(RuntimeError, NotImplementedError, RecursionError),
    ) as error:
        raise ModelFolderError(
            f"{file} is damaged, or no .keras file ({reason(error)}); save the model again"
        ) from error
    if not isinstance(config, dict):
        raise ModelFolderError(
            f"{file} is damaged: its config.json holds no model; save the model again"
        )
    config.pop("compile_config", None)  # not loaded
    if numbers_of(config, file) > weights_bytes:  # a number takes two bytes or more
        raise ModelFolderError(
            f"{file} describes a network of more weights than it holds; save the model again"
        )
    import keras

    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras meets in a file that is not whole
        raise ModelFolderError(
            f"{file} cannot be loaded ({first_line(error)}); save the model again with Keras 3"
        ) from error


def _check_members(archive: zipfile.ZipFile, file: Path) -> None:
    """Refuse what Keras would unpack beside the network and its weights."""
    names = archive.namelist()
    odd = [name for name in names if name not in _MEMBERS or names.count(name) > 1]
    odd += [member.filename for member in archive.infolist() if leads_out(member)]
    if odd:
        raise ModelFolderError(
            f"{file} holds {reprlib.repr(odd[0])}, which a network of Keras's own layers does not "
            "need; save the model again with Keras 3"
        )
