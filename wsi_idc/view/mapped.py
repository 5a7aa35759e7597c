"""The slides of results: where they are, and whether they are the ones that were mapped."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from wsi_idc.errors import ResultFolderError
from wsi_idc.files import real_path
from wsi_idc.heatmap.result import SUMMARY, THUMBNAIL, read_summary
from wsi_idc.privacy import Veil, is_pseudonym
from wsi_idc.slides import SlideSource
from wsi_idc.slides.fingerprint import find_by_fingerprint, slide_fingerprint
from wsi_idc.slides.suffixes import SLIDE_SUFFIXES
from wsi_idc.view.entry import SlideEntry, ViewSettings
from wsi_idc.view.saved_picture import SavedPictureSource

_ONLY_PICTURE = "only the small picture that was kept with the map is shown: "


@dataclass(frozen=True)
class MappedSlides:
    """Finds the slides of results; what it read of folders it keeps, since there may be hundreds.

    Attributes
    ----------
    settings : how slides are found and opened.
    """

    settings: ViewSettings
    # By folder of results, those under hashed names by what is in their slides.
    _hashed: dict[Path, dict[str, Path]] = field(default_factory=dict, init=False)

    def entry(self, folder: Path, slide: Path | None = None) -> SlideEntry:
        """The slide that a result was made of.

        It is not compared with the file that was mapped, which means to read from it: `checked`
        does that when it is looked at.

        Parameters
        ----------
        folder : the result folder.
        slide : its file, where it was named.

        Raises
        ------
        ResultFolderError
            If the result cannot be read.
        """
        summary = read_summary(folder)
        about = summary["slide"]
        name = real_path(folder).name
        annotations = self.settings.annotations_of(name, folder)
        slide = slide or self._find(folder, about)
        if slide is None:
            missing = f"{about['file']} was not found; --slides tells its folder"
            return _picture(name, folder, annotations, summary, missing)
        source = SlideSource(slide, name=name, **(_as_mapped(about) | self.settings.source))
        return SlideEntry(name, source, folder, annotations, is_checked=False)

    def result_of(self, slide: Path, results: Path) -> Path | None:
        """The result under a hashed name that was made of a slide; None where there is none."""
        if results not in self._hashed:
            found = self._hashed[results] = {}
            for folder in sorted(results.glob("*")):
                if is_pseudonym(folder.name) and (folder / SUMMARY).is_file():
                    with suppress(ResultFolderError):  # others are not to be lost for it
                        found[read_summary(folder)["slide"]["fingerprint"]] = folder
        hashed = self._hashed[results]
        return hashed.get(slide_fingerprint(slide)) if hashed and slide.is_file() else None

    def broken(self, folder: Path, error: ResultFolderError) -> SlideEntry:
        """The place of a result that cannot be read, in a list of others."""
        name = real_path(folder).name
        annotations = self.settings.annotations_of(name, folder)
        return _picture(name, folder, annotations, {}, Veil([folder])(str(error)))

    def _find(self, folder: Path, about: dict[str, Any]) -> Path | None:
        """Where --slides says, else among the results or beside their folder.

        Results do not tell the folders of slides.
        """
        file = Path(about["file"]).name
        if self.settings.slides is None:
            results = real_path(folder).parent
            places = (results / file, results.parent / file)
            return next((place for place in places if place.is_file()), None)
        beside = self.settings.slides / file
        return beside if beside.is_file() else self._below(file, about)

    def _below(self, file: str, about: dict[str, Any]) -> Path | None:
        """The slide below --slides that is named so; of several, or of none, by what is in it."""
        named = self._files_below.get(file, [])
        if len(named) == 1:
            return named[0]
        among = named
        if not named and is_pseudonym(about["name"]):
            everything = (path for paths in self._files_below.values() for path in paths)
            among = [path for path in everything if path.suffix.lower() in SLIDE_SUFFIXES]
        found = find_by_fingerprint(among, about["fingerprint"])
        return found or (named[0] if named else None)

    @cached_property
    def _files_below(self) -> Mapping[str, list[Path]]:
        """All files below --slides by their names."""
        assert self.settings.slides is not None
        found: dict[str, list[Path]] = {}
        for path in sorted(self.settings.slides.rglob("*")):
            if path.is_file():
                found.setdefault(path.name, []).append(path)
        return found


def checked(entry: SlideEntry) -> SlideEntry:
    """The same, if the file is the very one that was mapped; else only its small picture.

    Raises
    ------
    ResultFolderError
        If the result cannot be read.
    """
    if entry.is_checked or entry.result is None:
        return entry
    summary = read_summary(entry.result)
    slide = entry.source.path
    if slide_fingerprint(slide) == summary["slide"]["fingerprint"]:
        return SlideEntry(entry.key, entry.source, entry.result, entry.annotations)
    missing = f"{slide.name} is another file than the map was made of"
    return _picture(entry.key, entry.result, entry.annotations, summary, missing)


def _picture(
    name: str, folder: Path, annotations: Path, summary: dict[str, Any], missing: str
) -> SlideEntry:
    return SlideEntry(
        name,
        SavedPictureSource(folder / THUMBNAIL, name=name, summary=summary),
        folder,
        annotations,
        is_picture=True,
        warnings=(_ONLY_PICTURE + missing,),
    )


def _as_mapped(about: dict[str, Any]) -> dict[str, Any]:
    """How the slide was opened for its map, so that both have the same scale and colours."""
    options: dict[str, Any] = {"icc": bool(about.get("icc_applied", False))}
    if about["mpp_source"] == "given by --slide-mpp":
        options["slide_mpp"] = (about["mpp_x"], about["mpp_y"])
    return options
