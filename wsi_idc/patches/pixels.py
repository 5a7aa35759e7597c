"""The pixels of patches as one array, whatever formats they are stored in."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.errors import OutputError
from wsi_idc.patches.stores import PatchStore


def read_pixels(
    rows: pd.DataFrame, patch_size: int, cache: Path | None = None
) -> tuple[NDArray[np.uint8], int]:
    """Read patches into one array, once.

    Parameters
    ----------
    rows : N rows of a collection's table.
    patch_size : side of a patch in pixels.
    cache : a file to keep the array in, memory-mapped, so that a large collection needs
        little memory; None keeps it in memory.

    Returns
    -------
    pixels : uint8 RGB [N, patch_size, patch_size, 3], in the order of the rows. Patches cut
        off by the slide's edge are padded at the right and bottom with the background's grey,
        never stretched.
    padded : how many were.

    Raises
    ------
    PatchCollectionError
        If a file is damaged or its patches are not of `patch_size`.
    SlideError
        If a slide has to be read and cannot be.
    OutputError
        If the disk of `cache` is too small.
    """
    shape = (len(rows), patch_size, patch_size, 3)
    if cache is None:
        pixels = np.empty(shape, np.uint8)
    else:
        # A full disk under a memory map is a crash, not an exception.
        needed, free = math.prod(shape), shutil.disk_usage(cache.parent).free
        if free < needed:
            raise OutputError(
                f"{cache.parent} has {free / 1e9:.1f} GB free, but the decoded patches need "
                f"{needed / 1e9:.1f} GB; make room or choose another --output"
            )
        pixels = np.lib.format.open_memmap(cache, mode="w+", dtype=np.uint8, shape=shape)
    stores: dict[int, PatchStore] = {id(store): store for store in rows["store"]}
    key = rows["store"].map(id).to_numpy(np.int64)
    at = rows["at"].to_numpy(np.int64)
    padded = 0
    for store_id, store in stores.items():
        places = np.flatnonzero(key == store_id)
        for part in store.read(at[places], patch_size):
            pixels[places[part.which]] = part.pixels
            padded += part.padded
    return pixels, padded
