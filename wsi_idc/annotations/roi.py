"""The region of interest that `--roi` limits a command to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely

from wsi_idc.annotations.areas import AnnotatedArea
from wsi_idc.annotations.placing import Origin, place_annotations
from wsi_idc.errors import AnnotationError, SettingsError
from wsi_idc.slides.info import FARTHEST_PX, SlideInfo

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class RegionOfInterest:
    """A rectangle, or all areas of an annotation file, whatever their class.

    Attributes
    ----------
    given : left, top, width and height in level-0 pixels, or a file.
    origin : from which corner a file's coordinates count; a rectangle's count from the frame's.
    """

    given: Rectangle | Path
    origin: Origin = "slide"

    def area(self, info: SlideInfo) -> tuple[AnnotatedArea, tuple[str, ...]]:
        """The region on a slide, and what a user should know of it.

        Raises
        ------
        AnnotationError
            If the region cannot be read, is empty, or lies off the slide.
        """
        if isinstance(self.given, Path):
            placed = place_annotations(self.given, info, self.origin)
            area, warnings = placed.annotations.union(), placed.warnings
            if area.is_empty:
                raise AnnotationError(
                    f"{self.given} holds no area that --roi could mean; draw the region, and "
                    "export it again"
                )
            return area, warnings
        left, top, width, height = self.given
        area = AnnotatedArea([shapely.box(left, top, left + width, top + height)])
        bounds = info.bounds
        if not area.overlaps(bounds.x, bounds.y, bounds.width, bounds.height):
            raise AnnotationError(
                f"the region {_words(self.given)} lies off the slide {info.file}, which "
                f"is {info.width:,} x {info.height:,} px; give level-0 pixels with --roi"
            )
        return area, ()


def parse_roi(text: str) -> Rectangle | Path:
    """Read the value of `--roi`: `X,Y,WIDTH,HEIGHT`, or a path.

    Raises
    ------
    SettingsError
        If it is numbers that are no rectangle.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return Path(text)
    if len(numbers) != 4:
        raise SettingsError(
            f"--roi {text} has {len(numbers)} numbers; give X,Y,WIDTH,HEIGHT in level-0 pixels"
        )
    left, top, width, height = numbers
    on_a_slide = all(abs(number) < FARTHEST_PX for number in numbers)
    if not (on_a_slide and width > 0 and height > 0):
        raise SettingsError(
            f"--roi {text} is no rectangle on a slide; give X,Y,WIDTH,HEIGHT in level-0 pixels, "
            "width and height above 0"
        )
    return left, top, width, height


def _words(rectangle: Rectangle) -> str:
    return ",".join(f"{number:g}" for number in rectangle)
