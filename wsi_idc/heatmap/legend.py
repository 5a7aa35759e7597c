"""What stands around an overlay: header, scale bar, colour bar, key and limits of use.

Lengths are pixels of a picture 1,600 wide; `Pen.px` scales them to the picture at hand.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wsi_idc.heatmap.blending import (
    ASSESSED_COLOUR,
    OUTLINE_COLOUR,
    OverlaySettings,
    shade,
    tint,
)
from wsi_idc.heatmap.lettering import BOLD, GAP, REGULAR, letter_runs
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.summary import summarise
from wsi_idc.slides.raster import SlidePicture

RESEARCH_USE_ONLY = "Research use only. Not for diagnosis."

MARGIN = 24
HEADER_HEIGHT = 138
FOOTER_HEIGHT = 194

_TITLE_PX, _FACT_PX, _SMALL_PX = 34, 23, 20
_BAR_WIDTH, _BAR_HEIGHT = 400, 26
_INK = (25, 25, 25)
_GREY = (90, 90, 90)
_FRAME = (190, 190, 190)
_NAME_NOTE = "(name in full: report.html)"


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
        colour: tuple[int, int, int] = _INK,
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
        self._draw.polygon([(x - size * 0.6, y - size), (x + size * 0.6, y - size), (x, y)], _INK)

    def frame(self, left: int, top: int, right: int, bottom: int) -> None:
        """Draw a thin grey line around, not on, a rectangle."""
        self.rectangle(left - 1, top - 1, right + 1, bottom + 1, outline=_FRAME)

    def _font(self, size: int, file: Path) -> ImageFont.FreeTypeFont:
        key = (max(1, self.px(size)), file)
        if key not in self._fonts:
            # The basic engine is there in every build of Pillow, so texts look the same.
            engine = ImageFont.Layout.BASIC
            self._fonts[key] = ImageFont.truetype(file, key[0], layout_engine=engine)
        return self._fonts[key]


def draw_header(
    pen: Pen,
    probability: ProbabilityMap,
    settings: OverlaySettings,
    title: str,
    model_name: str,
    mpp: float,
) -> None:
    """Write the slide's name, what was found at which threshold, and by which model."""
    counted = summarise(probability, threshold=settings.threshold)
    left = pen.px(MARGIN)
    room = pen.image.width - 2 * left
    _draw_name(pen, title, left, pen.px(50), room)
    found = (
        f"IDC at probability ≥ {settings.threshold:.3g}: {counted.positive_mm2:,.2f} mm²"
        f" = {100 * counted.positive_fraction:.1f} % of {counted.assessed_mm2:,.2f} mm² assessed"
        if counted.assessed_mm2
        else "Nothing was assessed: no tissue"
    )
    pen.text(left, pen.px(88), pen.shortened(found, _FACT_PX, room), _FACT_PX)
    scale = f" · read at {mpp:g} µm/px · cells of {probability.placement.pixel_width_um:.0f} µm"
    room -= pen.text_width(scale, _FACT_PX)
    model = pen.shortened(f"Model {model_name}", _FACT_PX, room)
    pen.text(left, pen.px(121), model + scale, _FACT_PX, colour=_GREY)


def _draw_name(pen: Pen, name: str, left: int, baseline: int, room: int) -> None:
    """Write the slide's name; where letters had to be left out, say where they are found."""
    drawn = "".join(run for _, run in letter_runs(name, BOLD))
    note = pen.text_width(_NAME_NOTE, _SMALL_PX) + pen.px(16) if GAP in drawn else 0
    shown = pen.shortened(name, _TITLE_PX, room - note, bold=True)
    pen.text(left, baseline, shown, _TITLE_PX, bold=True)
    if note:
        x = left + pen.text_width(shown, _TITLE_PX, bold=True) + pen.px(16)
        pen.text(x, baseline, _NAME_NOTE, _SMALL_PX, colour=_GREY)


def draw_footer(pen: Pen, slide: SlidePicture, settings: OverlaySettings) -> None:
    """Draw scale bar, colour bar, key and limits of use below the slide.

    Parameters
    ----------
    slide : the slide as it is drawn, its pixels being those of the picture.
    """
    top = pen.image.height - pen.px(FOOTER_HEIGHT)
    left, right = pen.px(MARGIN), pen.image.width - pen.px(MARGIN)
    _draw_scale_bar(pen, slide, left, top + pen.px(24))
    _draw_colour_bar(pen, slide, settings, right, top + pen.px(44))
    baseline = top + pen.px(142)
    x = left
    if settings.outline:
        line = max(1, pen.px(2))
        found = f"probability ≥ {settings.threshold:.3g}"
        x = _draw_key(pen, x, baseline, OUTLINE_COLOUR, line, found)
        x = _draw_key(pen, x, baseline, ASSESSED_COLOUR, 1, "assessed")
        x = _draw_key(pen, x, baseline, ASSESSED_COLOUR, 1, "not assessed", fill=_shaded_glass())
    uncoloured = f"no colour: below {settings.floor:g}"
    pen.text(x, baseline, uncoloured + ("" if settings.outline else ", or not assessed"), _SMALL_PX)
    baseline = top + pen.px(176)
    pen.text(left, baseline, RESEARCH_USE_ONLY, _SMALL_PX, bold=True)
    if settings.smooth:
        note = "Colours smoothed for display only"
        pen.text(right, baseline, note, _SMALL_PX, colour=_GREY, anchor="rs")


