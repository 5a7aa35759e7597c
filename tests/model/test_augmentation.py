from __future__ import annotations

import numpy as np
import pytest

from wsi_idc.model.augmentation import Augmentation, augment, random_stain, random_views
from wsi_idc.model.runtime import load_tensorflow

tf = load_tensorflow("cpu")


def seed(value: int):
    return tf.constant([0, value], tf.int64)


def as_numpy(tensor) -> np.ndarray:
    return np.asarray(tensor)


def test_the_eight_views_and_no_others_come_about_equally_often() -> None:
    patch = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    views = {
        np.rot90(side, turns).tobytes() for side in (patch, patch[:, ::-1]) for turns in range(4)
    }
    got = as_numpy(random_views(tf.constant(np.stack([patch] * 4000)), seed(1)))
    counts = dict.fromkeys(views, 0)
    for one in got:
        counts[one.tobytes()] += 1
    assert len(counts) == 8
    assert min(counts.values()) > 400


def test_stain_jitter_moves_haematoxylin_and_eosin_apart() -> None:
    purple, pink = (110, 80, 150), (230, 150, 190)
    patches = np.empty((500, 8, 8, 3), np.uint8)
    patches[:, :, :4], patches[:, :, 4:] = purple, pink
    got = as_numpy(random_stain(tf.constant(patches), seed(2), Augmentation(brightness=0.0)))
    moved = got.astype(float).mean(axis=(1, 2)) - patches.astype(float).mean(axis=(1, 2))
    assert moved.std(axis=0).min() > 1
    assert np.abs(got.astype(float) - patches).max() < 60
    # Were both stains scaled as one, purple and pink would darken in step.
    purple_change = got[:, 0, 0, 0].astype(float) - purple[0]
    pink_change = got[:, 0, 7, 0].astype(float) - pink[0]
    assert np.corrcoef(purple_change, pink_change)[0, 1] < 0.99


def test_no_jitter_changes_nothing() -> None:
    patches = np.random.default_rng(0).integers(0, 256, (3, 10, 10, 3), np.uint8)
    still = Augmentation(flips=False, stain_scale=0, stain_shift=0, brightness=0)
    assert np.array_equal(as_numpy(augment(tf.constant(patches), seed(3), still)), patches)
    # Through optical density and back, a grey level is kept.
    assert np.array_equal(as_numpy(random_stain(tf.constant(patches), seed(3), still)), patches)


@pytest.mark.parametrize("other", [0, 1])
def test_the_seed_decides(other: int) -> None:
    patches = np.random.default_rng(0).integers(0, 256, (16, 10, 10, 3), np.uint8)
    first = as_numpy(augment(tf.constant(patches), seed(0), Augmentation()))
    second = as_numpy(augment(tf.constant(patches), seed(other), Augmentation()))
    assert np.array_equal(first, second) == (other == 0)
