"""Labels from annotation files: which of their classes are IDC, and which are left out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsi_idc.errors import AnnotationError
from wsi_idc.near import did_you_mean
from wsi_idc.slides.info import SlideInfo
from wsi_idc.tiling.labels import Truth

if TYPE_CHECKING:
    from wsi_idc.annotations.annotation_set import AnnotationSet
    from wsi_idc.annotations.placing import Origin

DEFAULT_POSITIVE = ("IDC", "Tumor", "Tumour", "Positive", "Invasive")
"""Classes that are IDC where nobody says which; QuPath offers Tumor and Positive by itself."""


@dataclass(frozen=True)
class AnnotationLabels:
    """How patches are labelled by what was drawn on a slide.

    Attributes
    ----------
    file : the annotations (see `wsi_idc.annotations.reading`); None where the slide has none,
        which needs `unannotated_negative`.
    positive_classes : names of the classes that are IDC, capitals aside; none take
        `DEFAULT_POSITIVE`.
    ignore_classes : patches that touch an area of these classes are left out.
    origin : from which corner coordinates count, see `wsi_idc.annotations.placing`.
    unannotated_negative : a slide without a file, or without any of the positive classes in
        it, has no IDC; else it is an error, since a misspelt class would look the same.
    """

    file: Path | None
    positive_classes: tuple[str, ...] = ()
    ignore_classes: tuple[str, ...] = ()
    origin: Origin = "slide"
    unannotated_negative: bool = False

    def truth(self, info: SlideInfo) -> Truth:
        """What the patches of a slide are labelled by.

        Raises
        ------
        AnnotationError
            If the file cannot be used, or has none of the positive classes.
        """
        from wsi_idc.annotations.annotation_set import AnnotationSet
        from wsi_idc.annotations.placing import PlacedAnnotations, place_annotations

        if self.file is None and not self.unannotated_negative:
            raise AnnotationError(
                f"{info.file} has no annotations; add them, or say with "
                "--unannotated-negative that slides without them have no IDC"
            )
        placed = (
            PlacedAnnotations(AnnotationSet("none", {}), ())
            if self.file is None
            else place_annotations(self.file, info, self.origin)
        )
        annotations = placed.annotations
        positive = self._positive_in(annotations)
        ignored = annotations.matching(self.ignore_classes)
        if both := set(positive) & set(ignored):
            raise AnnotationError(
                f"{self.file}: the class {_listed(sorted(both))} is both positive and ignored; "
                "give it to --positive-class or to --ignore-class"
            )
        idc, unsure = annotations.union(positive), annotations.union(ignored)
        return Truth(
            positive=idc,
            sha256=hashlib.sha256(f"{idc.sha256} {unsure.sha256}".encode()).hexdigest(),
            ignored=None if unsure.is_empty else unsure,
            classes={"positive": list(positive), "ignored": list(ignored)},
            source={
                "format": annotations.format,
                "polygons": {name: len(parts) for name, parts in annotations.polygons.items()},
                "repaired": annotations.repaired,
                "skipped": dict(annotations.skipped),
            },
            warnings=(*placed.warnings, *self._not_found(ignored)),
        )

    def _positive_in(self, annotations: AnnotationSet) -> tuple[str, ...]:
        wanted = self.positive_classes or DEFAULT_POSITIVE
        found = annotations.matching(wanted)
        if found or self.unannotated_negative:
            return found
        known = ", ".join(repr(name) for name in annotations.classes) or "none at all"
        raise AnnotationError(
            f"{self.file} has no area of the class {_listed(wanted)}; its classes are: {known}; "
            "say with --positive-class which is IDC, or with --unannotated-negative that such a "
            f"slide has none{did_you_mean(wanted[0], annotations.classes)}"
        )

    def _not_found(self, ignored: tuple[str, ...]) -> list[str]:
        found = {name.casefold() for name in ignored}
        return [
            f"there is no area of the class {name!r} to ignore"
            for name in self.ignore_classes
            if name.strip().casefold() not in found
        ]


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return " or ".join(repr(name) for name in names)
