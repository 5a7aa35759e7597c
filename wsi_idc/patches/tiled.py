"""Slides whose patches `wsi-idc tile` wrote as one file, or as positions only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wsi_idc.errors import PatchCollectionError, reason
from wsi_idc.files import read_json
from wsi_idc.patches.stores import H5File, PatchStore, SlideRegions, TfRecordFile
from wsi_idc.privacy import is_pseudonym
from wsi_idc.slides import SlideSource
from wsi_idc.slides.fingerprint import find_by_fingerprint
from wsi_idc.slides.suffixes import SLIDE_SUFFIXES
from wsi_idc.tiling.grid import make_grid
from wsi_idc.tiling.layout import (
    H5_ENDING,
    INDEX_ENDING,
    MANIFEST_FILE,
    TFRECORD_ENDING,
    patch_name,
)
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan


@dataclass(frozen=True)
class TiledSlide:
    """One slide as its manifest tells of it.

    Attributes
    ----------
    folder : where its files lie, `slides/<slide>`.
    manifest : what was asked for, and what came of it.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The slide's name."""
        return self.folder.name

    @property
    def geometry(self) -> tuple[float, int]:
        """µm/px and side of its patches."""
        settings = self.manifest["settings"]
        return float(settings["mpp"]), int(settings["patch_size"])

    @property
    def format(self) -> str:
        """What its patches are stored as."""
        return str(self.manifest["settings"].get("format", "png"))


def read_tiled_slide(folder: Path) -> TiledSlide:
    """Read the manifest of a tiled slide.

    Raises
    ------
    PatchCollectionError
        If tiling it was not finished, or the manifest is damaged.
    """
    manifest = folder / MANIFEST_FILE
    try:
        slide = TiledSlide(folder, read_json(manifest))
        _ = slide.geometry, slide.format
    except FileNotFoundError as error:
        raise PatchCollectionError(
            f"tiling of slide {folder.name} in {folder.parent.parent} was not finished; run "
            "`wsi-idc tile` on it again"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise PatchCollectionError(
            f"{manifest} cannot be read ({reason(error)}); tile the slide again"
        ) from error
    return slide


def labelled_rows(slide: TiledSlide, slides: Path | None) -> pd.DataFrame:
    """The labelled patches of a slide in another format than PNG files.

    Parameters
    ----------
    slide : the slide.
    slides : a folder of slides, or a slide; needed where the pixels were not stored.

    Returns
    -------
    A table with the columns of a collection's.

    Raises
    ------
    PatchCollectionError
        If a file is missing or damaged, or the slide is needed and not found.
    SlideError
        If the slide is needed and cannot be opened.
    """
    index = _read_index(slide)
    labelled = np.flatnonzero(index["label"] != NO_LABEL)
    at = np.arange(len(index))
    store: PatchStore
    if slide.format == "h5":
        store = H5File(_data_file(slide, H5_ENDING))
    elif slide.format == "tfrecord":
        store = TfRecordFile(_data_file(slide, TFRECORD_ENDING))
        at = index["offset"].to_numpy(np.int64)
    elif slide.format == "coords":
        # Without a labelled patch none will be read, and the slide need not be there.
        store = H5File(slide.folder) if not len(labelled) else _regions(slide, index, slides)
    else:
        raise PatchCollectionError(
            f"{slide.folder} is in the format {slide.format!r}, which this version does not know; "
            "tile the slide again"
        )
    table = index.loc[labelled, ["x", "y", "label"]]
    table["patient"] = str(slide.manifest["patient"])
    table["slide"] = slide.name
    table["name"] = [
        patch_name(slide.name, x, y, label)
        for x, y, label in zip(table["x"], table["y"], table["label"], strict=True)
    ]
    table["store"] = pd.Series([store] * len(table), index=table.index, dtype=object)
    table["at"] = at[labelled]
    return table


def _read_index(slide: TiledSlide) -> pd.DataFrame:
    path = slide.folder / f"{slide.name}{INDEX_ENDING}"
    columns = ["x", "y", "label", "tissue_fraction"]
    if slide.format == "tfrecord":
        columns.append("offset")
    try:
        index = pd.read_csv(path, usecols=columns)
        expected = int(slide.manifest["counts"]["patches"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise PatchCollectionError(
            f"{path} cannot be read ({reason(error)}); tile the slide again with --overwrite"
        ) from error
    if len(index) != expected:
        raise PatchCollectionError(
            f"{path} names {len(index)} patches, but {expected} were written; tile the slide "
            "again with --overwrite"
        )
    return index


def _data_file(slide: TiledSlide, ending: str) -> Path:
    path = slide.folder / f"{slide.name}{ending}"
    if not path.is_file():
        raise PatchCollectionError(
            f"{path} is missing; copy it to its place, or tile the slide again with --overwrite"
        )
    return path


def _regions(slide: TiledSlide, index: pd.DataFrame, slides: Path | None) -> SlideRegions:
    """The patches as regions of their slide, right as they were planned."""
    try:
        noted, read, settings = (slide.manifest[key] for key in ("slide", "read", "settings"))
        mpp = float(noted["mpp_x"]), float(noted["mpp_y"])
        path = _find_slide(slide, str(read["file"]), str(noted["fingerprint"]), slides)
        # The same reader: others differ in the last bits.
        source = SlideSource(path, str(read["reader"]), mpp, icc=bool(noted["icc_applied"]))
        size, stride = int(settings["patch_size"]), int(settings["stride"])
    except (KeyError, TypeError) as error:
        raise PatchCollectionError(
            f"{slide.folder / MANIFEST_FILE} lacks {error}; tile the slide again with --overwrite"
        ) from error
    with source.open() as opened:
        grid = make_grid(opened.info, slide.geometry[0], size, stride)
    plan = PatchPlan(
        grid,
        ((index["x"].to_numpy(np.int64) - 1) // stride).astype(np.int32),
        ((index["y"].to_numpy(np.int64) - 1) // stride).astype(np.int32),
        index["tissue_fraction"].to_numpy(np.float32),
        index["label"].to_numpy(np.int8),
    )
    return SlideRegions(source, plan)


def _find_slide(slide: TiledSlide, file: str, fingerprint: str, slides: Path | None) -> Path:
    if slides is None:
        raise PatchCollectionError(
            f"{slide.folder} holds positions only; give the folder of {file} with --slides, or "
            "tile the slide with --format h5"
        )
    is_hashed = is_pseudonym(slide.name)  # then what is in a file tells whose it is, and no name
    below = [slides] if slides.is_file() else sorted(slides.rglob("*"))
    found = [
        path
        for path in below
        if (path.suffix.lower() in SLIDE_SUFFIXES if is_hashed else path.name == file)
        and path.is_file()
    ]
    if (path := find_by_fingerprint(found, fingerprint)) is not None:
        return path
    if not found or is_hashed:
        raise PatchCollectionError(
            f"{slides} does not hold {file}, whose positions are in {slide.folder}; give its "
            "folder with --slides"
        )
    raise PatchCollectionError(
        f"{found[0]} is another file than the one whose positions are in {slide.folder}; give "
        "the right folder with --slides, or tile the slide again"
    )
