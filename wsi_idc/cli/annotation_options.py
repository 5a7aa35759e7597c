"""Options about what was drawn on slides: `--annotations` and its kin, and `--roi`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
    from wsi_idc.annotations.roi import RegionOfInterest
    from wsi_idc.cohort.table import CohortSlide
    from wsi_idc.tiling.annotated import AnnotationLabels

_NAMES = "<slide>.geojson, .json or .xml"


class AnnotationOrigin(StrEnum):
    """From which corner the coordinates of annotation files count."""

    SLIDE = "slide"
    BOUNDS = "bounds"


AnnotationsOption = Annotated[
    Path | None,
    typer.Option(
        "--annotations",
        help="What was drawn on the slide (QuPath GeoJSON, ASAP XML, ImageScope XML); labels the "
        f"patches. For several slides, a folder of {_NAMES}.",
        show_default=False,
    ),
]
PositiveClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--positive-class",
        metavar="NAME",
        help="A class of the annotations that is IDC, capitals aside; may be given several times.",
        show_default="IDC, Tumor, Tumour, Positive, Invasive",
    ),
]
IgnoreClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-class",
        metavar="NAME",
        help="Leave out patches that touch an area of this class; may be given several times.",
        show_default=False,
    ),
]
UnannotatedNegativeOption = Annotated[
    bool,
    typer.Option(
        "--unannotated-negative",
        help="A slide without an annotation file, or without IDC in it, is negative throughout; "
        "else it is an error.",
    ),
]
AnnotationOriginOption = Annotated[
    AnnotationOrigin,
    typer.Option(
        "--annotation-origin",
        help="The corner that coordinates in files count from: that of the whole frame, or, as "
        "QuPath has it for MIRAX and others, that of the scanned bounds.",
    ),
]
RoiOption = Annotated[
    str | None,
    typer.Option(
        "--roi",
        metavar="X,Y,WIDTH,HEIGHT|FILE",
        help="Only this region: a rectangle in level-0 pixels, or an annotation file. For several "
        f"slides, a folder of {_NAMES}.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Labelling:
    """The options that say how annotations label patches."""

    annotations: Path | None
    positive: tuple[str, ...]
    ignore: tuple[str, ...]
    origin: AnnotationOrigin
    unannotated_negative: bool

    def check(self, slides: int, truth_mask: Path | None, in_table: bool) -> None:
        """Refuse options that do not fit each other.

        Parameters
        ----------
        slides : how many there are.
        truth_mask : the value of `--truth-mask`.
        in_table : whether a table of slides names annotations.

        Raises
        ------
        SettingsError
            If they do not.
        """
        if self.annotations is None and not in_table:
            if self.positive or self.ignore or self.unannotated_negative:
                raise SettingsError(
                    "--positive-class, --ignore-class and --unannotated-negative say how to read "
                    "annotations: give these with --annotations"
                )
            return
        if truth_mask is not None:
            raise SettingsError("give --annotations or --truth-mask, not both: each is the truth")
        if self.annotations is None:
            return
        _check_one_for_each("--annotations", self.annotations, slides)

    def of(self, slide: CohortSlide, *, in_table: bool = False) -> AnnotationLabels | None:
        """How one slide's patches are labelled; None where no slide has annotations.

        Parameters
        ----------
        slide : the slide.
        in_table : whether a table names the annotations of any slide.

        Raises
        ------
        SettingsError
            If a folder holds no annotations of the slide, or more than one.
        """
        if self.annotations is None and not in_table:
            return None
        from wsi_idc.tiling.annotated import AnnotationLabels

        file = slide.annotations
        if file is None and self.annotations is not None:
            file = _file_of(slide, self.annotations)
        if file is None and not self.unannotated_negative:
            where = "the table" if self.annotations is None else str(self.annotations)
            raise SettingsError(
                f"{where} holds no {_NAMES} for {slide.alias}; add it, leave the slide out, "
                "or say with --unannotated-negative that such slides have no IDC"
            )
        return AnnotationLabels(
            file, self.positive, self.ignore, self.origin.value, self.unannotated_negative
        )


@dataclass(frozen=True)
class RoiGiven:
    """The option `--roi` and the corner that its files count from."""

    text: str | None
    origin: AnnotationOrigin

    def check(self, slides: int) -> None:
        """Refuse a region that cannot be meant.

        Raises
        ------
        SettingsError
            If it is no rectangle, or one file for several slides.
        """
        if self.text is None:
            return
        from wsi_idc.annotations.roi import parse_roi

        given = parse_roi(self.text)
        if isinstance(given, Path):
            _check_one_for_each("--roi", given, slides)

    def of(self, slide: CohortSlide) -> RegionOfInterest | None:
        """The region of one slide; None without `--roi`.

        Raises
        ------
        SettingsError
            If a folder holds no region of the slide, or more than one.
        """
        if self.text is None:
            return None
        from wsi_idc.annotations.roi import RegionOfInterest, parse_roi

        given = parse_roi(self.text)
        if isinstance(given, Path):
            file = _file_of(slide, given)
            if file is None:
                raise SettingsError(
                    f"{given} holds no {_NAMES} for {slide.alias}, which says its region; add it, "
                    "or leave the slide out"
                )
            given = file
        return RegionOfInterest(given, self.origin.value)


def _check_one_for_each(option: str, given: Path, slides: int) -> None:
    if slides > 1 and not given.is_dir():
        raise SettingsError(
            f"{option} {given} is not a folder, but there are {slides} slides, each with areas of "
            f"its own; give a folder of {_NAMES}"
        )


def _file_of(slide: CohortSlide, given: Path) -> Path | None:
    from wsi_idc.annotations.reading import SUFFIXES
    from wsi_idc.cohort.inputs import companion

    if not given.is_dir():
        return given
    return companion(slide.alias, given, SUFFIXES, slide.also)
