"""A result made by hand, for tests of what is shown of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.result import HeatmapResult
from wsi_idc.slides.raster import Placement, SlidePicture

CELL = 200 / 0.2527  # level-0 pixels
ORIGIN = (321.0, 123.0)
N = np.nan


def a_result(name: str = "slide-1", **changes: Any) -> HeatmapResult:
    """A slide of 24 by 16 cells of 200 µm, two regions on it at the threshold of 0.5."""
    values = np.full((16, 24), 0.05, dtype=np.float32)
    values[:3] = N
    values[4:8, 5:12] = 0.8
    values[6, 10] = 0.97
    values[12:14, 18:20] = 0.55
    place = Placement(*ORIGIN, CELL, CELL, 0.2527, 0.2527)
    rng = np.random.default_rng(1)
    pixels = rng.integers(100, 240, (320, 480, 3)).astype(np.uint8)
    picture = Placement(*ORIGIN, CELL / 20, CELL / 20, 0.2527, 0.2527)
    request = {
        "slide": {
            "file": f"{name}.svs",
            "name": name,
            "reader": "openslide",
            "width_px": 20000,
            "height_px": 14000,
            "width_mm": 4.8,
            "height_mm": 3.2,
            "mpp_x": 0.2527,
            "mpp_y": 0.2527,
            "mpp_source": "slide metadata",
            "bounds": {"x": 0, "y": 0, "width": 20000, "height": 14000},
            "fingerprint": "f" * 64,
        },
        "model": {
            "name": "model-1",
            "weights_sha256": "a" * 64,
            "calibration": {"slope": 1.5, "intercept": -0.5},
            "spacing_um_px": 8.0,
            "patch_size_pixels": 50,
        },
        "settings": {
            "stride": 25,
            "min_tissue": 0.15,
            "allow_upsampling": False,
            "tta": False,
            "tissue": {"method": "hed"},
            "tissue_mask_sha256": None,
            "region_sha256": None,
        },
    }
    return HeatmapResult(
        **{
            "request": request,
            "probability": ProbabilityMap(values, place),
            "picture": SlidePicture(pixels, picture),
            "patches": 290,
            "tissue_mm2": 11.5,
            "display": OverlaySettings(threshold=0.5),
        }
        | changes
    )
