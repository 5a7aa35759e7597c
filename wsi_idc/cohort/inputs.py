"""Which slides a command line means: files, folders of files, and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wsi_idc.errors import SettingsError
from wsi_idc.files import real_path
from wsi_idc.slides.suffixes import PICTURE_SUFFIXES, SLIDE_SUFFIXES

_DICOM_SUFFIX = ".dcm"
_SERIES = "dicom.SeriesInstanceUID"


def find_slides(paths: Iterable[Path], *, recursive: bool = False) -> list[Path]:
    """List the slides that files, folders and patterns stand for, each once.

    A file is taken as it is, also one that does not exist: opening it gives the clear error.
    A folder gives the files in it that end like slides, by name; those in folders below it
    only if `recursive`. PNG and JPEG files count only where there is nothing else: beside slides
    they are pictures of them. The .dcm files of one DICOM series are one slide, which its first
    file stands for. A path with ``*``, ``?`` or ``[`` that is no file is a pattern, in which
    ``**`` stands for any folders.

    Raises
    ------
    SettingsError
        If a folder holds no slides, or nothing matches a pattern.
    """
    slides: list[Path] = []
    for path in paths:
        for found in _matches(path):
            slides += _slides_in(found, recursive) if found.is_dir() else [found]
    return list(dict.fromkeys(slides))


def _matches(path: Path) -> list[Path]:
    """The files and folders that a pattern matches; a path that is none stands for itself."""
    if not glob.has_magic(str(path)) or path.exists():
        return [path]
    found = sorted(Path(match) for match in glob.glob(str(path), recursive=True))
    if not found:
        raise SettingsError(f"nothing matches {path}; check the pattern")
    return found


def companion(
    slide: Path, folder: Path, endings: Iterable[str], also: Sequence[str] = ()
) -> Path | None:
    """Find the file in a folder that belongs to a slide; None where there is none.

    It is named like the slide, without or with the slide's own ending, or has a name of `also`,
    and one of `endings`.

    Raises
    ------
    SettingsError
        If there are two: which one is meant cannot be told.
    """
    stems = (slide.stem, slide.name, *also)
    names = dict.fromkeys(stem + ending for ending in endings for stem in stems)
    found = [
        path
        for path in (folder / name for name in names)
        # A slide that is a picture itself, in the folder of its mask, is not its own companion.
        if path.is_file() and real_path(path) != real_path(slide)
    ]
    if len(found) > 1:
        raise SettingsError(
            f"{folder} holds {found[0].name} and {found[1].name}, both for {slide.name}; "
            "leave the right one only"
        )
    return found[0] if found else None


def find_results(paths: Iterable[Path]) -> list[Path]:
    """List the result folders that paths stand for: themselves, or the results right in them.

    A folder that is neither is taken as it is: reading it gives the clear error.
    """
    # Imported here: `tile` lists slides too, and needs nothing that draws.
    from wsi_idc.heatmap.result import SUMMARY, results_in

    results: list[Path] = []
    for path in paths:
        inside = [] if (path / SUMMARY).exists() else results_in(path)
        results += inside or [path]
    return list(dict.fromkeys(results))


def _slides_in(folder: Path, recursive: bool) -> list[Path]:
    found = sorted(
        file
        for file in (_files_below(folder) if recursive else folder.iterdir())
        if file.suffix.lower() in SLIDE_SUFFIXES
        and not file.name.startswith(".")
        and file.is_file()
    )
    if not found:
        raise SettingsError(
            f"{folder} holds no slides; known endings are {' '.join(SLIDE_SUFFIXES)}"
            + ("" if recursive else "; --recursive looks into the folders below it, too")
        )
    scans = [file for file in found if file.suffix.lower() not in PICTURE_SUFFIXES]
    return _one_of_each_series(scans or found)


def _files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and below it, but for hidden folders; links are followed once."""
    seen: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = real_path(Path(place))
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in files)


def _one_of_each_series(files: list[Path]) -> list[Path]:
    """Leave out .dcm files of a series that an earlier file stands for."""
    if sum(file.suffix.lower() == _DICOM_SUFFIX for file in files) < 2:
        return files
    kept = []
    seen: set[str] = set()
    for file in files:
        series = _dicom_series(file) if file.suffix.lower() == _DICOM_SUFFIX else None
        if series is None or series not in seen:
            kept.append(file)
        if series is not None:
            seen.add(series)
    return kept


def _dicom_series(file: Path) -> str | None:
    """The series that a file belongs to; None where it cannot be told.

    Such a file stays a slide of its own, so that its error is told when it is its turn.
    """
    import openslide

    try:
        with openslide.OpenSlide(file) as slide:
            series: str | None = slide.properties.get(_SERIES)
            return series
    except (openslide.OpenSlideError, OSError):
        return None
