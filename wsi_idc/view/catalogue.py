"""Which slides are shown, with which results, and where what is drawn on them is kept."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsi_idc.cohort.inputs import find_results, find_slides
from wsi_idc.cohort.names import unique_names
from wsi_idc.cohort.records import read_records
from wsi_idc.errors import ResultFolderError, SettingsError
from wsi_idc.heatmap.result import SUMMARY, THUMBNAIL, read_summary
from wsi_idc.slides import SlideSource
from wsi_idc.slides.fingerprint import slide_fingerprint
from wsi_idc.view.saved_picture import SavedPictureSource

ANNOTATIONS = "annotations"


@dataclass(frozen=True)
class SlideEntry:
    """A slide that can be looked at.

    Attributes
    ----------
    key : its name in addresses; no two have the same.
    source : how to open it: the slide's file, or the small picture that was kept with the map.
    result : its result folder, or None.
    annotations : the file that drawings are kept in; need not exist.
    is_picture : whether only the small picture is there.
    warnings : what someone who looks at it should know.
    """

    key: str
    source: SlideSource
    result: Path | None
    annotations: Path
    is_picture: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViewSettings:
    """How slides are found and opened.

    Attributes
    ----------
    results : folder of result folders, or one of them, for slides that were named.
    slides : folder of the slides of results.
    annotations : folder that drawings are kept in; None is `annotations` beside the results, or
        in the working folder where there are none.
    source : reader, µm/px and colours, as for `SlideSource`.
    """

    results: Path | None = None
    slides: Path | None = None
    annotations: Path | None = None
    source: dict[str, Any] = field(default_factory=dict)


def list_slides(targets: Sequence[Path], settings: ViewSettings) -> list[SlideEntry]:
    """List what files, folders of slides and folders of results stand for.

    Parameters
    ----------
    targets : slides, folders and patterns of them, result folders, or folders of these.
    settings : how to find and to open them.

    Raises
    ------
    SettingsError
        If there is nothing to look at, or two of one name.
    SlideNotFoundError
        If a slide is not there.
    ResultFolderError
        If a result folder cannot be used.
    """
    entries: list[SlideEntry] = []
    for target in targets:
        results = find_results([target]) if target.is_dir() else []
        if results and (results[0] / SUMMARY).exists():
            entries += [_entry_of_result(folder, settings) for folder in results]
        else:
            entries += _entries_of_slides(find_slides([target]), settings)
    keys = [entry.key for entry in entries]
    for key in keys:
        if keys.count(key) > 1:
            raise SettingsError(f"two slides are named {key}; look at one of them at a time")
    return entries


def _entries_of_slides(slides: list[Path], settings: ViewSettings) -> list[SlideEntry]:
    entries = []
    for slide, name in zip(slides, unique_names(slides), strict=True):
        result = None
        if settings.results is not None:
            own = settings.results / name
            result = own if (own / SUMMARY).exists() else settings.results
            if len(slides) > 1 and result is settings.results:
                result = None  # not mapped yet, among slides that are
        if result is None:
            source = SlideSource(slide, name=name, **settings.source)
            entries.append(SlideEntry(name, source, None, _annotations(name, None, settings)))
        else:
            entries.append(_entry_of_result(result, settings, slide))
    return entries


def _entry_of_result(folder: Path, settings: ViewSettings, slide: Path | None = None) -> SlideEntry:
    """The slide that a map was made of; the picture in its folder where the file is not found."""
    summary = read_summary(folder)
    about = summary["slide"]
    name = folder.resolve().name
    given = slide is not None
    slide = slide or _find_slide(folder, about["file"], settings)
    annotations = _annotations(name, folder, settings)
    if slide is not None:
        if slide_fingerprint(slide) == about["fingerprint"]:
            source = SlideSource(slide, name=name, **(_as_mapped(about) | settings.source))
            return SlideEntry(name, source, folder, annotations)
        if given:
            raise ResultFolderError(
                f"{folder} is the map of another file than {slide}: make it again, or give "
                "the right folder with --results"
            )
        missing = f"{slide.name} is another file than the map was made of"
    else:
        missing = f"{about['file']} was not found; --slides tells its folder"
    return SlideEntry(
        name,
        SavedPictureSource(folder / THUMBNAIL, name=name, summary=summary),
        folder,
        annotations,
        is_picture=True,
        warnings=(f"only the small picture that was kept with the map is shown: {missing}",),
    )


def _find_slide(folder: Path, file: str, settings: ViewSettings) -> Path | None:
    """The file of a result's slide: where --slides says, else where it was when it was mapped."""
    file = Path(file).name
    if settings.slides is not None:
        places = [settings.slides / file]
        if not places[0].is_file():
            places = sorted(settings.slides.rglob(glob.escape(file)))
    else:
        recorded = [
            Path(record.slide)
            for record in read_records(folder.parent)
            if record.result == folder.name
        ]
        places = [*recorded, folder.parent / file]
    return next((place for place in places if place.is_file()), None)


def _as_mapped(about: dict[str, Any]) -> dict[str, Any]:
    """How the slide was opened for its map, so that both have the same scale and colours."""
    options: dict[str, Any] = {"icc": bool(about.get("icc_applied", False))}
    if about["mpp_source"] == "given by --slide-mpp":
        options["slide_mpp"] = (about["mpp_x"], about["mpp_y"])
    return options


def _annotations(name: str, result: Path | None, settings: ViewSettings) -> Path:
    """Beside the results and not in them: mapping a slide anew replaces its result folder."""
    folder = settings.annotations
    if folder is None:
        folder = (Path() if result is None else result.resolve().parent) / ANNOTATIONS
    return folder / f"{name}.geojson"
