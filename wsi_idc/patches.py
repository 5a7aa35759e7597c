"""Patch collections on disk: which patches there are, whose, with which label, and their pixels.

The layout is that of the public IDC data and of what `wsi-idc tile` writes::

    <patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png

Folders above the patients' do not matter. The table of a collection is a pandas DataFrame
with the columns `patient` (str), `slide` (str), `x`, `y` (int, 1-based target pixels),
`label` (int, 1 is IDC) and `path` (Path), sorted by patient and file name.
"""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wsi_idc.errors import PatchCollectionError

PUBLIC_MPP = 8.0
"""µm/px of the public IDC patches: nominal, inferred from slide width, fat cells and nuclei."""

BACKGROUND = 242
"""Grey that fills patches cut off by a slide's edge: the glass of the public patches."""

_FILE_NAME = re.compile(r"^(?P<slide>.+)_x(?P<x>\d+)_y(?P<y>\d+)_class(?P<label>[01])\.png$")


def find_patches(folder: Path) -> pd.DataFrame:
    """List the labelled patches below a folder.

    The public archive holds everything twice, the second time in a folder of its own; a
    patch (patient and file name) that occurs again is counted once.

    Raises
    ------
    PatchCollectionError
        If the folder does not exist, holds no labelled patch, or if a patch's file name and
        folder name different classes.
    """
    if not folder.is_dir():
        raise PatchCollectionError(f"{folder} is not a folder; give one with labelled patches")
    rows: dict[tuple[str, str], tuple[str, str, int, int, int, Path]] = {}
    for parent, _, names in os.walk(folder, followlinks=True):
        label_folder = Path(parent)
        if label_folder.name not in ("0", "1"):
            continue
        patient = label_folder.parent.name
        for name in names:
            match = _FILE_NAME.match(name)
            if match is None:
                continue
            label = int(match["label"])
            if label != int(label_folder.name):
                raise PatchCollectionError(
                    f"{label_folder / name} says class {label} in its name but lies in folder "
                    f"{label_folder.name}; correct one of them"
                )
            row = (
                patient,
                match["slide"],
                int(match["x"]),
                int(match["y"]),
                label,
                label_folder / name,
            )
            known = rows.setdefault((patient, name), row)
            if len(row[-1].parts) < len(known[-1].parts):
                rows[patient, name] = row
    if not rows:
        raise PatchCollectionError(
            f"{folder} holds no labelled patches; expected "
            "<patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png below it"
        )
    ordered = [rows[key] for key in sorted(rows)]
    return pd.DataFrame(ordered, columns=["patient", "slide", "x", "y", "label", "path"])


def collection_mpp(folder: Path) -> float | None:
    """µm/px at which `wsi-idc tile` cut the patches below `folder`, or None if nothing says.

    Raises
    ------
    PatchCollectionError
        If the folder mixes patches cut at different µm/px.
    """
    found: dict[float, Path] = {}
    for manifest in sorted(folder.glob("slides/*/manifest.json")):
        try:
            mpp = float(json.loads(manifest.read_text(encoding="utf-8"))["settings"]["mpp"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise PatchCollectionError(
                f"{manifest} cannot be read ({error}); tile the slide again"
            ) from error
        found.setdefault(mpp, manifest)
    if len(found) > 1:
        listed = ", ".join(f"{mpp:g} ({path.parent.name})" for mpp, path in found.items())
        raise PatchCollectionError(
            f"{folder} mixes patches of different µm/px: {listed}; keep each in a folder of its own"
        )
    return next(iter(found), None)


def read_pixels(
    paths: list[Path], patch_size: int, cache: Path | None = None
) -> tuple[NDArray[np.uint8], int]:
    """Decode patches into one array, once.

    Parameters
    ----------
    paths : N image files.
    patch_size : side of a patch in pixels.
    cache : a file to keep the array in, memory-mapped, so that a large collection needs
        little memory; None keeps it in memory.

    Returns
    -------
    pixels : uint8 RGB [N, patch_size, patch_size, 3]. Patches cut off by the slide's edge
        are padded at the right and bottom with the background's grey, never stretched.
    padded : how many were.

    Raises
    ------
    PatchCollectionError
        If a file is no image or larger than `patch_size`.
    """
    shape = (len(paths), patch_size, patch_size, 3)
    if cache is None:
        pixels = np.empty(shape, np.uint8)
    else:
        pixels = np.lib.format.open_memmap(cache, mode="w+", dtype=np.uint8, shape=shape)

    def decode(index: int) -> bool:
        patch = _read_patch(paths[index])
        height, width = patch.shape[:2]
        if height > patch_size or width > patch_size:
            raise PatchCollectionError(
                f"{paths[index]} is {width}x{height} px, larger than the patch size {patch_size}; "
                "give the right one with --patch-size"
            )
        if (height, width) == (patch_size, patch_size):
            pixels[index] = patch
            return False
        pixels[index] = BACKGROUND
        pixels[index, :height, :width] = patch
        return True

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        padded = sum(pool.map(decode, range(len(paths)), chunksize=64))
    return pixels, padded


def _read_patch(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise PatchCollectionError(
            f"{path} cannot be read as an image ({error}); remove or replace it"
        ) from error
