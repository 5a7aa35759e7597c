"""Augmentation made for histology: views and stain, on whole batches inside tf.data.

Every function is stateless: the same seed gives the same batch, so that a resumed training
run sees what an uninterrupted one would have seen.

References
----------
Ruifrok and Johnston, Quantification of histochemical staining by color deconvolution, 2001
(the stain vectors). Tellez et al., Quantifying the effects of data augmentation and stain
color normalization, 2019 (jitter of single stains).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Rows: haematoxylin, eosin and the residual, as optical density in R, G, B, unit length.
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_STAINS /= np.linalg.norm(_STAINS, axis=1, keepdims=True)


@dataclass(frozen=True)
class Augmentation:
    """How far patches are varied while training.

    Attributes
    ----------
    flips : use the eight dihedral views.
    stain_scale : each stain's density is multiplied by up to 1 +- this, per patch.
    stain_shift : and shifted by up to +- this, in optical density.
    brightness : all colour is multiplied by up to 1 +- this.
    """

    flips: bool = True
    stain_scale: float = 0.15
    stain_shift: float = 0.02
    brightness: float = 0.05


def augment(patches: Any, seed: Any, settings: Augmentation) -> Any:
    """Vary a batch of patches.

    Parameters
    ----------
    patches : uint8 tensor [N, P, P, 3].
    seed : int32 or int64 tensor [2]; the same seed gives the same result.

    Returns
    -------
    uint8 tensor [N, P, P, 3].
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if settings.flips:
        patches = random_views(patches, seeds[0])
    if settings.stain_scale or settings.stain_shift or settings.brightness:
        patches = random_stain(patches, seeds[1], settings)
    return patches


def random_views(patches: Any, seed: Any) -> Any:
    """One of the eight dihedral views (quarter turns and mirror images) for each patch."""
    import tensorflow as tf

    coin = tf.random.stateless_uniform((3, tf.shape(patches)[0], 1, 1, 1), seed) < 0.5
    patches = tf.where(coin[0], tf.reverse(patches, [1]), patches)
    patches = tf.where(coin[1], tf.reverse(patches, [2]), patches)
    return tf.where(coin[2], tf.transpose(patches, [0, 2, 1, 3]), patches)


def random_stain(patches: Any, seed: Any, settings: Augmentation) -> Any:
    """Vary haematoxylin, eosin and residual density separately, then brightness."""
    import tensorflow as tf

    count = tf.shape(patches)[0]
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))

    def uniform(which: int, shape: Any, most: float) -> Any:
        return tf.random.stateless_uniform(shape, seeds[which], -most, most)

    density = -tf.math.log((tf.cast(patches, tf.float32) + 1.0) / 256.0)
    stains = tf.constant(_STAINS, tf.float32)
    amounts = tf.tensordot(density, tf.linalg.inv(stains), 1)
    amounts *= 1.0 + uniform(0, (count, 1, 1, 3), settings.stain_scale)
    amounts += uniform(1, (count, 1, 1, 3), settings.stain_shift)
    light = tf.exp(-tf.tensordot(amounts, stains, 1)) * 256.0 - 1.0
    light *= 1.0 + uniform(2, (count, 1, 1, 1), settings.brightness)
    return tf.cast(tf.clip_by_value(tf.round(light), 0.0, 255.0), tf.uint8)
