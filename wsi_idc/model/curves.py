"""The curves of a training run for TensorBoard, where they are asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsi_idc.errors import OutputError, SettingsError
from wsi_idc.model.runtime import load_tensorflow


class Curves:
    """Writes a run's numbers, epoch by epoch, as TensorBoard's event files.

    Parameters
    ----------
    folder : where; None writes nothing.

    Raises
    ------
    SettingsError
        If a folder is given and TensorBoard is not installed, which TensorFlow needs for it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            if importlib.util.find_spec("tensorboard") is None:
                raise SettingsError(
                    "--tensorboard needs TensorBoard: pip install 'wsi-idc[tensorboard]'"
                )
            self._writer = load_tensorflow().summary.create_file_writer(str(folder))

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add the values of an epoch, counted from 1.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        if self._writer is None:
            return
        tf = load_tensorflow()
        try:
            with self._writer.as_default(step=epoch):
                for name, value in values.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise OutputError(
                f"cannot write curves for TensorBoard: {error.message}; choose another place "
                "with --tensorboard"
            ) from error
