"""Patch collections on disk: which patches there are, whose, with which label, and their pixels.

The layout is that of the public IDC data and of what `wsi-idc tile` writes::

    <patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png

Folders above the patients' do not matter. The table of a collection is a pandas DataFrame
with the columns `patient` (str), `slide` (str), `x`, `y` (int, 1-based target pixels),
`label` (int, 1 is IDC) and `path` (Path), sorted by patient and file name.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wsi_idc.errors import OutputError, PatchCollectionError

PUBLIC_MPP = 8.0
"""µm/px of the public IDC patches: nominal, inferred from slide width, fat cells and nuclei."""

SAME_MPP = 0.01
"""µm/px that differ by less than this share are the same scale: a hundredth of a patch."""

BACKGROUND = 242
"""Grey that fills patches cut off by a slide's edge: the glass of the public patches."""

_Row = tuple[str, str, int, int, int, Path]
_FILE_NAME = re.compile(r"^(?P<slide>.+)_x(?P<x>\d+)_y(?P<y>\d+)_class(?P<label>[01])\.png$")


@dataclass(frozen=True)
class PatchCollection:
    """The labelled patches below a folder.

    Attributes
    ----------
    table : a row a patch; see the module's description.
    mpp, patch_size : µm/px and side at which `wsi-idc tile` cut them; None where nothing
        says, as in the public data.
    """

    table: pd.DataFrame
    mpp: float | None
    patch_size: int | None


def find_patches(folder: Path) -> PatchCollection:
    """List the labelled patches below a folder.

    The public archive holds everything twice, the second time in a folder of its own; a
    patch (patient and file name) that occurs again is counted once.

    Raises
    ------
    PatchCollectionError
        If the folder does not exist, holds no labelled patch, if a patch's file name and
        folder name different classes, if patches were cut at different µm/px or sizes, or if
        tiling a slide was not finished.
    """
    if not folder.is_dir():
        raise PatchCollectionError(f"{folder} is not a folder; give one with labelled patches")
    rows: dict[tuple[str, str], _Row] = {}
    manifests: list[Path] = []
    for parent, names in _walk(folder):
        if parent.parent.name == "slides" and any(n.endswith("_patches.csv") for n in names):
            manifests.append(parent / "manifest.json")
        if parent.name not in ("0", "1"):
            continue
        for name in names:
            row = _labelled_patch(parent, name)
            if row is None:
                continue
            known = rows.setdefault((row[0], name), row)
            if len(row[-1].parts) < len(known[-1].parts):
                rows[row[0], name] = row
    if not rows:
        raise PatchCollectionError(
            f"{folder} holds no labelled patches; expected "
            "<patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png below it"
        )
    ordered = [rows[key] for key in sorted(rows)]
    table = pd.DataFrame(ordered, columns=["patient", "slide", "x", "y", "label", "path"])
    return PatchCollection(table, *_noted_geometry(folder, manifests))


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


def _labelled_patch(folder: Path, name: str) -> _Row | None:
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
    return folder.parent.name, match["slide"], x, y, label, folder / name


def _noted_geometry(folder: Path, manifests: list[Path]) -> tuple[float | None, int | None]:
    """µm/px and patch size that all manifests agree on."""
    found: dict[tuple[float, int], str] = {}
    for manifest in sorted(manifests):
        try:
            settings = json.loads(manifest.read_text(encoding="utf-8"))["settings"]
            geometry = float(settings["mpp"]), int(settings["patch_size"])
        except FileNotFoundError as error:
            raise PatchCollectionError(
                f"tiling of slide {manifest.parent.name} in {folder} was not finished; run "
                "`wsi-idc tile` on it again"
            ) from error
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise PatchCollectionError(
                f"{manifest} cannot be read ({error}); tile the slide again"
            ) from error
        found.setdefault(geometry, manifest.parent.name)
    if len(found) > 1:
        listed = ", ".join(
            f"{size} px at {mpp:g} µm/px ({slide})" for (mpp, size), slide in found.items()
        )
        raise PatchCollectionError(
            f"{folder} mixes patches of different geometry: {listed}; keep each in a folder of "
            "its own"
        )
    return next(iter(found), (None, None))


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
        # A full disk under a memory map is a crash, not an exception.
        needed, free = math.prod(shape), shutil.disk_usage(cache.parent).free
        if free < needed:
            raise OutputError(
                f"{cache.parent} has {free / 1e9:.1f} GB free, but the decoded patches need "
                f"{needed / 1e9:.1f} GB; make room or choose another --output"
            )
        pixels = np.lib.format.open_memmap(cache, mode="w+", dtype=np.uint8, shape=shape)

    def decode(index: int) -> bool:
        patch = _read_patch(paths[index])
        height, width = patch.shape[:2]
        if height > patch_size or width > patch_size:
            raise PatchCollectionError(
                f"{paths[index]} is {width}x{height} px, larger than the patch size {patch_size} "
                "of the model"
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
