"""Formats `h5` and `coords`: one HDF5 file a slide, with the pixels or without.

Datasets (N patches of P px a side, in the order of the index):

=================  =====================  =====================================================
`coords`           int64 [N, 2]           x, y of the top-left corners, level-0 pixels, rounded;
                                          carries the attributes of TRIDENT and CLAM
`coords_exact`     float64 [N, 2]         the same, not rounded
`xy`               int64 [N, 2]           x, y in target pixels from 1, as in PNG file names
`label`            int8 [N]               1, 0, or -1 for none
`tissue_fraction`  float32 [N]            0 to 1, or NaN
`images`           uint8 [N, P, P, 3]     RGB; format `h5` only
=================  =====================  =====================================================

The pixels are neither compressed nor chunked. Measured on public IDC patches, LZF makes them
4 % smaller and writes at a sixth of the speed, gzip 17 % at a fifteenth; and an unbroken
array can be written in any order, read at any place, and memory-mapped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import OutputError
from wsi_idc.slides.info import Level, SlideInfo
from wsi_idc.slides.scale_statements import MPP_TIMES_POWER
from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.formats import SlidePatches
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.layout import H5_ENDING, PATCHES_FORMAT, SLIDES_FOLDER
from wsi_idc.tiling.plan import PatchPlan

IMAGES, COORDS = "images", "coords"

# A fixed range of file versions: the same bytes whatever HDF5 would choose, and any HDF5 from
# 1.8 on reads them.
_LIBVER = ("earliest", "v108")
_PART = "patches.h5.part"

# Written to the disk beside the reading each time that so much has come.
_SYNC_BYTES = 64 * 2**20

# More than positions and headers of a file take.
_HEADERS_BYTES, _POSITION_BYTES = 2**15, 64

# A slide may have millions of positions; so many of them take few megabytes.
_ZEROS_AT_ONCE = 2**20
_POSITIONS_AT_ONCE = 100_000


class H5Format:
    """Writes all patches of a slide into one HDF5 file.

    The file is laid out by h5py, with the room of the pixels left open, and the pixels are
    then written into it as plain bytes: a full disk is then an error like any other.
    """

    def __init__(self, staging: Path, patches: SlidePatches, *, with_images: bool) -> None:
        self._name = patches.name
        path = staging / _PART
        size = patches.plan.grid.patch_size
        self._patch_bytes = 3 * size**2
        if with_images:
            _check_room(staging, len(patches.plan) * self._patch_bytes)
        # On a full disk HDF5 ends in many ways, none of them clear: see first that all it
        # will write has room.
        _take_room(path, _HEADERS_BYTES + _POSITION_BYTES * len(patches.plan))
        with h5py.File(path, "w", libver=_LIBVER) as file:
            _write_positions(file, patches)
            shape = (len(patches.plan), size, size, 3)
            self._start = _make_room(file, shape) if with_images else None
        self._file = path.open("rb+")
        self._sync = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._syncing: list[Future[None]] = []
        self._unsynced = 0

    def write(self, block: PatchBlock) -> None:
        """Write a block's patches to their places."""
        if self._start is None:
            return
        for first, last in _runs(block.indices):
            self._file.seek(self._start + int(block.indices[first]) * self._patch_bytes)
            self._file.write(np.ascontiguousarray(block.patches[first:last]).data)
        self._unsynced += block.patches.nbytes
        if self._unsynced >= _SYNC_BYTES:
            self._unsynced = 0
            # So that little is left to wait for at the end.
            self._syncing.append(self._sync.submit(os.fsync, self._file.fileno()))

    def close(self) -> None:
        """Sync and close the file."""
        self._sync.shutdown()
        if not self._file.closed:
            try:
                for done in self._syncing:
                    done.result()  # an error of the disk is told once: here or below
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def columns(self, part: slice) -> dict[str, Any]:
        """None: a patch's row in the index is its row in the file."""
        return {}

    def files(self) -> Iterator[tuple[str, str]]:
        """The one file."""
        yield _PART, f"{SLIDES_FOLDER}/{self._name}/{self._name}{H5_ENDING}"


def _runs(indices: np.ndarray) -> list[tuple[int, int]]:
    """Where `indices` goes up by ones: first and one past the last position of each run."""
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    return list(zip([0, *breaks.tolist()], [*breaks.tolist(), len(indices)], strict=True))


def _check_room(folder: Path, needed: int) -> None:
    """Say before hours of reading that the disk is too small, not after."""
    import shutil

    if (free := shutil.disk_usage(folder).free) < needed:
        raise OutputError(
            f"{folder.parent} has {free / 1e9:.1f} GB free, but the patches need "
            f"{needed / 1e9:.1f} GB; make room, or choose another place with --output"
        )


