"""The formats that patches are written in, one module each.

A format is a class that takes the blocks of one slide's patches, stages files aside, and says
at the end where they belong. It knows nothing of earlier runs and of moving: that is
`wsi_idc.tiling.writer`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wsi_idc.slides.info import SlideInfo
from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.plan import PatchPlan

FORMATS = ("png", "h5", "tfrecord", "coords")
"""Their names: PNG files, one HDF5 or TFRecord file a slide, or positions without pixels."""


@dataclass(frozen=True, eq=False)
class SlidePatches:
    """The patches of one slide that are to be written.

    Attributes
    ----------
    info : the slide.
    patient : whose it is.
    plan : its N patches.
    """

    info: SlideInfo
    patient: str
    plan: PatchPlan

    @property
    def name(self) -> str:
        """The slide's name."""
        return self.info.name


class PatchFormat(Protocol):
    """Writes the patches of one slide into a staging folder."""

    def write(self, block: PatchBlock) -> None:
        """Write the patches of a block; each patch of the plan comes once, in any order."""

    def close(self) -> None:
        """Finish the files, or let go of them after an error."""

    def columns(self, part: slice) -> dict[str, Any]:
        """Columns of the index that only this format has, of a part of the patches."""

    def files(self) -> Iterator[tuple[str, str]]:
        """Each staged file's name, and its path from the output folder on, slashes forward."""


def open_format(name: str, staging: Path, patches: SlidePatches, threads: int) -> PatchFormat:
    """Begin to write in a format.

    Parameters
    ----------
    name : one of `FORMATS`.
    staging : an empty folder.
    patches : what will come.
    threads : how many threads encode, where the format encodes.
    """
    # Each imports its libraries: who writes PNG files needs no HDF5.
    if name == "png":
        from wsi_idc.tiling.formats.png import PngFormat

        return PngFormat(staging, patches, threads)
    if name == "tfrecord":
        from wsi_idc.tiling.formats.tfrecord import TfRecordFormat

        return TfRecordFormat(staging, patches, threads)
    from wsi_idc.tiling.formats.h5 import H5Format

    return H5Format(staging, patches, with_images=name == "h5")
