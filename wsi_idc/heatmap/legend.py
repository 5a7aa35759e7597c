"""What stands around an overlay: header, scale bar, colour bar, key and limits of use.

Lengths are pixels of a picture 1,600 wide; `Pen.px` scales them to the picture at hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.drawing.lettering import BOLD, GAP, letter_runs
from wsi_idc.drawing.pen import GREY, Pen, draw_scale_bar
from wsi_idc.heatmap.blending import (
    ASSESSED_COLOUR,
    OUTLINE_COLOUR,
    OverlaySettings,
    shaded_glass,
    tint,
)
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import SlidePicture

RESEARCH_USE_ONLY = "Research use only. Not for diagnosis."

MARGIN = 24
HEADER_HEIGHT = 138
FOOTER_HEIGHT = 194

_TITLE_PX, _FACT_PX, _SMALL_PX = 34, 23, 20
_BAR_WIDTH, _BAR_HEIGHT = 400, 26
_NAME_NOTE = "(name in full: report.html)"


def draw_header(
    pen: Pen,
    probability: ProbabilityMap,
    settings: OverlaySettings,
    title: str,
    model_name: str,
    mpp: float,
) -> None:
    """Write the slide's name, what was found at which threshold, and by which model."""
    positive_mm2 = probability.area_mm2(settings.threshold)
    assessed_mm2 = probability.area_mm2()
    left = pen.px(MARGIN)
    room = pen.image.width - 2 * left
    _draw_name(pen, title, left, pen.px(50), room)
    found = (
        f"{probability.class_name} at probability ≥ {settings.threshold:.3g}: "
        f"{positive_mm2:,.2f} mm²"
        f" = {100 * (positive_mm2 / assessed_mm2):.1f} % of {assessed_mm2:,.2f} mm² assessed"
        if assessed_mm2
        else "Nothing was assessed: no tissue"
    )
    pen.text(left, pen.px(88), pen.shortened(found, _FACT_PX, room), _FACT_PX)
    scale = f" · read at {mpp:g} µm/px · cells of {probability.placement.pixel_width_um:.0f} µm"
    room -= pen.text_width(scale, _FACT_PX)
    model = pen.shortened(f"Model {model_name}", _FACT_PX, room)
    pen.text(left, pen.px(121), model + scale, _FACT_PX, colour=GREY)


def _draw_name(pen: Pen, name: str, left: int, baseline: int, room: int) -> None:
    """Write the slide's name; where letters had to be left out, say where they are found."""
    drawn = "".join(run for _, run in letter_runs(name, BOLD))
    note = pen.text_width(_NAME_NOTE, _SMALL_PX) + pen.px(16) if GAP in drawn else 0
    shown = pen.shortened(name, _TITLE_PX, room - note, bold=True)
    pen.text(left, baseline, shown, _TITLE_PX, bold=True)
    if note:
        x = left + pen.text_width(shown, _TITLE_PX, bold=True) + pen.px(16)
        pen.text(x, baseline, _NAME_NOTE, _SMALL_PX, colour=GREY)


def draw_footer(pen: Pen, slide: SlidePicture, settings: OverlaySettings, class_name: str) -> None:
    """Draw scale bar, colour bar, key and limits of use below the slide.

    Parameters
    ----------
    slide : the slide as it is drawn, its pixels being those of the picture.
    class_name : what the colours are the probability of.
    """
    top = pen.image.height - pen.px(FOOTER_HEIGHT)
    left, right = pen.px(MARGIN), pen.image.width - pen.px(MARGIN)
    draw_scale_bar(pen, slide.placement, left, top + pen.px(24))
    _draw_colour_bar(pen, slide, settings, class_name, (right, top + pen.px(44)))
    baseline = top + pen.px(142)
    x = left
    if settings.outline:
        line = max(1, pen.px(2))
        found = f"probability ≥ {settings.threshold:.3g}"
        x = _draw_key(pen, x, baseline, OUTLINE_COLOUR, line, found)
        x = _draw_key(pen, x, baseline, ASSESSED_COLOUR, 1, "assessed")
        x = _draw_key(pen, x, baseline, ASSESSED_COLOUR, 1, "not assessed", fill=shaded_glass())
    pen.text(x, baseline, uncoloured(settings), _SMALL_PX)
    baseline = top + pen.px(176)
    pen.text(left, baseline, RESEARCH_USE_ONLY, _SMALL_PX, bold=True)
    if settings.smooth:
        note = "Colours smoothed for display only"
        pen.text(right, baseline, note, _SMALL_PX, colour=GREY, anchor="rs")


def uncoloured(settings: OverlaySettings) -> str:
    """What it means that a cell has no colour; without outlines nothing else tells two cases apart.

    Examples
    --------
    >>> uncoloured(OverlaySettings(outline=False))
    'no colour: below 0.1, or not assessed'
    """
    return f"no colour: below {settings.floor:g}" + (
        "" if settings.outline else ", or not assessed"
    )


def colour_bar(
    slide: SlidePicture, settings: OverlaySettings, *, height: int, width: int
) -> NDArray[np.uint8]:
    """The colours of probability 0 to 1, on glass above and on the slide's tissue below.

    Returns
    -------
    uint8 RGB [height, width, 3].
    """
    values = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return tint(_glass_over_tissue(slide, height, width), values, settings)


def _draw_colour_bar(
    pen: Pen,
    slide: SlidePicture,
    settings: OverlaySettings,
    class_name: str,
    corner: tuple[int, int],
) -> None:
    right, top = corner
    width, height = pen.px(_BAR_WIDTH), pen.px(_BAR_HEIGHT)
    # Half a number of the last tick stands over the bar's end.
    left = right - width - pen.px(16)
    bar = colour_bar(slide, settings, height=height, width=width)
    pen.image.paste(Image.fromarray(bar), (left, top))
    pen.rectangle(left - 1, top - 1, left + width + 1, top + height + 1, outline=GREY)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + round(tick * (width - 1))
        pen.rectangle(
            x, top + height + 1, x + max(1, pen.px(2)), top + height + pen.px(7), fill=GREY
        )
        pen.text(x, top + height + pen.px(27), f"{tick:g}", _SMALL_PX, anchor="ms")
    mark = left + settings.threshold * (width - 1)
    pen.triangle_down(mark, top - 2, pen.px(11))
    caption = f"threshold {settings.threshold:.3g}"
    # A high threshold's caption would run over the margin.
    middle = min(mark, right - pen.text_width(caption, _SMALL_PX) / 2)
    pen.text(middle, top - pen.px(18), caption, _SMALL_PX, anchor="ms")
    beside = left - pen.px(18)
    named = pen.shortened(f"{class_name} probability", _FACT_PX, max(1, beside - pen.px(MARGIN)))
    pen.text(beside, top + height - pen.px(5), named, _FACT_PX, anchor="rs")
    note = "above: on glass, below: on tissue"
    pen.text(
        beside - pen.px(10), top + height + pen.px(27), note, _SMALL_PX, colour=GREY, anchor="rs"
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
