"""A slide and its result folder, made by hand, for tests of what the viewer shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slide_factory import PositionCode, position_slide

from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.result import HeatmapResult, write_result
from wsi_idc.slides import info_json, open_slide
from wsi_idc.slides.fingerprint import slide_fingerprint
from wsi_idc.slides.raster import Placement

MPP = 2.0
COLUMNS, ROWS = 24, 16
CELL_UM = 200.0
THRESHOLD = 0.5
# The map does not begin at the slide's corner, and a cell is no whole number of pixels.
LEFT_PX, TOP_PX = 33.25, 21.5
N = np.nan


@dataclass(frozen=True)
class MappedSlide:
    """What was made.

    Attributes
    ----------
    slide : the slide's file.
    results : folder of its result folder.
    values : float32 [16, 24], the map.
    """

    slide: Path
    results: Path
    values: NDArray[np.float32]
    code: PositionCode

    @property
    def name(self) -> str:
        return self.slide.stem

    @property
    def result(self) -> Path:
        return self.results / self.name

    def value_at(self, x_um: float, y_um: float) -> float:
        """The map's value at a point, microns from the slide's corner."""
        column = int((x_um - LEFT_PX * MPP) // CELL_UM)
        row = int((y_um - TOP_PX * MPP) // CELL_UM)
        return float(self.values[row, column])


def map_values() -> NDArray[np.float32]:
    """Two regions at 0.5, no two cells of one value, and a strip that was not assessed."""
    values = np.linspace(0.02, 0.3, COLUMNS * ROWS).reshape(ROWS, COLUMNS)
    values[4:8, 5:12] += 0.5
    values[6, 10] = 0.97
    values[12:14, 18:20] += 0.35
    values[:3] = N
    return values.astype(np.float32)


def make_mapped_slide(
    folder: Path,
    name: str = "mapped",
    *,
    scale: float = 1.0,
    other_class: str | None = None,
    **changes: Any,
) -> MappedSlide:
    """Write a slide of 2,500 by 1,700 px at 2 µm/px, and the result of mapping it.

    Probabilities are `scale` times those of `map_values`, up to 1; of another class, 1 less them.
    """
    slides, results = folder / "slides", folder / "maps"
    slides.mkdir(parents=True, exist_ok=True)
    slide, code = position_slide(slides, 2500, 1700, MPP, (1, 4), period=256.0, name=name)
    values = np.minimum(map_values() * np.float32(scale), 1)
    side = CELL_UM / MPP
    place = Placement(LEFT_PX, TOP_PX, side, side, MPP, MPP)
    with open_slide(slide) as opened:
        picture = opened.picture(max_side=500)
        about = info_json(opened.info)
    request: dict[str, Any] = {
        "slide": about | {"fingerprint": slide_fingerprint(slide)},
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
    if other_class is not None:
        request["model"] |= {"class_names": ["idc", other_class], "shown_class": "idc"}
        changes["others"] = (ProbabilityMap(1 - values, place, other_class),)
    result = HeatmapResult(
        **{
            "request": request,
            "probability": ProbabilityMap(values, place),
            "picture": picture,
            "patches": 290,
            "tissue_mm2": 11.5,
            "display": OverlaySettings(threshold=THRESHOLD, width_px=400),
            "warnings": ("made by hand",),
        }
        | changes
    )
    target = results / name
    target.mkdir(parents=True)
    write_result(target, result, {"versions": {"wsi-idc": "0"}})
    return MappedSlide(slide, results, values, code)
