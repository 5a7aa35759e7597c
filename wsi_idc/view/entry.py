"""A slide that can be looked at, and how slides are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsi_idc.files import real_path
from wsi_idc.privacy import Veil
from wsi_idc.slides import SlideSource

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
    is_checked : whether the slide's file is known to be the one that was mapped; see
        `wsi_idc.view.mapped.checked`.
    warnings : what someone who looks at it should know.
    """

    key: str
    source: SlideSource
    result: Path | None
    annotations: Path
    is_picture: bool = False
    is_checked: bool = True
    warnings: tuple[str, ...] = ()

    def kept_from_pages(self, text: str) -> str:
        """A text without the folders that the slide's files lie in."""
        files = (self.source.path, self.result, self.annotations)
        return Veil(path for path in files if path is not None)(text)


@dataclass(frozen=True)
class FailedSlide:
    """A slide that could not be mapped.

    Attributes
    ----------
    name : what its results would be called.
    error, remedy : what is wrong with it, and what to do.
    """

    name: str
    error: str
    remedy: str


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

    def annotations_of(self, name: str, result: Path | None) -> Path:
        """The file of a slide's drawings.

        Beside the results and not in them: mapping a slide anew replaces its result folder.
        """
        folder = self.annotations
        if folder is None:
            folder = (Path() if result is None else real_path(result).parent) / ANNOTATIONS
        return folder / f"{name}.geojson"
