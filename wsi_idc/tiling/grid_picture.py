"""A picture for people: a slide's thumbnail with its tissue and its patches drawn in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wsi_idc.drawing.pen import Pen, draw_scale_bar
from wsi_idc.slides.raster import Placement, SlideMask, SlidePicture, rectangles_over
from wsi_idc.tiling.captions import MARGIN, draw_caption, plan_in_words
from wsi_idc.tiling.colours import PATCH_COLOUR, POSITIVE_COLOUR, TISSUE_COLOUR
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan

_SHADE = 0.25
"""How much of a positive patch's colour covers the tissue; its structure must stay visible."""
_SMALLEST_SQUARE_PX = 6
"""Patches narrower than this on the picture are shaded only: outlines would hide everything."""


# Bounds the memory of drawing millions of patches.
_PATCHES_AT_A_TIME = 200_000

_CAPTION_HEIGHT, _FOOTER_HEIGHT = 112, 84
_KEY_PX = 20
# Room for the words, and enough to see a tiny slide at all.
_LEAST_WIDTH, _LEAST_SIDE = 1000, 600


def grid_sheet(picture: SlidePicture, plan: PatchPlan, mask: SlideMask, name: str) -> Image.Image:
    """Draw tissue and patches into a picture of the slide, with name, key and scale around it.

    Parameters
    ----------
    picture, plan, mask : as for `draw_grid`.
    name : the slide's.

    Returns
    -------
    RGB image, larger than the picture.
    """
    picture = _enlarged(picture)
    drawn = draw_grid(picture, plan, mask)
    width = max(_LEAST_WIDTH, drawn.width + 2 * MARGIN)
    image = Image.new(
        "RGB", (width, _CAPTION_HEIGHT + drawn.height + _FOOTER_HEIGHT), (255, 255, 255)
    )
    pen = Pen(image, 1.0)
    tissue = f"{mask.area_mm2:,.1f} mm² of tissue"
    draw_caption(pen, name, plan_in_words(plan), tissue)
    left = (width - drawn.width) // 2
    image.paste(drawn, (left, _CAPTION_HEIGHT))
    bottom = _CAPTION_HEIGHT + drawn.height
    pen.frame(left, _CAPTION_HEIGHT, left + drawn.width, bottom)
    draw_scale_bar(pen, picture.placement, MARGIN, bottom + 20)
    _draw_key(pen, plan, bottom + 48)
    return image


