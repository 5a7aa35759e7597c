"""What a report says: every number and text of the page, from a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsi_idc.drawing.pen import round_length_mm
from wsi_idc.heatmap.blending import blend, resize_picture, shaded_glass
from wsi_idc.heatmap.legend import RESEARCH_USE_ONLY, colour_bar, uncoloured
from wsi_idc.heatmap.report.cells import NOT_ASSESSED, TRIAL_STEPS, outline_path, trial_values
from wsi_idc.heatmap.report.histogram import histogram_drawing
from wsi_idc.heatmap.report.pictures import data_url, jpeg, png
from wsi_idc.heatmap.report.regions import list_regions
from wsi_idc.slides.raster import SlidePicture

if TYPE_CHECKING:
    from wsi_idc.heatmap.result import HeatmapResult

OVERVIEW_SIDE_PX = 1500
OVERVIEW_BYTES = 600_000
"""Of each of the two overviews; with six close-ups of 90 kB the page stays under 3 MB."""
# Maps beyond this (native 40x patches) are not tried at other thresholds in the page: a byte a
# cell, and some characters an edge, are too many there.
_MOST_CELLS = 300_000
_MOST_PATH = 150_000


def page_content(result: HeatmapResult, versions: dict[str, str]) -> dict[str, Any]:
    """Everything that the page's template asks for.

    Parameters
    ----------
    result : the result; close-ups that lie in a region are shown for it.
    versions : package and version, of the run that scored the slide.
    """
    threshold = f"{result.display.threshold:.3g}"
    overview = _overview(result.picture)
    outline = _outline(result, overview)
    bar = colour_bar(overview, result.display, height=8, width=256)
    return {
        "name": result.name,
        "class_name": result.probability.class_name,
        "notice": RESEARCH_USE_ONLY,
        "facts": _facts(result),
        "warnings": [_sentence(warning) for warning in result.warnings],
        "numbers": _numbers(result),
        "threshold": threshold,
        "picture": _pictures(result, overview, outlined=outline is None),
        "outline": outline,
        "shaded": "rgb({}, {}, {})".format(*shaded_glass()) if result.display.outline else None,
        "uncoloured": uncoloured(result.display),
        "caption": _caption(result),
        "histogram": {
            **histogram_drawing(result.probability, result.display.threshold),
            "colours": data_url(png(bar), "png"),
        },
        **list_regions(result),
        "settings": _settings(result, versions),
        "data": _data(result) if outline else {"cells": None},
    }


def _overview(picture: SlidePicture) -> SlidePicture:
    rows, columns = picture.pixels.shape[:2]
    shrink = min(1.0, OVERVIEW_SIDE_PX / max(rows, columns))
    return resize_picture(picture, max(1, round(columns * shrink)), max(1, round(rows * shrink)))


def _pictures(result: HeatmapResult, overview: SlidePicture, *, outlined: bool) -> dict[str, Any]:
    height, width = overview.pixels.shape[:2]
    overlay = blend(overview, result.probability, result.display, outline_regions=outlined)
    width_um = width * overview.placement.pixel_width_um
    length_mm = round_length_mm(width_um / 1000 / 4)
    summary = result.summary
    # The page shows the slide in microns of equal size in x and y, whatever its pixels are.
    shape = width_um / (height * overview.placement.pixel_height_um)
    return {
        "slide": data_url(jpeg(overview.pixels, most_bytes=OVERVIEW_BYTES), "jpeg"),
        "overlay": data_url(jpeg(overlay, most_bytes=OVERVIEW_BYTES), "jpeg"),
        "width": width,
        "height": height,
        "shape": f"{shape:.5f}",
        "scale_percent": f"{100 * length_mm * 1000 / width_um:.3f}",
        "scale_label": f"{length_mm:g} mm",
        "description": (
            f"The slide with the probability map over it: {summary.positive_mm2:,.2f} mm² in "
            f"{summary.positive_regions} regions lie at or above the threshold."
        ),
    }


def _outline(result: HeatmapResult, overview: SlidePicture) -> dict[str, str] | None:
    """The outline as a path over the overview; None where it is to be drawn into the picture."""
    if not result.display.outline or result.probability.values.size > _MOST_CELLS:
        return None
    path = outline_path(result.probability.positive(result.display.threshold))
    if len(path) > _MOST_PATH:
        return None
    cells, pixels = result.probability.placement, overview.placement
    numbers = (
        (cells.origin_x - pixels.origin_x) / pixels.pixel_width,
        (cells.origin_y - pixels.origin_y) / pixels.pixel_height,
        cells.pixel_width / pixels.pixel_width,
        cells.pixel_height / pixels.pixel_height,
    )
    return {
        "path": path,
        "transform": "translate({!r} {!r}) scale({!r} {!r})".format(*map(float, numbers)),
    }


def _data(result: HeatmapResult) -> dict[str, Any]:
    rows, columns = result.probability.values.shape
    return {
        "cells": trial_values(result.probability.values),
        "rows": rows,
        "columns": columns,
        "cellMm2": result.probability.placement.pixel_area_mm2,
        "threshold": result.display.threshold,
        "shownThreshold": f"{result.display.threshold:.3g}",
        "steps": TRIAL_STEPS,
        "notAssessed": NOT_ASSESSED,
    }


def _facts(result: HeatmapResult) -> str:
    slide, model = result.request["slide"], result.request["model"]
    return (
        f"{slide['width_mm']:,.1f} x {slide['height_mm']:,.1f} mm · "
        f"model {model['name']}, reading at {model['spacing_um_px']:g} µm/px · "
        f"threshold {result.display.threshold:.3g}"
    )


def _numbers(result: HeatmapResult) -> list[dict[str, Any]]:
    """The key numbers; `value` is what stands in summary.json under the same key."""
    found = result.summary
    threshold = f"{found.threshold:.3g}"
    name = result.probability.class_name

    def number(
        key: str, label: str, shown: str, note: str = "", scale: float = 1
    ) -> dict[str, Any]:
        value = getattr(found, key)
        text = "" if value is None else format(value * scale, shown)
        value = round(value, 6) if isinstance(value, float) else value
        return {"key": key, "label": label, "value": value, "shown": text, "note": note}

    share = number("positive_fraction", f"{name} share, %", ".1f", "of the assessed area", 100)
    if found.tumour_fraction_of_tissue is not None:
        label = f"{name} share of tissue, %"
        share = number(
            "tumour_fraction_of_tissue", label, ".1f", f"tissue within {name} cells", 100
        )
    return [
        number("positive_mm2", f"{name} area, mm²", ",.2f", f"probability ≥ {threshold}"),
        share,
        number("positive_regions", f"{name} regions", ",d"),
        number("largest_region_mm2", "Largest region, mm²", ",.2f"),
        number("max_probability", "Highest probability", ".3f", "of a cell"),
        number("tissue_mm2", "Tissue, mm²", ",.2f", "area of the tissue mask"),
        number("assessed_mm2", "Assessed, mm²", ",.2f", "whole cells on tissue"),
        number("patches", "Patches scored", ",d"),
    ]


def _caption(result: HeatmapResult) -> str:
    at = result.probability.placement
    text = (
        f"A cell is {at.pixel_width_um:.0f} µm wide and shows the mean of the patches "
        "that cover it."
    )
    if result.display.outline:
        text += " Grey parts were not assessed, which is not a low probability."
    if result.display.smooth:
        text += (
            " Colours are smoothed from cell to cell for display only; outline and figures are not."
        )
    return text


def _settings(result: HeatmapResult, versions: dict[str, str]) -> list[tuple[str, str]]:
    slide, model = result.request["slide"], result.request["model"]
    asked = result.request["settings"]
    patch, stride = model["patch_size_pixels"], asked["stride"]
    calibration = model["calibration"]
    names = {"wsi_idc": "wsi-idc", "python": "Python"}
    return [
        ("Slide file", slide["file"]),
        ("Slide size", f"{slide['width_px']:,} x {slide['height_px']:,} px"),
        (
            "Scale",
            f"{slide['mpp_x']:.4g} x {slide['mpp_y']:.4g} µm/px, from {slide['mpp_source']}",
        ),
        ("Reader", str(slide["reader"])),
        ("Slide fingerprint", str(slide["fingerprint"])),
        ("Model", model["name"]),
        ("Weights, SHA-256", model["weights_sha256"]),
        (
            "Patches",
            f"{patch} px at {model['spacing_um_px']:g} µm/px, one every {stride} px",
        ),
        ("Assessed", _assessed(asked)),
        ("Least tissue in a patch", f"{100 * asked['min_tissue']:g} %"),
        ("Test-time augmentation", "on" if asked["tta"] else "off"),
        (
            "Calibration",
            f"slope {calibration['slope']:.4g}, intercept {calibration['intercept']:.4g}",
        ),
        ("Threshold", repr(result.display.threshold)),
        ("Colours", _colours(result)),
        ("Software", ", ".join(f"{names.get(k, k)} {v}" for k, v in versions.items())),
    ]


def _assessed(asked: dict[str, Any]) -> str:
    mask = "a mask that was given" if asked["tissue_mask_sha256"] else asked["tissue"]["method"]
    where = "only within the drawn region" if asked["region_sha256"] else "on the whole slide"
    return f"tissue {where}, found by: {mask}"


def _colours(result: HeatmapResult) -> str:
    display = result.display
    return f"{display.colormap}, opacity {display.opacity:g}, none below {display.floor:g}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
