"""Draw what each augmentation does to a few patches, as one picture.

    python examples/show_augmentation.py SLIDE PICTURE

A row a step of `wsi_idc.model.augmentation`, the patches as they are first and all steps
together last. docs/images/augmentation.png was drawn from a phantom.
"""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wsi_idc import SlideSource
from wsi_idc.model.augmentation import NO_AUGMENTATION, Augmentation, augment
from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import plan_patches
from wsi_idc.tissue import tissue_mask

COLUMNS = 9
STEPS = {
    "as it is": (),
    "views": ("flips",),
    "placement": ("rotation", "scale", "shift"),
    "stain and light": ("stain_scale", "stain_shift", "brightness"),
    "blur": ("blur",),
    "JPEG": ("jpeg_share", "jpeg_quality"),
    "all together": tuple(asdict(Augmentation())),
}


def main(slide_file: str, picture: str) -> None:
    """Vary some patches step by step and draw them."""
    patches = some_patches(Path(slide_file))
    load_tensorflow("cpu")
    figure = Figure(figsize=(1.0 * COLUMNS + 1.5, 1.05 * len(STEPS)), dpi=75)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(STEPS), COLUMNS)
    for row, (name, fields) in enumerate(STEPS.items()):
        settings = replace(NO_AUGMENTATION, **{f: getattr(Augmentation(), f) for f in fields})
        if name == "JPEG":  # on every patch, to be seen
            settings = replace(settings, jpeg_share=1.0)
        varied = np.asarray(augment(patches, np.array([0, row]), settings))
        for column in range(COLUMNS):
            axes[row, column].imshow(varied[column], interpolation="nearest")
            axes[row, column].set(xticks=[], yticks=[])
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.subplots_adjust(
        left=0.14, right=0.995, top=0.995, bottom=0.005, wspace=0.04, hspace=0.04
    )
    figure.savefig(picture, metadata={"Software": None})


def some_patches(slide_file: Path) -> np.ndarray:
    """Patches [COLUMNS, 50, 50, 3] from all over a slide's tissue."""
    source = SlideSource(slide_file)
    with source.open() as slide:
        mask = tissue_mask(slide, patch_um=400)
        plan = plan_patches(slide.info, mask, mpp=8.0, patch_size=50, stride=50, min_tissue=0.9)
    chosen = plan.select(
        np.isin(np.arange(len(plan)), np.linspace(0, len(plan) - 1, COLUMNS, dtype=int))
    )
    patches = np.empty((len(chosen), 50, 50, 3), np.uint8)
    for block in read_patches(source, chosen):
        patches[block.indices] = block.patches
    return np.resize(patches, (COLUMNS, 50, 50, 3))


if __name__ == "__main__":
    main(*sys.argv[1:])
