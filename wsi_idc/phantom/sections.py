"""Made breast sections with known truth, as slide files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.errors import SettingsError
from wsi_idc.files import whole_file
from wsi_idc.phantom.drawing import Painter
from wsi_idc.phantom.scene import make_scene
from wsi_idc.phantom.slide_writer import write_slide

# Below this a section has no room for a tumour, glands and stroma side by side.
_LEAST_MM = 0.5
# numpy and Pillow release the GIL for most of the drawing.
_DRAWING_THREADS = 4
_BLOCK_WIDTH_PX = 2048


@dataclass(frozen=True)
class PhantomSpec:
    """A section to make.

    Attributes
    ----------
    name : of its files.
    width_mm, height_mm : size of the slide, at least 0.5 mm each.
    mpp : microns per pixel of level 0.
    seed : of everything random; another seed is another patient.
    stain_variation : how much stain differs between patients and between regions of a
        section; 1 as in practice, 0 not at all.
    """

    name: str
    width_mm: float
    height_mm: float
    mpp: float = 1.0
    seed: int = 0
    stain_variation: float = 1.0


@dataclass(frozen=True)
class PhantomSlide:
    """A made section on disk.

    Attributes
    ----------
    spec : what it was made from.
    slide : pyramidal TIFF of Aperio form, JPEG tiles, with µm/px.
    truth : PNG, 8 bits, 255 in invasive carcinoma and 0 elsewhere; it covers exactly the area
        of the slide, with pixels of 8 µm or a little less.
    """

    spec: PhantomSpec
    slide: Path
    truth: Path


def make_phantom(spec: PhantomSpec, folder: Path) -> PhantomSlide:
    """Make a section and write its slide and truth into `folder`.

    The same `spec` gives the same bytes.

    Raises
    ------
    SettingsError
        If the size or the µm/px cannot be drawn.
    OutputError
        If the files cannot be written.
    """
    if not (spec.width_mm >= _LEAST_MM and spec.height_mm >= _LEAST_MM):
        raise SettingsError(
            f"phantom {spec.name}: {spec.width_mm} x {spec.height_mm} mm is too small; "
            f"make both sides at least {_LEAST_MM} mm"
        )
    if not 0.1 <= spec.mpp <= 4:
        raise SettingsError(
            f"phantom {spec.name}: {spec.mpp} µm/px cannot be drawn; choose from 0.1 to 4"
        )
    # A whole number of pixels, and the scene exactly as large: truth and slide share edges.
    width, height = round(spec.width_mm * 1000 / spec.mpp), round(spec.height_mm * 1000 / spec.mpp)
    scene = make_scene(width * spec.mpp, height * spec.mpp, spec.seed, spec.stain_variation)
    painter = Painter(scene, spec.mpp)
    result = PhantomSlide(spec, folder / f"{spec.name}.tif", folder / f"{spec.name}_truth.png")
    with ThreadPoolExecutor(_DRAWING_THREADS) as threads:

        def rows(y0: int, y1: int) -> NDArray[np.uint8]:
            blocks = threads.map(
                lambda x0: painter.draw(x0, y0, min(_BLOCK_WIDTH_PX, width - x0), y1 - y0),
                range(0, width, _BLOCK_WIDTH_PX),
            )
            return np.concatenate(list(blocks), axis=1)

        write_slide(result.slide, rows, width, height, mpp=spec.mpp)
    with whole_file(result.truth) as temporary:
        Image.fromarray(np.where(scene.fields.idc, 255, 0).astype(np.uint8)).save(temporary)
    return result
