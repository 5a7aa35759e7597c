"""The contact sheet: which patches it shows, and that it shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiling.plans import slide_info

from wsi_idc.tiling.blocks import PatchBlock
from wsi_idc.tiling.colours import PATCH_COLOUR, POSITIVE_COLOUR
from wsi_idc.tiling.contact_sheet import MOST_SHOWN, ContactSheet
from wsi_idc.tiling.plan import PatchPlan, plan_patches


def plan_of(columns: int, rows: int) -> PatchPlan:
    info = slide_info(columns * 50, rows * 50, mpp=8.0)
    return plan_patches(info, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)


def labelled(plan: PatchPlan, positive: np.ndarray) -> PatchPlan:
    return replace(plan, label=positive.astype(np.int8))


def shades(plan: PatchPlan) -> PatchBlock:
    """Every patch in a colour of its own, green being its number."""
    patches = np.full((len(plan), 50, 50, 3), (200, 0, 100), np.uint8)
    patches[..., 1] = np.arange(len(plan))[:, None, None]
    return PatchBlock(np.arange(len(plan)), patches)


def test_a_small_slide_is_shown_whole() -> None:
    assert ContactSheet(plan_of(5, 4)).chosen.tolist() == list(range(20))


def test_what_is_shown_is_spread_over_a_large_slide() -> None:
    plan = plan_of(90, 60)
    chosen = ContactSheet(plan).chosen
    assert len(set(chosen.tolist())) == MOST_SHOWN
    cells = {(plan.columns[i] // 15, plan.rows[i] // 15) for i in chosen}
    assert cells == {(column, row) for column in range(6) for row in range(4)}


@pytest.mark.parametrize(
    ("positives", "shown"), [(0, 0), (10, 10), (24, 24), (30, 24), (300, 24), (390, 50), (400, 60)]
)
def test_both_classes_have_their_part(positives: int, shown: int) -> None:
    plan = plan_of(20, 20)
    positive = np.random.default_rng(0).permutation(400) < positives
    chosen = ContactSheet(labelled(plan, positive)).chosen
    assert len(chosen) == MOST_SHOWN
    assert positive[chosen].sum() == shown


def test_every_chosen_patch_is_drawn_in_the_frame_of_its_class() -> None:
    plan = labelled(plan_of(12, 10), np.arange(120) % 2 == 0)
    sheet = ContactSheet(plan)
    for _ in sheet.watch([shades(plan)]):
        pass
    image = np.asarray(sheet.draw("a slide"))
    for index in sheet.chosen:
        inside = (image == (200, index, 100)).all(axis=2)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        assert inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert inside.sum() == 112 * 112
        frame = POSITIVE_COLOUR if plan.label[index] == 1 else PATCH_COLOUR
        middle = (rows[0] + rows[-1]) // 2
        square = np.flatnonzero(inside[middle])
        assert tuple(image[middle, square[0] - 1]) == frame
        assert tuple(image[middle, square[-1] + 1]) == frame


def test_blocks_pass_by_unchanged() -> None:
    plan = plan_of(3, 3)
    block = shades(plan)
    assert list(ContactSheet(plan).watch([block])) == [block]
