"""Where the pixels of patches come from: one class a format, all read in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import PatchCollectionError, reason
from wsi_idc.fresh_process import usable_processors
from wsi_idc.slides import SlideSource
from wsi_idc.slides.pictures import PictureError, opened_picture
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import PatchPlan

BACKGROUND = 242
"""Grey that fills patches cut off by a slide's edge: the glass of the public patches."""

# Bounds memory, and keeps threads busy: so many patches are decoded at a time.
_AT_ONCE = 256

# A single one of more is no patch, whatever the model takes.
_MOST_PIXELS = 4096 * 4096

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """Some of the patches that a store was asked for.

    Attributes
    ----------
    which : int64 [k], positions in the list that was asked for.
    pixels : uint8 RGB [k, patch_size, patch_size, 3].
    padded : how many of them were smaller.
    """

    which: NDArray[np.int64]
    pixels: Pixels
    padded: int = 0


class PatchStore(Protocol):
    """Holds the pixels of patches, each of which it knows by a number."""

    def read(self, at: NDArray[np.int64], patch_size: int) -> Iterator[StoredPixels]:
        """Read patches in parts, in any order.

        Parameters
        ----------
        at : int64 [n], the numbers of the patches, each once.
        patch_size : the side that they are expected to have.

        Raises
        ------
        PatchCollectionError
            If they cannot be read or are not of this size; the message names the file.
        """


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Patches that are image files; a patch's number is the file's place in the list."""

    files: tuple[Path, ...]

    def read(self, at: NDArray[np.int64], patch_size: int) -> Iterator[StoredPixels]:
        """Decode files; smaller ones are padded at the right and bottom."""
        return _decode_all(at, patch_size, lambda i: (self.files[i], str(self.files[i])))


@dataclass(frozen=True, eq=False)
class H5File:
    """Patches in an HDF5 file of `tile`; a patch's number is its row."""

    path: Path

    def read(self, at: NDArray[np.int64], patch_size: int) -> Iterator[StoredPixels]:
        """Read rows, neighbours together."""
        import h5py

        order = np.argsort(at)
        try:
            with h5py.File(self.path) as file:
                images = file["images"]
                if images.shape[1:] != (patch_size, patch_size, 3):
                    raise _other_size(self.path, images.shape[2], images.shape[1], patch_size)
                for start in range(0, len(order), _AT_ONCE):
                    which = order[start : start + _AT_ONCE]
                    rows = at[which]
                    first, last = int(rows[0]), int(rows[-1]) + 1
                    if last - first <= 4 * len(rows):
                        yield StoredPixels(which, images[first:last][rows - first])
                    else:
                        yield StoredPixels(which, np.stack([images[int(row)] for row in rows]))
        except (OSError, KeyError, ValueError, IndexError) as error:
            if isinstance(error, PatchCollectionError):
                raise
            raise _damaged(self.path, error) from error


@dataclass(frozen=True, eq=False)
class TfRecordFile:
    """Patches in a TFRecord file of `tile`; a patch's number is its record's first byte."""

    path: Path

    def read(self, at: NDArray[np.int64], patch_size: int) -> Iterator[StoredPixels]:
        """Read records in the order of the file."""
        from wsi_idc.tfrecord import read_record

        try:
            with self.path.open("rb") as file:

                def load(offset: int) -> tuple[bytes, str]:
                    (image,) = read_record(file, offset)["image"]
                    if not isinstance(image, bytes):
                        raise ValueError(f"the record at byte {offset} holds no image")
                    return image, f"{self.path}, record at byte {offset},"

                yield from _decode_all(at, patch_size, load)
        except PatchCollectionError:
            raise
        except (OSError, KeyError, ValueError) as error:
            raise _damaged(self.path, error) from error


@dataclass(frozen=True, eq=False)
class SlideRegions:
    """Patches that are read from their slide; a patch's number is its row in the plan."""

    source: SlideSource
    plan: PatchPlan

    def read(self, at: NDArray[np.int64], patch_size: int) -> Iterator[StoredPixels]:
        """Read the slide, in blocks."""
        if patch_size != self.plan.grid.patch_size:
            size = self.plan.grid.patch_size
            raise _other_size(self.source.path, size, size, patch_size)
        order = np.argsort(at)
        chosen = np.zeros(len(self.plan), bool)
        chosen[at] = True
        with closing(read_patches(self.source, self.plan.select(chosen))) as blocks:
            for block in blocks:
                yield StoredPixels(order[block.indices], block.patches)


def _decode_all(
    at: NDArray[np.int64], patch_size: int, load: Callable[[int], tuple[Path | bytes, str]]
) -> Iterator[StoredPixels]:
    """Decode encoded images in threads, in the order of their numbers.

    Parameters
    ----------
    at, patch_size : as for `PatchStore.read`.
    load : gives the image of a number, a file or its bytes, and its name for messages; called
        in one thread only.
    """
    order = np.argsort(at)
    with ThreadPoolExecutor(max_workers=usable_processors()) as pool:
        for start in range(0, len(order), _AT_ONCE):
            which = order[start : start + _AT_ONCE]
            pixels = np.full((len(which), patch_size, patch_size, 3), BACKGROUND, np.uint8)
            loaded = [load(int(number)) for number in at[which]]
            decoded = pool.map(partial(_decoded, patch_size=patch_size), loaded, chunksize=16)
            padded = 0
            for place, patch in zip(pixels, decoded, strict=True):
                height, width = patch.shape[:2]
                place[:height, :width] = patch
                padded += (height, width) != (patch_size, patch_size)
            yield StoredPixels(which, pixels, padded)


def _decoded(loaded: tuple[Path | bytes, str], patch_size: int) -> Pixels:
    image_file, name = loaded
    file = BytesIO(image_file) if isinstance(image_file, bytes) else image_file
    try:
        with opened_picture(file, _MOST_PIXELS) as image:
            if max(image.size) > patch_size:
                raise _other_size(name, *image.size, patch_size)
            return np.asarray(image.convert("RGB"))
    except (PictureError, OSError) as error:
        raise PatchCollectionError(
            f"{name} cannot be read as an image ({reason(error)}); remove or replace it"
        ) from error


def _other_size(name: Path | str, width: int, height: int, patch_size: int) -> PatchCollectionError:
    compared = "larger than" if max(width, height) > patch_size else "not"
    return PatchCollectionError(
        f"{name} is {width}x{height} px, {compared} the patch size {patch_size} of the model; "
        "leave it out, or tile the slides for the model"
    )


def _damaged(path: Path, error: Exception) -> PatchCollectionError:
    return PatchCollectionError(
        f"{path} cannot be read ({error}); tile the slide again with --overwrite"
    )
