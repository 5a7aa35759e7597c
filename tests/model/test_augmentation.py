from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wsi_idc.cli.options import AugmentationName
from wsi_idc.model.augmentation import (
    AUGMENTATIONS,
    NO_AUGMENTATION,
    Augmentation,
    augment,
    random_blur,
    random_jpeg,
    random_placement,
    random_stain,
    random_views,
)
from wsi_idc.model.runtime import load_tensorflow

tf = load_tensorflow("cpu")


def test_the_command_line_offers_all_that_there_is() -> None:
    assert tuple(AugmentationName) == tuple(AUGMENTATIONS)


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
    still = as_numpy(augment(tf.constant(patches), seed(3), NO_AUGMENTATION))
    assert np.array_equal(still, patches)
    # Through optical density and back, and through the place of each pixel, values are kept.
    for one in (random_stain, random_placement):
        same = as_numpy(one(tf.constant(patches), seed(3), NO_AUGMENTATION))
        assert np.array_equal(same, patches)


def test_placement_turns_and_moves_about_the_centre_within_its_bounds() -> None:
    """A disc off the centre: its way tells the turn and the shift, its area the scale."""
    y, x = np.mgrid[:50, :50]
    disc = np.where((x - 39.5) ** 2 + (y - 24.5) ** 2 < 36, 0, 200)
    patches = np.repeat(np.repeat(disc[None, :, :, None], 3, 3), 400, 0).astype(np.uint8)

    def places(**changes: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        settings = replace(NO_AUGMENTATION, **changes)
        got = as_numpy(random_placement(tf.constant(patches), seed(4), settings))[..., 0]
        mass = 200.0 - got
        total = mass.sum((1, 2))
        centre_x, centre_y = (mass * x).sum((1, 2)) / total, (mass * y).sum((1, 2)) / total
        return centre_x - 24.5, centre_y - 24.5, total / (200.0 - patches[0, ..., 0]).sum()

    right, down, area = places(shift=2.0)
    assert np.abs(right - 15).max() == pytest.approx(2, abs=0.05)
    assert np.abs(down).max() == pytest.approx(2, abs=0.05)
    assert area == pytest.approx(1, abs=0.01)
    right, down, area = places(rotation=10.0)
    turned = np.rad2deg(np.arctan2(down, right))
    assert turned.max() == pytest.approx(10, abs=0.3)
    assert turned.min() == pytest.approx(-10, abs=0.3)
    assert np.hypot(right, down) == pytest.approx(15, abs=0.1)
    right, down, area = places(scale=0.1)
    assert (right / 15).max() == pytest.approx(1.1, abs=0.01)
    assert np.sqrt(area) == pytest.approx(right / 15, abs=0.03)


def test_blur_softens_patches_by_different_shares_and_keeps_their_colour() -> None:
    patches = np.random.default_rng(5).integers(0, 256, (200, 20, 20, 3), np.uint8)
    got = as_numpy(random_blur(tf.constant(patches), seed(5), 1.0)).astype(float)
    detail = got.std((1, 2, 3)) / patches.std((1, 2, 3))
    # White noise through the whole 3x3 binomial keeps 3/8 of its deviation.
    assert detail.min() == pytest.approx(0.375, abs=0.05)
    assert detail.max() == pytest.approx(1, abs=0.05)
    assert np.abs(got.mean((1, 2)) - patches.mean((1, 2))).max() < 3


def test_jpeg_touches_its_share_of_the_patches() -> None:
    patches = np.random.default_rng(6).integers(0, 256, (300, 16, 16, 3), np.uint8)
    settings = replace(NO_AUGMENTATION, jpeg_share=0.25)
    got = as_numpy(random_jpeg(tf.constant(patches), seed(6), settings))
    touched = (got != patches).any((1, 2, 3))
    assert 0.17 < touched.mean() < 0.33
    in_graph = tf.function(lambda batch: random_jpeg(batch, seed(6), settings))
    none_chosen = patches[:4][~touched[:4]]
    assert np.array_equal(as_numpy(in_graph(tf.constant(none_chosen[:1]))), none_chosen[:1])


@pytest.mark.parametrize("other", [0, 1])
def test_the_seed_decides(other: int) -> None:
    patches = np.random.default_rng(0).integers(0, 256, (16, 10, 10, 3), np.uint8)
    first = as_numpy(augment(tf.constant(patches), seed(0), Augmentation()))
    second = as_numpy(augment(tf.constant(patches), seed(other), Augmentation()))
    assert np.array_equal(first, second) == (other == 0)
