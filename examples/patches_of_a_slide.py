"""Walk over the patches of a slide without writing any of them.

python examples/patches_of_a_slide.py SLIDE
"""

import sys
from pathlib import Path

import numpy as np

from wsi_idc import SlideSource
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import plan_patches
from wsi_idc.tissue import tissue_mask


def main(slide_file: str) -> None:
    """Print the mean colour of the tissue and the darkest patch."""
    source = SlideSource(Path(slide_file))
    with source.open() as slide:
        mask = tissue_mask(slide, patch_um=400)
        plan = plan_patches(slide.info, mask, mpp=8.0, patch_size=50, stride=50, min_tissue=0.15)
    brightness = np.empty(len(plan))
    for block in read_patches(source, plan):
        brightness[block.indices] = block.patches.mean(axis=(1, 2, 3))
    darkest = int(brightness.argmin())
    print(f"{len(plan)} patches, {mask.area_mm2:.1f} mm² of tissue")
    print(
        f"darkest: mean {brightness[darkest]:.0f} of 255, at level-0 pixel "
        f"({plan.x_level0[darkest]:.0f}, {plan.y_level0[darkest]:.0f})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
