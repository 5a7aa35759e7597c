"""Many slides at a glance: what was found on each, and a small picture of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import simplejpeg

from wsi_idc.errors import ResultFolderError
from wsi_idc.heatmap.blending import blend, resize_picture
from wsi_idc.heatmap.result import read_result, read_summary
from wsi_idc.slides.raster import SlidePicture
from wsi_idc.view.entry import SlideEntry
from wsi_idc.view.handles import OpenSlides

THUMBNAIL_PX = 320
_QUALITY = 85


def describe_row(entry: SlideEntry) -> dict[str, Any]:
    """What a list tells of a slide; figures are None where it has no map.

    A result that cannot be read does not keep the others from being listed: its row says why.
    """
    row: dict[str, Any] = {"key": entry.key, "drawn": entry.annotations.exists(), "error": None}
    figures = dict.fromkeys(
        ("tumour_mm2", "tumour_fraction", "tissue_mm2", "regions", "max_probability")
    )
    if entry.result is None:
        return row | figures | {"warnings": list(entry.warnings)}
    try:
        summary = read_summary(entry.result)
        return (
            row
            | _figures(summary["results"])
            | {"warnings": [*entry.warnings, *summary["warnings"]]}
        )
    except (ResultFolderError, KeyError) as error:
        return (
            row
            | figures
            | {"warnings": list(entry.warnings), "error": entry.kept_from_pages(str(error))}
        )


def _figures(results: dict[str, Any]) -> dict[str, Any]:
    """Of the tissue where its mask was kept, of the assessed cells in older results."""
    tissue = results.get("positive_tissue_mm2")
    by_tissue = tissue is not None
    return {
        "tumour_mm2": tissue if by_tissue else results["positive_mm2"],
        "tumour_fraction": results[
            "tumour_fraction_of_tissue" if by_tissue else "positive_fraction"
        ],
        "tissue_mm2": results["tissue_mm2"],
        "regions": results["positive_regions"],
        "max_probability": results["max_probability"],
    }


def make_thumbnail(entry: SlideEntry, slides: OpenSlides) -> bytes:
    """A small picture as JPEG: the slide, with its map on it where it has one.

    Raises
    ------
    ResultFolderError
        If the result cannot be read.
    SlideError
        If the slide cannot.
    """
    if entry.result is None:
        with slides.lend(entry.key, entry.source) as slide:
            pixels = slide.picture(max_side=THUMBNAIL_PX).pixels
    else:
        result = read_result(entry.result)
        small = _small(result.picture)
        pixels = blend(small, result.probability, replace(result.display, outline=False))
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorsubsampling="420")
    return encoded


def _small(picture: SlidePicture) -> SlidePicture:
    height, width = picture.pixels.shape[:2]
    shrink = max(1.0, max(height, width) / THUMBNAIL_PX)
    return resize_picture(
        picture, max(1, math.floor(width / shrink)), max(1, math.floor(height / shrink))
    )
