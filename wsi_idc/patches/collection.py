"""Which labelled patches a folder holds: the public layout, and all that `tile` writes.

PNG patches are found by their names, as in the public IDC data::

    <patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png

Slides that were tiled into one file, or into positions only, by the manifest that lies in
``slides/<slide>``. Folders above do not matter, and formats may be mixed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from wsi_idc.errors import PatchCollectionError
from wsi_idc.patches.stores import ImageFiles
from wsi_idc.patches.tiled import TiledSlide, labelled_rows, read_tiled_slide
from wsi_idc.tiling.layout import INDEX_ENDING, SLIDES_FOLDER

PUBLIC_MPP = 8.0
"""µm/px of the public IDC patches: nominal, inferred from slide width, fat cells and nuclei."""

SAME_MPP = 0.01
"""µm/px that differ by less than this share are the same scale: a hundredth of a patch."""

COLUMNS = ("patient", "slide", "x", "y", "label", "name", "store", "at")

_File = tuple[str, str, int, int, int, str, Path]
_FILE_NAME = re.compile(r"^(?P<slide>.+)_x(?P<x>\d+)_y(?P<y>\d+)_class(?P<label>[01])\.png$")


@dataclass(frozen=True)
class PatchCollection:
    """The labelled patches below a folder.

    Attributes
    ----------
    table : a row a patch, sorted by patient and name, with the columns `patient` and `slide`
        (str), `x`, `y` (int, target pixels from 1), `label` (int, 1 is IDC), `name` (str, the
        file name that the public data would give it), and for `read_pixels` `store` and `at`:
        what holds its pixels, and its number there.
    mpp, patch_size : µm/px and side at which `wsi-idc tile` cut them; None where nothing
        says, as in the public data.
    """

    table: pd.DataFrame
    mpp: float | None
    patch_size: int | None


def find_patches(folder: Path, slides: Path | None = None) -> PatchCollection:
    """List the labelled patches below a folder.

    The public archive holds everything twice, the second time in a folder of its own; a
    patch (patient and name) that occurs again is counted once, the one in the fewest folders.

    Parameters
    ----------
    folder : the collection.
    slides : folder of the slides (or the slide) that were tiled without pixels.

    Raises
    ------
    PatchCollectionError
        If the folder does not exist, holds no labelled patch, if a patch's file name and
        folder name different classes, if patches were cut at different µm/px or sizes, if
        tiling a slide was not finished, or a slide is needed and not given.
    SlideError
        If a slide is needed and cannot be opened.
    """
    if not folder.is_dir():
        raise PatchCollectionError(f"{folder} is not a folder; give one with labelled patches")
    files: list[_File] = []
    tiled: list[TiledSlide] = []
    for parent, names in _walk(folder):
        if parent.parent.name == SLIDES_FOLDER and any(n.endswith(INDEX_ENDING) for n in names):
            tiled.append(read_tiled_slide(parent))
        if parent.name in ("0", "1"):
            files += [found for name in names if (found := _labelled_patch(parent, name))]
    tiled.sort(key=lambda slide: slide.folder)
    geometry = _agreed_geometry(folder, tiled)
    parts = [
        _of_files(files),
        *(_of_slide(slide, slides) for slide in tiled if slide.format != "png"),
    ]
    # A table without rows has columns of no type, which would change those of the whole.
    parts = [part for part in parts if len(part)]
    if not parts:
        raise PatchCollectionError(
            f"{folder} holds no labelled patches; expected "
            "<patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png below it, or slides that "
            "`wsi-idc tile` labelled"
        )
    table = (
        pd.concat(parts, ignore_index=True)
        .sort_values(["patient", "name", "depth"], kind="stable")
        .drop_duplicates(["patient", "name"])
        .reset_index(drop=True)
    )
    return PatchCollection(table[list(COLUMNS)], *geometry)


def _of_files(files: list[_File]) -> pd.DataFrame:
    store = ImageFiles(tuple(file[-1] for file in files))
    table = pd.DataFrame(files, columns=["patient", "slide", "x", "y", "label", "name", "path"])
    table["depth"] = [len(file[-1].parts) for file in files]
    table["store"] = pd.Series([store] * len(table), dtype=object)
    table["at"] = np.arange(len(table))
    return table.drop(columns="path")


def _of_slide(slide: TiledSlide, slides: Path | None) -> pd.DataFrame:
    # Counted as if its patches lay in <patient>/<class>/ like others of its collection.
    return labelled_rows(slide, slides).assign(depth=len(slide.folder.parts) + 1)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder below `folder` and its files, through links, but none twice."""
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield Path(parent), names


def _labelled_patch(folder: Path, name: str) -> _File | None:
    match = _FILE_NAME.match(name)
    if match is None:
        return None
    label = int(match["label"])
    if label != int(folder.name):
        raise PatchCollectionError(
            f"{folder / name} says class {label} in its name but lies in folder "
            f"{folder.name}; correct one of them"
        )
    x, y = int(match["x"]), int(match["y"])
    return folder.parent.name, match["slide"], x, y, label, name, folder / name


def _agreed_geometry(folder: Path, tiled: list[TiledSlide]) -> tuple[float | None, int | None]:
    """µm/px and patch size that all tiled slides agree on."""
    found: dict[tuple[float, int], str] = {}
    for slide in tiled:
        found.setdefault(slide.geometry, slide.name)
    if len(found) > 1:
        listed = ", ".join(
            f"{size} px at {mpp:g} µm/px ({slide})" for (mpp, size), slide in found.items()
        )
        raise PatchCollectionError(
            f"{folder} mixes patches of different geometry: {listed}; keep each in a folder of "
            "its own"
        )
    return next(iter(found), (None, None))
