"""The overlay picture: the slide, the probability map over it, and what is needed to read it.

Drawn pixel by pixel with Pillow rather than through a plotting figure, since the slide must
lie on whole, known pixels for its colours to be exact. There is no global state: pictures can
be drawn in several threads at once.

From top to bottom a picture holds a header (the slide's name and two lines of facts), the
slide with the map over it (or the bare slide and the overlay, side by side), and a footer
(scale bar, colour bar, key, and the limits of use).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wsi_idc.drawing.pen import Pen
from wsi_idc.files import whole_file
from wsi_idc.heatmap.blending import OverlaySettings, blend, resize_picture
from wsi_idc.heatmap.legend import (
    FOOTER_HEIGHT,
    HEADER_HEIGHT,
    MARGIN,
    draw_footer,
    draw_header,
)
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import SlidePicture

# Pixels of a picture 1,600 wide; others scale along.
_DESIGN_WIDTH = 1600
_LEAST_WIDTH = 1000  # room for the texts around a tall, narrow slide
_MOST_SLIDE_HEIGHT = 1100  # so that a screen shows the whole picture without blurring the texts


@dataclass(frozen=True)
class Box:
    """A rectangle of a picture in whole pixels; `right` and `bottom` are one past the last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


@dataclass(frozen=True)
class _Layout:
    width: int
    height: int
    panels: tuple[Box, ...]


def picture_box(
    picture: SlidePicture, settings: OverlaySettings, *, side_by_side: bool = False
) -> Box:
    """Where the slide that carries the colours lies in the rendered picture.

    The edges of `picture` are those of the box; level-0 pixels map linearly in between.

    Parameters
    ----------
    picture, settings, side_by_side : as given to `render_overlay`.
    """
    return _lay_out(picture, settings, 2 if side_by_side else 1).panels[-1]


def render_overlay(
    picture: SlidePicture,
    probability: ProbabilityMap,
    *,
    settings: OverlaySettings,
    title: str,
    model_name: str,
    mpp: float,
    side_by_side: bool = False,
) -> Image.Image:
    """Draw a probability map over its slide.

    Parameters
    ----------
    picture : the slide; any size, best at least `settings.width_px` wide.
    probability : the map. The areas in the header are counted from it at the threshold.
    settings : colours, opacity, threshold, smoothing and size.
    title : the slide's name; shortened in the middle if it is too long.
    model_name : the model that gave the probabilities.
    mpp : microns per pixel at which the model read the slide.
    side_by_side : draw the bare slide as well, to the left and at the same scale.

    Returns
    -------
    RGB image, at most `settings.width_px` wide. Equal input gives equal pixels.
    """
    layout = _lay_out(picture, settings, 2 if side_by_side else 1)
    box = layout.panels[-1]
    slide = resize_picture(picture, box.width, box.height)
    image = Image.new("RGB", (layout.width, layout.height), "white")
    pen = Pen(image, settings.width_px / _DESIGN_WIDTH)
    for panel in layout.panels:
        pen.frame(panel.left, panel.top, panel.right, panel.bottom)
        image.paste(Image.fromarray(slide.pixels), (panel.left, panel.top))
    image.paste(Image.fromarray(blend(slide, probability, settings)), (box.left, box.top))
    draw_header(pen, probability, settings, title, model_name, mpp)
    draw_footer(pen, slide, settings, probability.class_name)
    return image


def write_png(path: Path, image: Image.Image) -> None:
    """Write a picture as PNG, whole or not at all; equal pixels give equal bytes.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    plain = Image.fromarray(np.asarray(image))  # without notes such as dates and programs
    with whole_file(path) as temporary:
        plain.save(temporary, format="PNG")


def _lay_out(picture: SlidePicture, settings: OverlaySettings, panels: int) -> _Layout:
    """Fit the slide, true to its shape in microns, into the room that the texts leave."""
    scale = settings.width_px / _DESIGN_WIDTH
    margin, top = round(MARGIN * scale), round(HEADER_HEIGHT * scale)
    rows, columns = picture.pixels.shape[:2]
    width_um = columns * picture.placement.pixel_width_um
    height_um = rows * picture.placement.pixel_height_um
    room_x = (settings.width_px - (panels + 1) * margin) // panels
    px_per_um = min(room_x / width_um, _MOST_SLIDE_HEIGHT * scale / height_um)
    slide_width = max(1, round(width_um * px_per_um))
    slide_height = max(1, round(height_um * px_per_um))
    needed = panels * slide_width + (panels + 1) * margin
    width = max(round(_LEAST_WIDTH * scale), needed)
    lefts = [(width - needed) // 2 + margin + i * (slide_width + margin) for i in range(panels)]
    return _Layout(
        width=width,
        height=top + slide_height + round(FOOTER_HEIGHT * scale),
        panels=tuple(Box(left, top, left + slide_width, top + slide_height) for left in lefts),
    )
