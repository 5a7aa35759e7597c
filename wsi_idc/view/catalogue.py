"""Which slides are shown: files, folders of slides, and folders of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from wsi_idc.cohort.inputs import find_results, find_slides
from wsi_idc.cohort.names import unique_names
from wsi_idc.cohort.records import FAILED, read_records
from wsi_idc.errors import ResultFolderError, SettingsError
from wsi_idc.heatmap.result import SUMMARY
from wsi_idc.slides import SlideSource
from wsi_idc.view.entry import FailedSlide, SlideEntry, ViewSettings
from wsi_idc.view.mapped import MappedSlides, checked


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
    mapped = MappedSlides(settings)
    results: list[Path] = []
    slides: list[Path] = []
    for target in targets:
        inside = find_results([target]) if target.is_dir() else []
        if inside and (inside[0] / SUMMARY).exists():
            results += inside
        else:
            slides.append(target)
    entries = [_entry_of_result(folder, mapped, alone=len(results) == 1) for folder in results]
    entries += _entries_of_slides(find_slides(slides), mapped)
    for key, count in Counter(entry.key for entry in entries).items():
        if count > 1:
            raise SettingsError(f"two slides are named {key}; look at one of them at a time")
    return entries


def failed_slides(targets: Sequence[Path]) -> list[FailedSlide]:
    """Slides that have no map in a folder of results because mapping them failed, by name."""
    return [
        FailedSlide(record.name, record.error or "no reason is known", record.remedy or "")
        for target in targets
        if target.is_dir()
        for record in read_records(target)
        if record.status == FAILED and not (target / record.name / SUMMARY).exists()
    ]


def _entries_of_slides(slides: list[Path], mapped: MappedSlides) -> list[SlideEntry]:
    settings = mapped.settings
    entries = []
    for slide, name in zip(slides, unique_names(slides), strict=True):
        result = _result_of(slide, name, mapped, alone=len(slides) == 1)
        if result is None:
            source = SlideSource(slide, name=name, **settings.source)
            entries.append(SlideEntry(name, source, None, settings.annotations_of(name, None)))
            continue
        entry = checked(mapped.entry(result, slide))
        if entry.is_picture:
            raise ResultFolderError(
                f"{result} is the map of another file than {slide}: make it again, or give "
                "the right folder with --results"
            )
        entries.append(entry)
    return entries


def _result_of(slide: Path, name: str, mapped: MappedSlides, *, alone: bool) -> Path | None:
    """The result of a slide that was named; of several, some may not be mapped yet."""
    results = mapped.settings.results
    if results is None:
        return None
    own = results / name
    if (own / SUMMARY).exists():
        return own
    hashed = mapped.result_of(slide, results)
    return results if hashed is None and alone else hashed


def _entry_of_result(folder: Path, mapped: MappedSlides, *, alone: bool) -> SlideEntry:
    """A result among others is checked when it is looked at; a bad one does not hide the rest."""
    if alone:
        return checked(mapped.entry(folder))
    try:
        return mapped.entry(folder)
    except ResultFolderError as error:
        return mapped.broken(folder, error)
