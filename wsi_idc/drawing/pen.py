"""A pen for pictures: text, rectangles and a scale bar, at one scale.

Lengths are pixels of a picture 1,600 wide; `Pen.px` scales them to the picture at hand.
"""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from wsi_idc.drawing.lettering import BOLD, REGULAR, letter_runs
from wsi_idc.slides.raster import Placement

INK = (25, 25, 25)
GREY = (90, 90, 90)
FRAME = (190, 190, 190)

_SCALE_PX = 23


class Pen:
    """Draws on one picture at one scale. Holds its own fonts, so that threads share nothing."""

    def __init__(self, image: Image.Image, scale: float) -> None:
        self.image = image
        self.scale = scale
        self._draw = ImageDraw.Draw(image)
        self._fonts: dict[tuple[int, Path], ImageFont.FreeTypeFont] = {}

    def px(self, design_px: float) -> int:
        """That many pixels of a picture 1,600 wide, in pixels of this one."""
        return round(design_px * self.scale)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        anchor: str = "ls",
    ) -> None:
        """Write one line; by default (x, y) is the left end of its baseline."""
        runs = letter_runs(text, BOLD if bold else REGULAR)
        if len(runs) > 1:
            back = {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]]
            x, anchor = x - back * self.text_width(text, size, bold=bold), "l" + anchor[1]
        for file, run in runs:
            font = self._font(size, file)
            self._draw.text((x, y), run, font=font, fill=colour, anchor=anchor)
            x += font.getlength(run)

    def text_width(self, text: str, size: int, *, bold: bool = False) -> int:
        """Pixels that a line takes."""
        runs = letter_runs(text, BOLD if bold else REGULAR)
        return math.ceil(sum(self._font(size, file).getlength(run) for file, run in runs))

    def shortened(self, text: str, size: int, room: int, *, bold: bool = False) -> str:
        """The line as it is, or with its middle left out until it fits into `room` pixels.

        Slide names differ at both ends: the case in front, block and stain behind.
        """
        text = "".join(c if c.isprintable() else " " for c in text)
        shown, kept = text, len(text)
        while kept > 1 and self.text_width(shown, size, bold=bold) > room:
            kept -= 1
            shown = text[: kept - kept // 2] + "…" + text[len(text) - kept // 2 :]
        return shown

    def rectangle(
        self,
        left: int,
        top: int,
        right: int,
        bottom: int,
        *,
        fill: tuple[int, int, int] | None = None,
        outline: tuple[int, int, int] | None = None,
        line_px: int = 1,
    ) -> None:
        """Draw a rectangle; `right` and `bottom` are one past its last pixel."""
        self._draw.rectangle(
            (left, top, right - 1, bottom - 1), fill=fill, outline=outline, width=line_px
        )

    def triangle_down(self, x: float, y: float, size: int) -> None:
        """Draw a filled triangle whose lower tip is (x, y)."""
        self._draw.polygon([(x - size * 0.6, y - size), (x + size * 0.6, y - size), (x, y)], INK)

    def frame(self, left: int, top: int, right: int, bottom: int) -> None:
        """Draw a thin grey line around, not on, a rectangle."""
        self.rectangle(left - 1, top - 1, right + 1, bottom + 1, outline=FRAME)

    def _font(self, size: int, file: Path) -> ImageFont.FreeTypeFont:
        key = (max(1, self.px(size)), file)
        if key not in self._fonts:
            # The basic engine is there in every build of Pillow, so texts look the same.
            engine = ImageFont.Layout.BASIC
            self._fonts[key] = ImageFont.truetype(file, key[0], layout_engine=engine)
        return self._fonts[key]


def round_length_mm(most_mm: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not above `most_mm`.

    Examples
    --------
    >>> round_length_mm(3.7), round_length_mm(0.099)
    (2.0, 0.05)
    """
    power = 10.0 ** math.floor(math.log10(most_mm))
    # A length of exactly 5 mm may come in as 4.999999999.
    factor = max(f for f in (1, 2, 5) if f * power <= most_mm * (1 + 1e-9))
    return float(f"{factor * power:.12g}")


def draw_scale_bar(pen: Pen, placement: Placement, left: int, top: int) -> None:
    """Draw a bar of a round length in millimetres, with the length below it.

    Parameters
    ----------
    placement : of a slide's picture that is drawn pixel by pixel.
    left, top : where the bar begins.
    """
    px_per_mm = 1000 / placement.pixel_width_um
    length_mm = round_length_mm(pen.px(300) / px_per_mm)
    right = left + round(length_mm * px_per_mm)
    thick, tick = pen.px(5), pen.px(16)
    pen.rectangle(left, top + (tick - thick) // 2, right, top + (tick + thick) // 2, fill=INK)
    for x in (left, right - max(1, pen.px(2))):
        pen.rectangle(x, top, x + max(1, pen.px(2)), top + tick, fill=INK)
    pen.text(left, top + tick + pen.px(26), f"{length_mm:g} mm", _SCALE_PX)