def round_length_mm(most_mm: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not above `most_mm`."""
    power = 10.0 ** math.floor(math.log10(most_mm))
    # A length of exactly 5 mm may come in as 4.999999999.
    factor = max(f for f in (1, 2, 5) if f * power <= most_mm * (1 + 1e-9))
    return float(f"{factor * power:.12g}")


def _draw_scale_bar(pen: Pen, slide: SlidePicture, left: int, top: int) -> None:
    px_per_mm = 1000 / slide.placement.pixel_width_um
    length_mm = round_length_mm(pen.px(300) / px_per_mm)
    right = left + round(length_mm * px_per_mm)
    thick, tick = pen.px(5), pen.px(16)
    pen.rectangle(left, top + (tick - thick) // 2, right, top + (tick + thick) // 2, fill=_INK)
    for x in (left, right - max(1, pen.px(2))):
        pen.rectangle(x, top, x + max(1, pen.px(2)), top + tick, fill=_INK)
    pen.text(left, top + tick + pen.px(26), f"{length_mm:g} mm", _FACT_PX)


def _draw_colour_bar(
    pen: Pen, slide: SlidePicture, settings: OverlaySettings, right: int, top: int
) -> None:
    width, height = pen.px(_BAR_WIDTH), pen.px(_BAR_HEIGHT)
    # Half a number of the last tick stands over the bar's end.
    left = right - width - pen.px(16)
    values = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    bar = tint(_glass_over_tissue(slide, height, width), values, settings)
    pen.image.paste(Image.fromarray(bar), (left, top))
    pen.rectangle(left - 1, top - 1, left + width + 1, top + height + 1, outline=_GREY)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + round(tick * (width - 1))
        pen.rectangle(
            x, top + height + 1, x + max(1, pen.px(2)), top + height + pen.px(7), fill=_GREY
        )
        pen.text(x, top + height + pen.px(27), f"{tick:g}", _SMALL_PX, anchor="ms")
    mark = left + settings.threshold * (width - 1)
    pen.triangle_down(mark, top - 2, pen.px(11))
    caption = f"threshold {settings.threshold:.3g}"
    # A high threshold's caption would run over the margin.
    middle = min(mark, right - pen.text_width(caption, _SMALL_PX) / 2)
    pen.text(middle, top - pen.px(18), caption, _SMALL_PX, anchor="ms")
    beside = left - pen.px(18)
    pen.text(beside, top + height - pen.px(5), "IDC probability", _FACT_PX, anchor="rs")
    note = "above: on glass, below: on tissue"
    pen.text(
        beside - pen.px(10), top + height + pen.px(27), note, _SMALL_PX, colour=_GREY, anchor="rs"
    )


def _draw_key(
    pen: Pen,
    x: int,
    baseline: int,
    colour: tuple[int, int, int],
    line_px: int,
    text: str,
    *,
    fill: tuple[int, int, int] | None = None,
) -> int:
    """Draw an outline's sample and meaning; the x where the next entry may start."""
    side, gap = pen.px(20), pen.px(10)
    top = baseline - pen.px(18)
    pen.rectangle(x, top, x + side, top + side, fill=fill, outline=colour, line_px=line_px)
    pen.text(x + side + gap, baseline, text, _SMALL_PX)
    return x + side + gap + pen.text_width(text, _SMALL_PX) + pen.px(36)


def _shaded_glass() -> tuple[int, int, int]:
    glass = np.full((1, 1, 3), 242, dtype=np.uint8)
    shade(glass, np.ones((1, 1), bool))
    red, green, blue = (int(channel) for channel in glass[0, 0])
    return red, green, blue


def _glass_over_tissue(slide: SlidePicture, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 RGB [height, width, 3], white above and the slide's typical tissue colour below.

    The bar's colours are laid over both, as the map's are, so that a colour on the slide is
    found again on the bar.
    """
    pixels = slide.pixels[::4, ::4].reshape(-1, 3)
    # Glass is near grey; even weakly stained tissue differs by 20 of 255 between channels.
    stained = pixels[np.ptp(pixels.astype(np.int16), axis=1) > 20]
    under = np.full((height, width, 3), 255, dtype=np.uint8)
    under[height // 2 :] = np.median(stained if len(stained) else pixels, axis=0)
    return under
