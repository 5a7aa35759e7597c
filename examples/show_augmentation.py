"""Draw what each augmentation does to a few patches, as one picture.

    python examples/show_augmentation.py SLIDE PICTURE

A row a step of `wsi_idc.model.augmentation`, the patches as they are first and all steps
together last. docs/images/augmentation.png was drawn from a phantom.
"""

import sys
from dataclasses import asdict, replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import wsi_idc
from wsi_idc.model.augmentation import NO_AUGMENTATION, Augmentation, augment
from wsi_idc.model.runtime import load_tensorflow

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
    patches = some_patches(slide_file)
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


def some_patches(slide_file: str) -> np.ndarray:
    """Patches [COLUMNS, 50, 50, 3] from all over a slide's tissue."""
    with wsi_idc.open_slide(slide_file) as slide:
        plan = wsi_idc.plan_tiles(slide, wsi_idc.TileSettings(min_tissue=0.9)).plan
    chosen = plan.select(
        np.isin(np.arange(len(plan)), np.linspace(0, len(plan) - 1, COLUMNS, dtype=int))
    )
    indices, patches = next(wsi_idc.read_batches(slide_file, chosen, batch_size=COLUMNS))
    return np.resize(patches[np.argsort(indices)], (COLUMNS, 50, 50, 3))


if __name__ == "__main__":
    main(*sys.argv[1:])
