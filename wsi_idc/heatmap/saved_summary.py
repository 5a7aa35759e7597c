"""What must stand in a result's `summary.json` for it to be read: it may come from anyone.

Whoever shows, draws or judges a result takes its values as they are: sizes to make pictures of,
names to find files by. So they are checked once, where they are read. What earlier versions did
not write may be missing, and what a later one adds is let through.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wsi_idc.model.card import check_class_names
from wsi_idc.slides.info import FARTHEST_PX

Microns = Annotated[float, Field(gt=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[float, Field(ge=-FARTHEST_PX, le=FARTHEST_PX)]
Side = Annotated[float, Field(gt=0, le=FARTHEST_PX)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Text = Annotated[str, Field(max_length=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)


class _Closed(_Part):
    model_config = ConfigDict(extra="forbid")


class _Bounds(_Closed):
    x: Count
    y: Count
    width: Annotated[int, Field(gt=0, le=FARTHEST_PX)]
    height: Annotated[int, Field(gt=0, le=FARTHEST_PX)]


class _Slide(_Part):
    file: Text
    name: Text
    reader: Text
    vendor: Text
    width_px: Annotated[int, Field(gt=0, le=FARTHEST_PX)]
    height_px: Annotated[int, Field(gt=0, le=FARTHEST_PX)]
    width_mm: Side | None = None
    height_mm: Side | None = None
    mpp_x: Microns
    mpp_y: Microns
    mpp_source: Text
    mpp_is_guess: bool
    objective_power: float | None
    bounds: _Bounds
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    icc_applied: bool = False


class _Calibration(_Part):
    slope: float
    intercept: float


class _Model(_Part):
    name: Text
    weights_sha256: Text | None = None
    calibration: _Calibration | None = None
    spacing_um_px: Microns
    patch_size_pixels: Annotated[int, Field(ge=1, le=100_000)]
    class_names: list[str] = ["idc"]
    shown_class: str = "idc"

    @model_validator(mode="after")
    def _names_files(self) -> _Model:
        """Classes name files of the result, and must not lead out of it."""
        check_class_names(self.class_names)
        if self.shown_class not in self.class_names:
            raise ValueError("shown_class is none of class_names")
        return self


class _Tissue(_Part):
    method: Text


class _Settings(_Part):
    stride: Annotated[int, Field(ge=1, le=100_000)]
    min_tissue: Share | None = None
    tta: bool | None = None
    tissue: _Tissue | None = None
    tissue_mask_sha256: Text | None = None
    region_sha256: Text | None = None


class _Results(_Part):
    patches: Count | None
    tissue_mm2: float | None
    positive_mm2: float | None = None
    positive_fraction: float | None = None
    max_probability: float | None = None
    positive_regions: Count | None = None
    positive_tissue_mm2: float | None = None
    tumour_fraction_of_tissue: float | None = None


class _Display(_Closed):
    colormap: Text
    opacity: Share
    threshold: Share
    floor: Share
    outline: bool = True
    smooth: bool
    width_px: Annotated[int, Field(ge=400, le=20_000)]


class _Export(_Closed):
    min_region_mm2: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    geojson_origin: Literal["bounds", "slide"] = "bounds"
    parquet: bool = False
    eight_bit_map: bool = False


class _Placement(_Closed):
    origin_x: Place
    origin_y: Place
    pixel_width: Side
    pixel_height: Side
    mpp_x: Microns
    mpp_y: Microns


class _CloseUp(_Part):
    width: Annotated[int, Field(gt=0, le=10_000)]
    height: Annotated[int, Field(gt=0, le=10_000)]
    target: Annotated[list[Place], Field(min_length=2, max_length=2)]
    placement: _Placement


class SavedSummary(_Part):
    """The content of `summary.json`."""

    slide: _Slide
    model: _Model
    settings: _Settings
    results: _Results
    display: _Display
    export: _Export = _Export()
    tissue: _Placement | None = None
    thumbnail: _Placement
    close_ups: Annotated[list[_CloseUp], Field(max_length=100)] = []
    warnings: list[Text]


def problem_of(summary: dict[str, Any]) -> str | None:
    """What is wrong with a summary, and where; None where nothing is."""
    try:
        SavedSummary.model_validate(summary)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:60] for part in first["loc"])
        return f"{where}: {first['msg']}"
    return None
