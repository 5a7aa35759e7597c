"""Format `tfrecord`: one TFRecord file a slide, a tf.train.Example a patch.

The records stand in the order in which the slide is read, block by block, so that no patch
waits in memory for another; the field `row` is a patch's row in the index, and the index
gives each record's first byte in its column `offset`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.files import json_text
from wsi_idc.tfrecord import Feature, encode_example, framed
from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.formats import SlidePatches
from wsi_idc.tiling.formats.png import encode_png
from wsi_idc.tiling.layout import FEATURES_ENDING, PATCHES_FORMAT, SLIDES_FOLDER, TFRECORD_ENDING

FEATURES = {
    "image": ("string", "a PNG file, RGB, patch_size px a side"),
    "label": ("int64", "1 is IDC, 0 is not, -1 is not known"),
    "patient": ("string", "UTF-8"),
    "slide": ("string", "UTF-8"),
    "row": ("int64", "the patch's row in the index, from 0"),
    "x": ("int64", "left edge in target pixels, from 1, as in PNG file names"),
    "y": ("int64", "top edge, likewise"),
    "x_level0": ("float32", "left edge in level-0 pixels; the index has it exactly"),
    "y_level0": ("float32", "top edge, likewise"),
    "tissue_fraction": ("float32", "0 to 1, or NaN"),
}
"""The features of a record, each of one value: type in tf.io.parse_single_example, meaning."""

_OF_INDEX = ("label", "x", "y", "x_level0", "y_level0", "tissue_fraction")
_RECORDS_PART, _FEATURES_PART = "patches.tfrecord.part", "features.json.part"


class TfRecordFormat:
    """Writes all patches of a slide into one TFRecord file, and a description beside it."""

    def __init__(self, staging: Path, patches: SlidePatches, threads: int) -> None:
        self._staging = staging
        self._patches = patches
        self._offset = np.zeros(len(patches.plan), np.int64)
        self._end = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode-patches")
        self._file = (staging / _RECORDS_PART).open("wb")
        (staging / _FEATURES_PART).write_text(self._description(), encoding="utf-8")

    def write(self, block: PatchBlock) -> None:
        """Append the records of a block's patches."""
        table = self._patches.plan.table(block.indices)
        values = zip(*(table[name].tolist() for name in _OF_INDEX), strict=True)
        records = self._pool.map(self._record, block.indices.tolist(), values, block.patches)
        for index, record in zip(block.indices, records, strict=True):
            self._offset[index] = self._end
            self._end += self._file.write(record)

    def close(self) -> None:
        """End the threads, sync and close the file."""
        self._pool.shutdown(cancel_futures=True)
        if not self._file.closed:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def columns(self, part: slice) -> dict[str, Any]:
        """Where each record starts."""
        return {"offset": self._offset[part]}

    def files(self) -> Iterator[tuple[str, str]]:
        """The records and their description."""
        place = f"{SLIDES_FOLDER}/{self._patches.name}/{self._patches.name}"
        yield _RECORDS_PART, place + TFRECORD_ENDING
        yield _FEATURES_PART, place + FEATURES_ENDING

    def _record(
        self, index: int, values: tuple[int | float, ...], patch: NDArray[np.uint8]
    ) -> bytes:
        features: dict[str, Feature] = {
            "image": [encode_png(patch)],
            "patient": [self._patches.patient.encode()],
            "slide": [self._patches.name.encode()],
            "row": [index],
        }
        features |= {name: [value] for name, value in zip(_OF_INDEX, values, strict=True)}
        return framed(encode_example(features))

    def _description(self) -> str:
        content = {
            "format": PATCHES_FORMAT,
            "records": len(self._patches.plan),
            "patch_size": self._patches.plan.grid.patch_size,
            "mpp": self._patches.plan.grid.mpp,
            "features": {
                name: {"type": kind, "shape": [], "meaning": meaning}
                for name, (kind, meaning) in FEATURES.items()
            },
        }
        return json_text(content)
