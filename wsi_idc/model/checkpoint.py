"""The state of a training run between epochs, in one whole file.

A `.npz` of plain arrays and one JSON string: loading it runs no code. It holds the model's
and the optimizer's variables (step counter and random state among them) and the average of the
weights, so that a resumed run goes on exactly where the last whole epoch ended.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from wsi_idc.errors import ModelFolderError, reason
from wsi_idc.files import whole_file
from wsi_idc.model.averaging import WeightAverage


def save_checkpoint(
    path: Path, model: Any, average: WeightAverage, progress: dict[str, Any]
) -> None:
    """Write the state of `model` (Keras, compiled), of the average of its weights and `progress`
    (JSON-able) to `path`.
    """
    arrays = {f"model/{i}": np.asarray(v) for i, v in enumerate(model.variables)}
    arrays |= {f"optimizer/{i}": np.asarray(v) for i, v in enumerate(model.optimizer.variables)}
    arrays |= {f"average/{name}": array for name, array in average.state().items()}
    arrays["progress"] = np.array(json.dumps(progress))
    with whole_file(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def load_checkpoint(path: Path, model: Any, average: WeightAverage) -> dict[str, Any]:
    """Put a saved state into a fresh `model` of the same network and its `average`.

    Returns the progress that was saved.

    The model must be compiled and its optimizer built.

    Raises
    ------
    ModelFolderError
        If the file is damaged or belongs to another network.
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            for kind, variables in (
                ("model", model.variables),
                ("optimizer", model.optimizer.variables),
            ):
                for index, variable in enumerate(variables):
                    variable.assign(saved[f"{kind}/{index}"])
            prefix = "average/"
            average.restore(
                {n.removeprefix(prefix): saved[n] for n in saved.files if n.startswith(prefix)}
            )
            progress: dict[str, Any] = json.loads(str(saved["progress"]))
            return progress
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise ModelFolderError(
            f"{path} is no checkpoint of this network ({reason(error)}); start over with "
            "--overwrite"
        ) from error
