"""Patches as PNG files, in the layout of the public IDC data, and their index.

Below the output folder::

    <patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png    patches with a label
    <patient>/unlabelled/<slide>_x<X>_y<Y>.png          patches without one
    slides/<slide>/<slide>_patches.csv                  their index

Patches are encoded aside first. Then those of an earlier run are removed, the index is
written, and only after it the patches are moved to their places: so whatever lies in the
patients' folders stands in an index, and what an interrupted run left behind can be found
again and taken away. A slide that cannot be read leaves what an earlier run wrote of it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.errors import OutputError, SettingsError, WsiIdcError
from wsi_idc.files import make_folder, write_csv
from wsi_idc.progress import Progress
from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan

SLIDES_FOLDER = "slides"
UNLABELLED_FOLDER = "unlabelled"

# Measured on 50 px IDC patches: level 1 writes 15 % faster than Pillow's default 6, and its
# files are 3 % larger.
_PNG_LEVEL = 1
_MOST_THREADS = 8
_STAGING = ".partial-patches"
# Collections travel between computers: what one of them cannot name, none of them may.
_NO_FOLDER_HOLDS = re.compile(r'[<>:"|?*/\\\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])\s*(\..*)?", re.IGNORECASE)
_PATCH_FILE = re.compile(r".+_x\d+_y\d+(_class[01])?\.png")


def slide_folder(output: Path, name: str) -> Path:
    """Where the files about one slide, other than its patches, lie."""
    return output / SLIDES_FOLDER / name


def index_path(output: Path, name: str) -> Path:
    """Where the index of one slide's patches lies."""
    return slide_folder(output, name) / f"{name}_patches.csv"


def manifest_path(output: Path, name: str) -> Path:
    """Where the manifest of one slide lies, which says that all else is written."""
    return slide_folder(output, name) / "manifest.json"


def patch_files(plan: PatchPlan, name: str, patient: str) -> list[str]:
    """Files of the N patches of a plan, relative to the output folder, with forward slashes."""
    files = []
    for x, y, label in zip(plan.x_name, plan.y_name, plan.label, strict=True):
        if label == NO_LABEL:
            files.append(f"{patient}/{UNLABELLED_FOLDER}/{name}_x{x}_y{y}.png")
        else:
            files.append(f"{patient}/{label}/{name}_x{x}_y{y}_class{label}.png")
    return files


def check_folder_name(name: str, what: str) -> None:
    """Refuse a slide or patient name that cannot be a folder below the output on any system.

    Raises
    ------
    SettingsError
        If it is empty, starts with a dot, ends with a dot or a space, holds a path separator,
        a control character or one of ``<>:"|?*``, is a device on Windows (`con`, `nul`,
        `com1`, also with an ending) or is `slides`, in capitals or not.
    """
    if (
        not name
        or name.startswith(".")
        or name.endswith((".", " "))
        or name.casefold() == SLIDES_FOLDER
        or _NO_FOLDER_HOLDS.search(name)
        or _DEVICE.fullmatch(name)
    ):
        raise SettingsError(
            f"{what} {name!r} cannot name a folder of patches on every system; it must not be "
            "empty, start with a dot, end with a dot or a space, hold control characters or any "
            f"of < > : \" | ? * / \\, be {SLIDES_FOLDER!r} or a device such as 'con' or 'com1'; "
            "rename it, or name another patient with --patients"
        )


def write_patch_folder(
    output: Path,
    name: str,
    patient: str,
    plan: PatchPlan,
    blocks: Iterable[PatchBlock],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the patches of one slide and their index, in place of an earlier run's.

    Parameters
    ----------
    output : the collection's folder.
    name : the slide's.
    patient : whose slide it is.
    plan : the patches.
    blocks : their pixels, each patch of the plan once, in any order.
    threads : how many threads encode; None is one for each processor, at most 8.
    progress : called after each block with the patches done and the patches to do.

    Returns
    -------
    The index: a CSV with the columns of `PatchPlan.table` and `file`, the patch's path from
    `output` on with forward slashes, in the order of the plan.

    Raises
    ------
    SettingsError
        If a name cannot be a folder.
    OutputError
        If a file cannot be written.
    """
    check_folder_name(name, "slide name")
    check_folder_name(patient, "patient")
    files = patch_files(plan, name, patient)
    index = index_path(output, name)
    staging = _fresh_staging(index.parent)
    try:
        _encode(
            staging, files, blocks, threads or min(_MOST_THREADS, os.cpu_count() or 1), progress
        )
        remove_patches(output, name)
        write_csv(index, plan.table().assign(file=files))
        for folder in {Path(file).parent for file in files}:
            make_folder(output / folder)
        for file in files:
            os.replace(_staged(staging, file), output / file)
    except WsiIdcError:
        raise  # of reading: an OSError too, but none of writing
    except OSError as error:
        raise _cannot_write(error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return index


def remove_patches(output: Path, name: str) -> int:
    """Remove a slide's manifest, the patches that its index names, then the index.

    Returns
    -------
    How many patches were removed; 0 where there is no index.

    Raises
    ------
    OutputError
        If a file cannot be removed, or if the index is damaged.
    """
    manifest_path(output, name).unlink(missing_ok=True)
    index = index_path(output, name)
    if not index.exists():
        return 0
    removed = 0
    folders = set()
    for file in _indexed_files(index):
        path = output / file
        if path.exists():
            try:
                path.unlink()
            except OSError as error:
                raise _cannot_write(error) from error
            removed += 1
        folders.add(path.parent)
    index.unlink()
    for folder in sorted(folders | {folder.parent for folder in folders}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return removed


def _indexed_files(index: Path) -> list[PurePosixPath]:
    """The patch files that an index names; nothing else on the disk can be among them."""
    try:
        names = pd.read_csv(index, usecols=["file"], dtype=str)["file"]
    except (ValueError, OSError) as error:
        raise OutputError(
            f"{index} cannot be read ({error}), so the slide's old patches cannot be found; "
            "tile into another folder with --output"
        ) from error
    files = [PurePosixPath(str(name)) for name in names]
    for file in files:
        if len(file.parts) != 3 or ".." in file.parts or not _PATCH_FILE.fullmatch(file.name):
            raise OutputError(
                f"{index} names {str(file)!r}, which is no patch of this folder; "
                "tile into another folder with --output"
            )
    return files


def _fresh_staging(folder: Path) -> Path:
    staging = folder / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    return make_folder(staging)


def _staged(staging: Path, file: str) -> Path:
    # Not named like a patch: whoever lists the collection meanwhile must not count it.
    return staging / (PurePosixPath(file).name + ".part")


def _encode(
    staging: Path,
    files: list[str],
    blocks: Iterable[PatchBlock],
    threads: int,
    progress: Progress | None,
) -> None:
    def encode(index: int, pixels: NDArray[np.uint8]) -> None:
        with _staged(staging, files[index]).open("wb") as file:
            Image.fromarray(pixels).save(file, format="PNG", compress_level=_PNG_LEVEL)

    done = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="encode-patches") as pool:
        for block in blocks:
            for _ in pool.map(encode, block.indices, block.patches):
                pass
            done += len(block.indices)
            if progress is not None:
                progress(done, len(files))


def _cannot_write(error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {error.filename}: {error.strerror}; choose another place with --output"
    )