def _enlarged(picture: SlidePicture) -> SlidePicture:
    """The picture with each pixel repeated until a tiny slide is large enough to see."""
    height, width = picture.pixels.shape[:2]
    times = max(1, _LEAST_SIDE // max(height, width))
    at = picture.placement
    return SlidePicture(
        picture.pixels.repeat(times, axis=0).repeat(times, axis=1),
        replace(at, pixel_width=at.pixel_width / times, pixel_height=at.pixel_height / times),
    )


def _draw_key(pen: Pen, plan: PatchPlan, baseline: int) -> None:
    """What the colours mean, from the right."""
    entries = [(TISSUE_COLOUR, "tissue")]
    if (plan.label != NO_LABEL).any():
        entries += [(PATCH_COLOUR, "patch, not IDC"), (POSITIVE_COLOUR, "patch of IDC")]
    else:
        entries += [(PATCH_COLOUR, "patch")]
    right = pen.image.width - MARGIN
    for colour, text in reversed(entries):
        right -= pen.text_width(text, _KEY_PX)
        pen.text(right, baseline, text, _KEY_PX)
        right -= 30
        pen.rectangle(right, baseline - 17, right + 20, baseline + 3, outline=colour, line_px=3)
        right -= 32


def draw_grid(picture: SlidePicture, plan: PatchPlan, mask: SlideMask | None) -> Image.Image:
    """Draw the tissue's outline and the patches of a plan into a picture of the slide.

    Parameters
    ----------
    picture : the slide, some 1,500 px a side.
    plan : its patches; positives are shaded and drawn in another colour.
    mask : its tissue, or None to draw no outline.

    Returns
    -------
    RGB image of the picture's size.
    """
    at = picture.placement
    height, width = picture.pixels.shape[:2]
    positive = plan.label == 1
    # Positives last: neighbours share an edge, and theirs is the one to see.
    groups = [(PATCH_COLOUR, plan)]
    if positive.any():
        groups = [
            (PATCH_COLOUR, plan.select(~positive)),
            (POSITIVE_COLOUR, plan.select(positive)),
        ]
    side = plan.grid.patch_width_level0 / at.pixel_width

    shades = np.zeros((height, width), np.uint8)
    for colour, group in groups:
        if colour == POSITIVE_COLOUR:
            shades += 2 * _covered(group, at, width, height)
        elif side < _SMALLEST_SQUARE_PX:
            shades += _covered(group, at, width, height)
    pixels = _shaded(picture.pixels, shades)
    if mask is not None:
        pixels[_outline(mask, at, width, height)] = TISSUE_COLOUR
    image = Image.fromarray(pixels)
    if side >= _SMALLEST_SQUARE_PX:
        draw = ImageDraw.Draw(image)
        for colour, group in groups:
            for box in _boxes(group, at).tolist():
                draw.rectangle(tuple(box), outline=colour)
    return image


def _boxes(plan: PatchPlan, at: Placement) -> NDArray[np.int64]:
    """First and last pixels of patches on a picture: left, top, right, bottom, int64 [N, 4]."""
    left, right = _edges(plan.x_level0, plan.grid.patch_width_level0, at.origin_x, at.pixel_width)
    top, bottom = _edges(plan.y_level0, plan.grid.patch_height_level0, at.origin_y, at.pixel_height)
    return np.stack([left, top, right, bottom], axis=1)


def _edges(
    start: NDArray[np.float64], extent: float, origin: float, pixel: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last picture pixel of each patch along one axis."""
    first = np.floor((start - origin) / pixel + 0.5).astype(np.int64)
    last = np.floor((start + extent - origin) / pixel + 0.5).astype(np.int64) - 1
    return first, np.maximum(first, last)


def _covered(plan: PatchPlan, at: Placement, width: int, height: int) -> NDArray[np.uint8]:
    """Pixels that any patch of a plan covers, uint8 [height, width], 0 or 1."""
    covered = np.zeros((height, width), np.uint8)
    for start in range(0, len(plan), _PATCHES_AT_A_TIME):
        boxes = _boxes(plan.select(slice(start, start + _PATCHES_AT_A_TIME)), at)
        left, right = (np.clip(x, 0, width) for x in (boxes[:, 0], boxes[:, 2] + 1))
        top, bottom = (np.clip(y, 0, height) for y in (boxes[:, 1], boxes[:, 3] + 1))
        covered |= rectangles_over((height, width), left, top, right, bottom) > 0
    return covered


def _shaded(pixels: NDArray[np.uint8], shades: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour laid over a picture: 1 that of patches, 2 that of positives, 3 one, then the other.

    Looked up, since there are only four times 256 outcomes a channel.
    """
    plain = np.arange(256, dtype=np.float32)
    index = shades.astype(np.uint16) << 8
    result = np.empty_like(pixels)
    for channel, colours in enumerate(zip(PATCH_COLOUR, POSITIVE_COLOUR, strict=True)):
        patch, positive = (np.float32(colour) for colour in colours)
        over_patch = plain + _SHADE * (patch - plain)
        outcomes = np.concatenate(
            [
                plain,
                over_patch,
                plain + _SHADE * (positive - plain),
                over_patch + _SHADE * (positive - over_patch),
            ]
        )
        result[..., channel] = np.rint(outcomes).astype(np.uint8)[index | pixels[..., channel]]
    return result


def _outline(mask: SlideMask, at: Placement, width: int, height: int) -> NDArray[np.bool_]:
    """Pixels of a picture just inside the edge of a mask, bool [height, width]."""
    x = at.origin_x + (np.arange(width) + 0.5) * at.pixel_width
    y = at.origin_y + (np.arange(height) + 0.5) * at.pixel_height
    on = mask.placement
    column = np.floor((x - on.origin_x) / on.pixel_width).astype(np.int64)
    row = np.floor((y - on.origin_y) / on.pixel_height).astype(np.int64)
    rows, columns = mask.values.shape
    inside = ((row >= 0) & (row < rows))[:, np.newaxis] & ((column >= 0) & (column < columns))
    seen = mask.values[np.clip(row, 0, rows - 1)][:, np.clip(column, 0, columns - 1)] & inside
    thick = 1 + max(width, height) // 1000  # two pixels on a picture of 1,500: visible on a screen
    core: NDArray[np.bool_] = seen.copy()
    for step in range(1, thick + 1):
        core[step:] &= seen[:-step]
        core[:-step] &= seen[step:]
    rows_left = core.copy()
    for step in range(1, thick + 1):
        core[:, step:] &= rows_left[:, :-step]
        core[:, :-step] &= rows_left[:, step:]
    edge: NDArray[np.bool_] = seen & ~core
    return edge
