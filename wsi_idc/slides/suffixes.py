"""The endings of slide files, and slides' names without them."""

from __future__ import annotations

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
"""Endings of plain pictures: a slide where there is nothing else, beside slides most often a
photograph, a thumbnail or a mask."""

SLIDE_SUFFIXES = (
    *(".svs", ".svslide", ".tif", ".tiff", ".ndpi", ".vms", ".vmu", ".scn", ".mrxs", ".bif"),
    *(".czi", ".dcm", *PICTURE_SUFFIXES),
)
"""Endings by which slides are found in a folder. A file that is named is tried whatever its
ending."""


def without_slide_suffix(name: str) -> str:
    """Strip a known slide ending off a file's name, and nothing else.

    Names may hold dots of their own (`TCGA-A1-0001.B34C`), so not all that follows a dot is
    an ending.
    """
    for suffix in SLIDE_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name
