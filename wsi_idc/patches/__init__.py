"""Patch collections on disk: which patches there are, whose, with which label, and their pixels.

- `collection`: lists the labelled patches below a folder, in whatever formats they are;
- `tiled`: the slides that `wsi-idc tile` wrote as one file, or without pixels;
- `stores`: where pixels come from, one class a format;
- `pixels`: the pixels of any patches of a collection as one array.
"""

from wsi_idc.patches.collection import PUBLIC_MPP, SAME_MPP, PatchCollection, find_patches
from wsi_idc.patches.pixels import read_pixels
from wsi_idc.patches.stores import BACKGROUND

__all__ = [
    "BACKGROUND",
    "PUBLIC_MPP",
    "SAME_MPP",
    "PatchCollection",
    "find_patches",
    "read_pixels",
]
