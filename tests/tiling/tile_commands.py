"""The command `tile` on two small slides."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import app
from wsi_idc.phantom.slide_writer import write_slide_from_array


def tile(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["tile", *(str(argument) for argument in arguments)])


def write_two_slides(folder: Path) -> Path:
    """Two slides of 8 by 6 patches full of tissue, at 8 µm/px."""
    folder.mkdir(exist_ok=True)
    pixels = np.full((300, 400, 3), (215, 150, 190), np.uint8)
    pixels[::7] = 243
    write_slide_from_array(
        folder / "a.tif", pixels, mpp=8.0, vendor="generic", downsamples=(1,), compression="deflate"
    )
    shutil.copy(folder / "a.tif", folder / "b.tif")
    return folder
