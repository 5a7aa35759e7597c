"""The patches of one slide on disk: staged aside, then in place of an earlier run's.

Patches are written aside first. Then those of an earlier run are removed, the index is
written, and only after it the patches are moved to their places: so whatever lies in the
patients' folders stands in an index, and what an interrupted run left behind can be found
again and taken away. A slide that cannot be read leaves what an earlier run wrote of it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from glob import escape
from pathlib import Path, PurePosixPath

import pandas as pd

from wsi_idc.errors import OutputError, WsiIdcError, reason
from wsi_idc.files import cannot_write, make_folder, write_csv
from wsi_idc.progress import Progress
from wsi_idc.slides.base import usual_threads
from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.formats import PatchFormat, SlidePatches, open_format
from wsi_idc.tiling.layout import check_folder_name, index_path, manifest_path, slide_folder
from wsi_idc.tiling.plan import PatchPlan
from wsi_idc.unfinished import unfinished

_ROWS_AT_A_TIME = 20_000
_STAGING = ".partial-patches"
_PATCH_FILE = re.compile(r".+_x\d+_y\d+(_class[01])?\.png")


def write_patches(
    output: Path,
    patches: SlidePatches,
    blocks: Iterable[PatchBlock],
    *,
    format: str = "png",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the patches of one slide and their index, in place of an earlier run's.

    Parameters
    ----------
    output : the collection's folder.
    patches : what they are.
    blocks : their pixels, each patch of the plan once, in any order; none for `coords`.
    format : one of `FORMATS`.
    threads : how many threads encode; None is one for each processor, at most 8.
    progress : called after each block with the patches done and the patches to do.

    Returns
    -------
    The index: a CSV with the columns of `PatchPlan.table` and those of the format, in the
    order of the plan.

    Raises
    ------
    SettingsError
        If a name cannot be a folder.
    OutputError
        If a file cannot be written.
    """
    name = patches.name
    check_folder_name(name, "slide name")
    check_folder_name(patches.patient, "patient")
    index = index_path(output, name)
    staging = index.parent / _STAGING
    threads = threads or usual_threads()
    try:
        shutil.rmtree(staging, ignore_errors=True)
        make_folder(staging)
        with (
            unfinished(lambda: shutil.rmtree(staging, ignore_errors=True)),
            closing(open_format(format, staging, patches, threads)) as writer,
        ):
            done = 0
            for block in blocks:
                writer.write(block)
                done += len(block.indices)
                if progress is not None:
                    progress(done, len(patches.plan))
        remove_patches(output, name)
        write_csv(index, _table_in_parts(patches.plan, writer))
        for folder in {file.rpartition("/")[0] for _, file in writer.files()}:
            make_folder(output / folder)
        for staged, file in writer.files():
            os.replace(staging / staged, output / file)
    except WsiIdcError:
        raise  # of reading: an OSError too, but none of writing
    except OSError as error:
        raise OutputError(cannot_write(Path(error.filename or output), error)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return index


def _table_in_parts(plan: PatchPlan, writer: PatchFormat) -> Iterator[pd.DataFrame]:
    """The index: of millions of patches it would take more memory than all else."""
    for start in range(0, max(1, len(plan)), _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        yield plan.table(part).assign(**writer.columns(part))


def remove_patches(output: Path, name: str) -> int:
    """Remove a slide's manifest, the patches that its index names, all else, then the index.

    Returns
    -------
    How many patch files were removed; 0 where there is no index.

    Raises
    ------
    OutputError
        If a file cannot be removed, or if the index is damaged.
    """
    index = index_path(output, name)
    removed = 0
    folders = set()
    try:
        manifest_path(output, name).unlink(missing_ok=True)
        for file in _indexed_files(index):
            path = output / file
            if path.exists():
                path.unlink()
                removed += 1
            folders.add(path.parent)
        for beside in slide_folder(output, name).glob(f"{escape(name)}_*"):
            if beside != index and beside.is_file():
                beside.unlink()
        index.unlink(missing_ok=True)
        for folder in sorted(folders | {folder.parent for folder in folders}, reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    except WsiIdcError:
        raise
    except OSError as error:
        raise OutputError(cannot_write(Path(error.filename or index), error)) from error
    return removed


def _indexed_files(index: Path) -> list[PurePosixPath]:
    """The patch files that an index names; nothing else on the disk can be among them."""
    if not index.exists():
        return []
    try:
        columns = set(pd.read_csv(index, nrows=0).columns)
        if "file" not in columns and {"x", "y", "label"} <= columns:
            return []  # of a format with one file a slide
        names = pd.read_csv(index, usecols=["file"], dtype=str)["file"]
    except (ValueError, OSError) as error:
        raise OutputError(
            f"{index} cannot be read ({reason(error)}), so the slide's old patches cannot be "
            "found; tile into another folder with --output"
        ) from error
    files = [PurePosixPath(str(name)) for name in names]
    for file in files:
        if len(file.parts) != 3 or ".." in file.parts or not _PATCH_FILE.fullmatch(file.name):
            raise OutputError(
                f"{index} names {str(file)!r}, which is no patch of this folder; "
                "tile into another folder with --output"
            )
    return files
