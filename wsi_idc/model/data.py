"""Patches of a split's sides as arrays, and training batches made from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.model.augmentation import augment
from wsi_idc.model.settings import TrainSettings
from wsi_idc.patches import read_pixels


@dataclass(frozen=True)
class Side:
    """The patches of one side of the split, in memory or memory-mapped."""

    pixels: NDArray[np.uint8]
    label: NDArray[np.int64]
    patient: NDArray[np.object_]
    padded: int


def load_side(rows: pd.DataFrame, settings: TrainSettings, cache: Path) -> Side:
    """Read the patches of a table's rows into a memory-mapped `cache` file."""
    pixels, padded = read_pixels(rows, settings.architecture.patch_size, cache)
    return Side(pixels, rows["label"].to_numpy(np.int64), rows["patient"].to_numpy(object), padded)


def training_data(side: Side, settings: TrainSettings, epoch: int, steps: int, tf: Any) -> Any:
    """tf.data of augmented batches; order and augmentation follow from seed and epoch alone."""
    size = settings.batch_size
    positive = float(np.mean(side.label))
    weights = np.array([0.5 / (1 - positive), 0.5 / positive], np.float32)
    if not settings.class_weights:
        weights[:] = 1.0

    def batches() -> Iterator[tuple[Any, ...]]:
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(side.label))
        for step in range(steps):
            rows = np.sort(order[step * size : (step + 1) * size])
            label = side.label[rows]
            seed = np.array([settings.seed, epoch * steps + step], np.int64)
            yield side.pixels[rows], label[:, None].astype(np.float32), weights[label], seed

    patch = settings.architecture.patch_size
    data = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec((None, patch, patch, 3), tf.uint8),
            tf.TensorSpec((None, 1), tf.float32),
            tf.TensorSpec((None,), tf.float32),
            tf.TensorSpec((2,), tf.int64),
        ),
    )
    return data.map(
        lambda pixels, label, weight, seed: (
            augment(pixels, seed, settings.augmentation),
            label,
            weight,
        )
    ).prefetch(2)
