"""Annotations at their place on a slide: from which corner they count, and whether they meet it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import shapely

from wsi_idc.annotations.annotation_set import AnnotationSet
from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError
from wsi_idc.slides.info import SlideInfo

Origin = Literal["slide", "bounds"]
"""Where a file's coordinates begin: at the corner of the slide's whole frame, as OpenSlide counts
them, or at the corner of the scanned bounds, to which QuPath crops MIRAX slides and some others."""


@dataclass(frozen=True, eq=False)
class PlacedAnnotations:
    """An annotation file on its slide.

    Attributes
    ----------
    annotations : in level-0 pixels of the whole frame.
    warnings : what a user should know of how the file was read and where it lies.
    """

    annotations: AnnotationSet
    warnings: tuple[str, ...]


def place_annotations(path: Path, info: SlideInfo, origin: Origin = "slide") -> PlacedAnnotations:
    """Read the annotations of a slide.

    Raises
    ------
    AnnotationError
        If the file cannot be used, or all of it lies off the slide.
    """
    annotations = read_annotations(path)
    warnings = list(annotations.notes)
    bounds = info.bounds
    cropped = bounds.x != 0 or bounds.y != 0
    if cropped and origin == "bounds":
        annotations = annotations.shifted(bounds.x, bounds.y)
    elif cropped:
        warnings.append(
            f"the scan begins at {bounds.x:,}, {bounds.y:,} of the slide's frame, and annotations "
            "were taken to count from the frame's corner; QuPath counts from the scan's unless "
            "the slide was opened with --no-crop: then give --annotation-origin bounds"
        )
    drawn = [polygon for parts in annotations.polygons.values() for polygon in parts]
    scan = shapely.box(bounds.x, bounds.y, bounds.x + bounds.width, bounds.y + bounds.height)
    outside = sum(not polygon.intersects(scan) for polygon in drawn)
    if drawn and outside == len(drawn):
        raise AnnotationError(
            f"{path}: all it holds lies off the slide {info.file} ({bounds.width:,} x "
            f"{bounds.height:,} px); is it of another slide, or not in level-0 pixels?"
        )
    if outside:
        warnings.append(f"{outside} of {len(drawn)} annotated areas lie off the slide")
    return PlacedAnnotations(annotations, tuple(warnings))
