"""Tissue masks that a user gives: images over the slide's bounds, or polygons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wsi_idc.errors import SettingsError
from wsi_idc.files import real_path
from wsi_idc.slides.mask_image import mask_from_image
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tissue.grid import mask_frame
from wsi_idc.tissue.outline import TISSUE_CLASS

if TYPE_CHECKING:
    from wsi_idc.slides.info import SlideInfo

_POLYGON_SUFFIXES = (".geojson", ".json", ".xml", ".zip", ".gz")


def read_given(path: Path, info: SlideInfo, patch_um: float) -> SlideMask:
    """Read a tissue mask from a file.

    Parameters
    ----------
    path : an image over the slide's whole bounds, any size of the same shape, 128 and more
        is tissue, such as the `<slide>_mask.png` that `wsi-idc tile` wrote; or polygons in
        level-0 pixels, such as the `<slide>_tissue.geojson` beside it. Of polygons with
        classes, those of the class Tissue count if there is one, else all.
    info : the slide's.
    patch_um : side of the patches that the mask will select; polygons become a mask as fine
        as one that is found.

    Raises
    ------
    SettingsError
        If the image cannot be the slide's mask, or there is no tissue in the file.
    AnnotationError
        If the polygons cannot be read.
    """
    if path.suffix.lower() in _POLYGON_SUFFIXES:
        return _mask_of_polygons(path, info, patch_um)
    mask = mask_from_image(
        path,
        name=info.name,
        bounds=info.bounds,
        mpp_x=info.mpp_x,
        mpp_y=info.mpp_y,
        what="tissue",
    )
    if not mask.values.any():
        raise SettingsError(f"{path} has no tissue in it; tissue is white (255) and glass 0")
    return mask


def _mask_of_polygons(path: Path, info: SlideInfo, patch_um: float) -> SlideMask:
    from wsi_idc.annotations.reading import read_annotations

    drawn = read_annotations(path)
    area = drawn.union(drawn.matching([TISSUE_CLASS]) or None)
    mask = area.rasterise(*mask_frame(info, patch_um))
    if not mask.values.any():
        raise SettingsError(
            f"{path} has no polygon on {info.name}, which lies within x {info.bounds.x} to "
            f"{info.bounds.x + info.bounds.width} and y {info.bounds.y} to "
            f"{info.bounds.y + info.bounds.height}; draw the tissue in level-0 pixels of this slide"
        )
    return mask


def check_given(path: Path | None, slides: int) -> None:
    """Refuse a mask that is not there, and one mask file for several slides.

    Raises
    ------
    SettingsError
        With the way out.
    """
    if path is None:
        return
    if not path.exists():
        raise SettingsError(f"there is no file or folder --tissue-mask {path}; check the path")
    if slides > 1 and not path.is_dir():
        raise SettingsError(
            f"--tissue-mask {path} is not a folder, but there are {slides} slides, each with a "
            f"mask of its own; give a folder of {_names_in_words('<slide>')}"
        )


def given_for(slide: Path, path: Path | None, also: Sequence[str] = ()) -> Path | None:
    """The mask file of one slide: the file itself, or the slide's in a folder of masks.

    There it has the slide's name, or one of `also`.

    Raises
    ------
    SettingsError
        If the folder holds none.
    """
    if path is None or not path.is_dir():
        return path
    for candidate in (path / name for stem in (slide.stem, *also) for name in _names(stem)):
        # A slide that is a PNG itself, in the folder of its mask, is not its own mask.
        if candidate.is_file() and real_path(candidate) != real_path(slide):
            return candidate
    raise SettingsError(
        f"{path} holds no tissue mask of {slide} ({_names_in_words(slide.stem)}); add it, or "
        "leave the slide out"
    )


def mask_digest(mask: SlideMask) -> str:
    """A fingerprint of a mask: its values and where they lie."""
    digest = hashlib.sha256(json.dumps(asdict(mask.placement), sort_keys=True).encode())
    digest.update(repr(mask.values.shape).encode())
    digest.update(np.packbits(mask.values).tobytes())
    return digest.hexdigest()


def _names(stem: str) -> tuple[str, ...]:
    return f"{stem}_mask.png", f"{stem}_tissue.geojson", f"{stem}.png", f"{stem}.geojson"


def _names_in_words(stem: str) -> str:
    *first, last = _names(stem)
    return f"{', '.join(first)} or {last}"
