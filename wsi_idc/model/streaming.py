"""A slide's patches as a stream for TensorFlow, read while a network works on them."""

from __future__ import annotations

from typing import Any

from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.slides import SlideLike, as_source
from wsi_idc.tiling.blocks import check_batch_size, read_batches
from wsi_idc.tiling.plan import PatchPlan


def patch_dataset(
    source: SlideLike,
    plan: PatchPlan,
    batch_size: int = 64,
    *,
    threads: int | None = None,
) -> Any:
    """Stream a slide's patches as a `tf.data.Dataset`.

    Each pass reads the slide anew, in the order of blocks; the memory is that of a few blocks.

    Parameters
    ----------
    source : the slide, or its file.
    plan : the N patches.
    batch_size : patches in an element; the last may have fewer.
    threads : how many threads read; None is one for each processor.

    Returns
    -------
    A `tf.data.Dataset` of pairs (patches, indices): uint8 RGB [n, P, P, 3], and int64 [n], where
    they stand in the plan; `plan.label[indices]` are their labels.

    Raises
    ------
    SettingsError
        If the batch size is below 1.
    tf.errors.InvalidArgumentError
        While it is read, if the slide is damaged; the message holds that of `SlideReadError`.
    """
    tf = load_tensorflow()
    check_batch_size(batch_size)
    source = as_source(source)
    size = plan.grid.patch_size

    def batches() -> Any:
        for indices, patches in read_batches(source, plan, batch_size, threads=threads):
            yield patches, indices

    stream = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec([None, size, size, 3], tf.uint8),
            tf.TensorSpec([None], tf.int64),
        ),
    )
    count = -(-len(plan) // batch_size)
    return stream.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)
