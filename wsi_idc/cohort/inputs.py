"""Which slides a command line means: files, and folders of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from wsi_idc.errors import SettingsError

SLIDE_SUFFIXES = (
    *(".svs", ".svslide", ".tif", ".tiff", ".ndpi", ".vms", ".vmu", ".scn", ".mrxs", ".bif"),
    *(".czi", ".dcm", ".png", ".jpg", ".jpeg"),
)
"""Endings by which slides are found in a folder. A file that is named is tried whatever its
ending."""


def find_slides(paths: Iterable[Path]) -> list[Path]:
    """List the slides that files and folders stand for.

    A file is taken as it is, also one that does not exist: opening it gives the clear error.
    A folder gives the files directly in it that end like slides, by name.

    Raises
    ------
    SettingsError
        If a folder holds no slides, or two slides have the same name: their results would
        lie in the same place.
    """
    slides: list[Path] = []
    for path in paths:
        if not path.is_dir():
            slides.append(path)
            continue
        found = sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in SLIDE_SUFFIXES
            and not file.name.startswith(".")
            and file.is_file()
        )
        if not found:
            raise SettingsError(
                f"{path} holds no slides; known endings are {' '.join(SLIDE_SUFFIXES)}"
            )
        slides += found
    slides = list(dict.fromkeys(slides))
    by_name: defaultdict[str, list[Path]] = defaultdict(list)
    for slide in slides:
        by_name[slide.stem].append(slide)
    for name, same in by_name.items():
        if len(same) > 1:
            raise SettingsError(
                f"two slides are named {name!r}, so their results would collide: {same[0]} and "
                f"{same[1]}; run them into different output folders"
            )
    return slides
