"""Augmentation made for histology: views, placement, stain and sharpness, inside tf.data.

Every function is stateless: the same seed gives the same batch, so that a resumed training
run sees what an uninterrupted one would have seen.

References
----------
Tellez et al., Quantifying the effects of data augmentation and stain color normalization,
2019 (jitter of single stains).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wsi_idc.model.stain import STAIN_VECTORS


@dataclass(frozen=True)
class Augmentation:
    """How far patches are varied while training.

    Attributes
    ----------
    flips : use the eight dihedral views.
    rotation, scale, shift : patches are turned by up to this many degrees, enlarged or
        reduced by up to this share, and moved by up to this many pixels, mirrored at edges.
    stain_scale : each stain's density is multiplied by up to 1 +- this, per patch.
    stain_shift : and shifted by up to +- this, in optical density.
    brightness : all colour is multiplied by up to 1 +- this.
    blur : up to this share of a patch is mixed with its blurred self, as of a slide a little
        out of focus.
    jpeg_share, jpeg_quality : so many patches are compressed as JPEG of a quality from
        `jpeg_quality` to 100, since scanners compress as they like.
    """

    flips: bool = True
    rotation: float = 10.0
    scale: float = 0.1
    shift: float = 2.0
    stain_scale: float = 0.15
    stain_shift: float = 0.02
    brightness: float = 0.05
    blur: float = 0.5
    jpeg_share: float = 0.2
    jpeg_quality: int = 60


VIEWS_AND_STAIN = Augmentation(rotation=0, scale=0, shift=0, blur=0, jpeg_share=0)
"""The milder part, for short trainings: what varies most between real slides."""

STRONG_AUGMENTATION = Augmentation(
    rotation=45.0,
    scale=0.2,
    shift=4.0,
    stain_scale=0.25,
    stain_shift=0.04,
    brightness=0.1,
    jpeg_share=0,
)
"""For long trainings: 60 epochs with it gave a better model than with the default, after a worse
beginning (docs/model-card.md)."""

NO_AUGMENTATION = Augmentation(
    flips=False,
    rotation=0,
    scale=0,
    shift=0,
    stain_scale=0,
    stain_shift=0,
    brightness=0,
    blur=0,
    jpeg_share=0,
)
"""Leaves every patch as it is; replace single fields to see what one of them does."""

AUGMENTATIONS = {
    "none": NO_AUGMENTATION,
    "mild": VIEWS_AND_STAIN,
    "standard": Augmentation(),
    "strong": STRONG_AUGMENTATION,
}
"""By the names that a user chooses from."""


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

    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 5))
    if settings.flips:
        patches = random_views(patches, seeds[0])
    if settings.rotation or settings.scale or settings.shift:
        patches = random_placement(patches, seeds[1], settings)
    if settings.stain_scale or settings.stain_shift or settings.brightness:
        patches = random_stain(patches, seeds[2], settings)
    if settings.blur:
        patches = random_blur(patches, seeds[3], settings.blur)
    if settings.jpeg_share:
        patches = random_jpeg(patches, seeds[4], settings)
    return patches


def random_views(patches: Any, seed: Any) -> Any:
    """One of the eight dihedral views (quarter turns and mirror images) for each patch."""
    import tensorflow as tf

    coin = tf.random.stateless_uniform((3, tf.shape(patches)[0], 1, 1, 1), seed) < 0.5
    patches = tf.where(coin[0], tf.reverse(patches, [1]), patches)
    patches = tf.where(coin[1], tf.reverse(patches, [2]), patches)
    return tf.where(coin[2], tf.transpose(patches, [0, 2, 1, 3]), patches)


def random_placement(patches: Any, seed: Any, settings: Augmentation) -> Any:
    """Turn, scale and move each patch about its centre; what comes in is mirrored."""
    import tensorflow as tf

    count, side = tf.shape(patches)[0], patches.shape[1]
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    turn = tf.random.stateless_uniform((count,), seeds[0], -1, 1) * np.deg2rad(settings.rotation)
    scale = 1 + tf.random.stateless_uniform((count,), seeds[1], -1, 1) * settings.scale
    move = tf.random.stateless_uniform((2, count), seeds[2], -1, 1) * settings.shift
    cosine, sine, centre = tf.cos(turn) / scale, tf.sin(turn) / scale, (side - 1) / 2
    none = tf.zeros_like(turn)
    # A row of the projective transform gives the source of an output pixel.
    x0 = centre - cosine * (centre + move[0]) + sine * (centre + move[1])
    y0 = centre - sine * (centre + move[0]) - cosine * (centre + move[1])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(patches, tf.float32),
        transforms=tf.stack([cosine, -sine, x0, sine, cosine, y0, none, none], axis=1),
        output_shape=tf.shape(patches)[1:3],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    return _to_uint8(moved)


def random_stain(patches: Any, seed: Any, settings: Augmentation) -> Any:
    """Vary haematoxylin, eosin and residual density separately, then brightness."""
    import tensorflow as tf

    count = tf.shape(patches)[0]
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))

    def uniform(which: int, shape: Any, most: float) -> Any:
        return tf.random.stateless_uniform(shape, seeds[which], -most, most)

    density = -tf.math.log((tf.cast(patches, tf.float32) + 1.0) / 256.0)
    stains = tf.constant(STAIN_VECTORS, tf.float32)
    amounts = tf.tensordot(density, tf.linalg.inv(stains), 1)
    amounts *= 1.0 + uniform(0, (count, 1, 1, 3), settings.stain_scale)
    amounts += uniform(1, (count, 1, 1, 3), settings.stain_shift)
    light = tf.exp(-tf.tensordot(amounts, stains, 1)) * 256.0 - 1.0
    light *= 1.0 + uniform(2, (count, 1, 1, 1), settings.brightness)
    return _to_uint8(light)


def random_blur(patches: Any, seed: Any, most: float) -> Any:
    """Mix up to `most` of each patch's blurred self into it."""
    import tensorflow as tf

    share = tf.random.stateless_uniform((tf.shape(patches)[0], 1, 1, 1), seed, 0.0, most)
    sharp = tf.cast(patches, tf.float32)
    padded = tf.pad(sharp, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    row = np.array([0.25, 0.5, 0.25], np.float32)
    kernel = np.repeat(np.outer(row, row)[:, :, None, None], 3, axis=2)
    blurred = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    return _to_uint8(sharp + share * (blurred - sharp))


def random_jpeg(patches: Any, seed: Any, settings: Augmentation) -> Any:
    """Compress some of the patches as JPEG and take them out again."""
    import tensorflow as tf

    count = tf.shape(patches)[0]
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    chosen = tf.random.stateless_uniform((count,), seeds[0]) < settings.jpeg_share
    quality = tf.random.stateless_uniform(
        (count,), seeds[1], settings.jpeg_quality, 101, dtype=tf.int32
    )

    def one(arguments: tuple[Any, Any, Any]) -> Any:
        patch, is_chosen, of_quality = arguments
        return tf.cond(
            is_chosen, lambda: tf.image.adjust_jpeg_quality(patch, of_quality), lambda: patch
        )

    # Over all patches: a map over the chosen ones fails in a graph when there are none.
    return tf.map_fn(
        one,
        (patches, chosen, quality),
        fn_output_signature=tf.TensorSpec(patches.shape[1:], tf.uint8),
    )


def _to_uint8(light: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.clip_by_value(tf.round(light), 0.0, 255.0), tf.uint8)
