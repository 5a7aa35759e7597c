"""The contact sheet: some patches of a slide side by side, to see at a glance what was cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.drawing.pen import GREY, Pen
from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.captions import MARGIN, draw_caption, plan_in_words
from wsi_idc.tiling.colours import PATCH_COLOUR, POSITIVE_COLOUR
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan

MOST_SHOWN = 60
_ACROSS = 12
_SIDE, _FRAME, _GAP = 112, 4, 10
_NUMBER_HEIGHT, _HEADING_HEIGHT, _CAPTION_HEIGHT = 18, 40, 110
_LEAST_WIDTH = 1000  # for the words
_HEADING_PX, _NUMBER_PX = 20, 12


class ContactSheet:
    """Picks patches spread over a slide, takes their pixels as they pass by, and draws them.

    Parameters
    ----------
    plan : the patches. With labels, both classes get half the sheet, or what they have.

    Attributes
    ----------
    chosen : int64 [n], the patches to show, n at most 60; the same for the same plan.
    """

    def __init__(self, plan: PatchPlan) -> None:
        self._plan = plan
        positive, other = np.flatnonzero(plan.label == 1), np.flatnonzero(plan.label != 1)
        # Whole rows of each class.
        half = MOST_SHOWN // 2 // _ACROSS * _ACROSS
        of_positive = min(len(positive), max(half, MOST_SHOWN - len(other)))
        of_other = min(len(other), MOST_SHOWN - of_positive)
        self._groups = [
            _spread(plan, group, count)
            for group, count in ((positive, of_positive), (other, of_other))
            if count
        ]
        self.chosen = np.sort(np.concatenate(self._groups))
        self._is_chosen = np.zeros(len(plan), bool)
        self._is_chosen[self.chosen] = True
        self._shown: dict[int, NDArray[np.uint8]] = {}

    def watch(self, blocks: Iterable[PatchBlock]) -> Iterator[PatchBlock]:
        """Pass blocks of the plan on, and keep the chosen of their patches."""
        for block in blocks:
            self.take(block.indices, block.patches)
            yield block

    def take(self, indices: NDArray[np.int64], patches: NDArray[np.uint8]) -> None:
        """Keep the chosen among patches, which stand at `indices` in the plan."""
        for position in np.flatnonzero(self._is_chosen[indices]):
            shown = Image.fromarray(patches[position])
            shown = shown.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
            self._shown[int(indices[position])] = np.asarray(shown)

    def draw(self, name: str) -> Image.Image:
        """Draw the sheet, RGB, of the slide of that name."""
        is_labelled = bool((self._plan.label != NO_LABEL).any())
        cell, line = _SIDE + 2 * _FRAME + _GAP, _SIDE + 2 * _FRAME + _NUMBER_HEIGHT + _GAP
        rows = [-(-len(group) // _ACROSS) for group in self._groups]
        height = _CAPTION_HEIGHT + sum(rows) * line + len(rows) * _HEADING_HEIGHT * is_labelled
        across = min(_ACROSS, max(map(len, self._groups)))
        width = max(_LEAST_WIDTH, 2 * MARGIN + across * cell - _GAP)
        image = Image.new("RGB", (width, height + MARGIN), "white")
        pen = Pen(image, 1.0)
        some = len(self.chosen) < len(self._plan)
        shown = f"{len(self.chosen)} of them spread over the slide" if some else "all of them"
        shown += ", with x and y as in file names"
        draw_caption(pen, name, plan_in_words(self._plan), shown)
        top = _CAPTION_HEIGHT
        for group, of_rows in zip(self._groups, rows, strict=True):
            colour = POSITIVE_COLOUR if self._plan.label[group[0]] == 1 else PATCH_COLOUR
            if is_labelled:
                _draw_heading(pen, self._plan, int(self._plan.label[group[0]]), len(group), top)
                top += _HEADING_HEIGHT
            for place, index in enumerate(group.tolist()):
                left = MARGIN + place % _ACROSS * cell
                self._draw_patch(pen, index, left, top + place // _ACROSS * line, colour)
            top += of_rows * line
        return image

    def _draw_patch(
        self, pen: Pen, index: int, left: int, top: int, colour: tuple[int, int, int]
    ) -> None:
        side = _SIDE + 2 * _FRAME
        pen.rectangle(left, top, left + side, top + side, fill=colour)
        pen.image.paste(Image.fromarray(self._shown[index]), (left + _FRAME, top + _FRAME))
        place = f"x{self._plan.x_name[index]} y{self._plan.y_name[index]}"
        pen.text(left, top + side + 14, place, _NUMBER_PX, colour=GREY)


def _draw_heading(pen: Pen, plan: PatchPlan, label: int, shown: int, top: int) -> None:
    what = "IDC" if label == 1 else "not IDC"
    colour = POSITIVE_COLOUR if label == 1 else PATCH_COLOUR
    baseline = top + 26
    pen.rectangle(MARGIN, baseline - 17, MARGIN + 18, baseline + 1, fill=colour)
    counted = f"{what}: {shown:,} of {np.count_nonzero(plan.label == label):,}"
    pen.text(MARGIN + 28, baseline, counted, _HEADING_PX, bold=True)


def _spread(plan: PatchPlan, group: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose `count` of the patches of a group, spread over the slide, in the plan's order.

    Evenly along a curve that fills the plane: neighbours on it are neighbours on the slide,
    so equal steps leave no part out.
    """
    along = group[np.argsort(_morton(plan.columns[group], plan.rows[group]), kind="stable")]
    steps = (np.arange(count) + 0.5) * len(along) / count
    return np.sort(along[steps.astype(np.int64)])


def _morton(columns: NDArray[np.int32], rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Places on the Z-order curve: the bits of column and row in turn."""
    code = np.zeros(len(columns), np.int64)
    for bit in range(int(max(columns.max(), rows.max())).bit_length()):
        for place, cells in ((2 * bit, columns), (2 * bit + 1, rows)):
            bits = ((cells >> bit) & 1).astype(np.int64)
            bits <<= place
            code |= bits
    return code