def _take_room(path: Path, size: int) -> None:
    """Fill a new file with zeros, which a full disk refuses."""
    with path.open("wb") as file:
        for start in range(0, size, _ZEROS_AT_ONCE):
            file.write(bytes(min(_ZEROS_AT_ONCE, size - start)))


def _make_room(file: h5py.File, shape: tuple[int, ...]) -> int:
    """Lay out `images` without writing it; returns its first byte's place in the file."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_layout(h5py.h5d.CONTIGUOUS)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    how.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape)
    created = h5py.h5d.create(file.id, IMAGES.encode(), h5py.h5t.STD_U8LE, space, how)
    start: int = created.get_offset()
    return start


def _write_positions(file: h5py.File, patches: SlidePatches) -> None:
    plan, grid = patches.plan, patches.plan.grid
    arrays: dict[str, tuple[type, Callable[[PatchPlan], np.ndarray]]] = {
        COORDS: (np.int64, lambda part: np.rint(_exact_coords(part))),
        "coords_exact": (np.float64, _exact_coords),
        "xy": (np.int64, lambda part: np.stack([part.x_name, part.y_name], axis=1)),
        "label": (np.int8, lambda part: part.label),
        "tissue_fraction": (np.float32, lambda part: part.tissue_fraction),
    }
    for name, (dtype, values_of) in arrays.items():
        shape = (len(plan), *values_of(plan.select(slice(0))).shape[1:])
        dataset = file.create_dataset(name, shape, dtype, track_times=False)
        for start in range(0, len(plan), _POSITIONS_AT_ONCE):
            part = slice(start, start + _POSITIONS_AT_ONCE)
            dataset[part] = values_of(plan.select(part)).astype(dtype)
    file[COORDS].attrs.update(_attributes(patches.info, grid))
    file.attrs.update(
        {
            "format": PATCHES_FORMAT,
            "slide": patches.name,
            "patient": patches.patient,
            "mpp": grid.mpp,
            "patch_size": grid.patch_size,
            "stride": grid.stride,
        }
    )


def _exact_coords(plan: PatchPlan) -> NDArray[np.float64]:
    """float64 [N, 2], x and y of the top-left corners in level-0 pixels."""
    exact = np.empty((len(plan), 2))
    exact[:, 0] = plan.x_level0
    exact[:, 1] = plan.y_level0
    return exact


def _attributes(info: SlideInfo, grid: PatchGrid) -> dict[str, Any]:
    """What TRIDENT and CLAM look for at `coords`, and the exact sizes.

    `patch_size` means target pixels, as theirs does. `savetodir` and `save_path` are empty:
    folders may tell who a patient is.
    """
    attributes: dict[str, Any] = {
        "patch_size": grid.patch_size,
        "patch_size_level0": round((grid.patch_width_level0 + grid.patch_height_level0) / 2),
        "patch_width_level0": grid.patch_width_level0,
        "patch_height_level0": grid.patch_height_level0,
        "level0_magnification": _whole(info.objective_power or MPP_TIMES_POWER / info.mpp),
        "target_magnification": _whole(MPP_TIMES_POWER / grid.mpp),
        "overlap": grid.patch_size - grid.stride,
        "name": info.name,
        "savetodir": "",
        "level0_width": info.width,
        "level0_height": info.height,
    }
    level = _level_of(info, grid)
    if level is not None:
        attributes |= {
            "patch_level": level.index,
            "downsample": np.array([level.downsample_x, level.downsample_y]),
            "downsampled_level_dim": np.array([level.width, level.height]),
            "level_dim": np.array([level.width, level.height]),
            "save_path": "",
        }
    return attributes


def _level_of(info: SlideInfo, grid: PatchGrid) -> Level | None:
    """The slide's level whose pixels are the target pixels; None where there is none.

    CLAM reads `patch_size` pixels of a level. Of any other level it would read another
    field than this patch's, so where none fits it is given none.
    """
    for level in info.levels:
        drift_x = abs(grid.patch_width_level0 - grid.patch_size * level.downsample_x)
        drift_y = abs(grid.patch_height_level0 - grid.patch_size * level.downsample_y)
        if drift_x < level.downsample_x / 2 and drift_y < level.downsample_y / 2:
            return level
    return None


def _whole(value: float) -> int | float:
    """A number as an int where it is one: the tools' own files hold 40, not 40.0."""
    return int(value) if float(value).is_integer() else float(value)
