"""The regions of a map as a report lists them: the largest with a close-up, more in a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.heatmap.regions import Region, number_cells
from wsi_idc.heatmap.report.close_ups import (
    CloseUp,
    cell_centre,
    cut_close_up,
    hottest_cell,
    read_close_up,
)
from wsi_idc.heatmap.report.pictures import data_url
from wsi_idc.slides.raster import SlidePicture

if TYPE_CHECKING:
    from wsi_idc.heatmap.result import HeatmapResult
    from wsi_idc.slides import Slide

MOST_CLOSE_UPS = 6
_MOST_LISTED = 30
_SMALL = 0.06  # part of the overview's side


def read_close_ups(slide: Slide, result: HeatmapResult) -> tuple[CloseUp, ...]:
    """Read the hottest places of the six largest regions from an open slide.

    Where there is no region it is the hottest place of all: what comes closest.

    Raises
    ------
    SlideReadError
        If the slide is damaged there.
    """
    probability = result.probability
    numbers = _numbers(result)
    groups = [numbers == region.number for region in result.regions[:MOST_CLOSE_UPS]]
    if not groups and probability.assessed.any():
        groups = [probability.assessed]
    places = [hottest_cell(probability.values, members) for members in groups]
    return tuple(read_close_up(slide, *cell_centre(probability, *place)) for place in places)


def list_regions(result: HeatmapResult) -> dict[str, Any]:
    """What the page says of regions: `regions` with close-ups, `more_regions`, and titles."""
    threshold = result.display.threshold
    found = result.regions
    shown, more = found[:MOST_CLOSE_UPS], found[MOST_CLOSE_UPS:]
    listed = more[: _MOST_LISTED - MOST_CLOSE_UPS]
    numbers = _numbers(result)
    cards = [_card(result, region, numbers == region.number) for region in shown]
    title, caption = "Regions", "More regions"
    if not found:
        title = f"No region at or above the threshold of {threshold:.3g}"
        cards = [_nearest_card(result)] if result.probability.assessed.any() else []
    elif more:
        title = f"The {len(shown)} largest of {len(found):,} regions"
        caption = "Smaller regions"
    if len(more) > len(listed):
        rest = sum(region.area_mm2 for region in more[len(listed) :])
        caption += f"; {len(more) - len(listed):,} more, together {rest:,.2f} mm², are not listed"
    return {
        "regions": cards,
        "regions_title": title,
        "more_regions": [_facts(result, region) for region in listed],
        "more_caption": caption,
    }


def _numbers(result: HeatmapResult) -> NDArray[np.int32]:
    """Which region each cell belongs to, int32 [rows, columns], 0 for none."""
    return number_cells(
        result.probability,
        result.display.threshold,
        min_area_mm2=result.export.min_region_mm2,
    )


def _facts(result: HeatmapResult, region: Region) -> dict[str, Any]:
    middle = ((region.left + region.right) / 2, (region.top + region.bottom) / 2)
    return {
        "number": region.number,
        "heading": f"Region {region.number}: {region.area_mm2:,.2f} mm²",
        "area": f"{region.area_mm2:,.2f}",
        "diameter": f"{region.diameter_mm:,.1f}",
        "highest": f"{region.max_probability:.3f}",
        "mean": f"{region.mean_probability:.3f}",
        "position": _position(result.picture, *middle),
    }


def _card(result: HeatmapResult, region: Region, members: NDArray[np.bool_]) -> dict[str, Any]:
    """The card of a region whose cells are `members`, bool [rows, columns]."""
    place = hottest_cell(result.probability.values, members)
    card = {**_facts(result, region), **_place(result, place, members)}
    at = result.picture.placement
    rows, columns = result.picture.pixels.shape[:2]
    across = (region.right - region.left) / (columns * at.pixel_width)
    down = (region.bottom - region.top) / (rows * at.pixel_height)
    if max(across, down) < _SMALL:
        # A number on a small region would hide it.
        return {**card, "beside": True, **_percent(result.picture, region.left, region.top)}
    return card


def _nearest_card(result: HeatmapResult) -> dict[str, Any]:
    """The card of the place that comes closest to the threshold, where no region reaches it."""
    assessed = result.probability.assessed
    place = hottest_cell(result.probability.values, assessed)
    value = f"{result.probability.values[place]:.3f}"
    return {
        "number": 1,
        "heading": "The place that comes closest",
        "diameter": None,
        "highest": value,
        "mean": value,
        "position": _position(result.picture, *cell_centre(result.probability, *place)),
        **_place(result, place, assessed),
    }


def _place(
    result: HeatmapResult, place: tuple[int, int], members: NDArray[np.bool_]
) -> dict[str, Any]:
    """Where a card's number stands on the overview, in percent, and its close-up."""
    x, y = cell_centre(result.probability, *place)
    close_up = _stored(result, members) or cut_close_up(result.picture, x, y)
    field_mm = close_up.width * close_up.placement.pixel_width_um / 1000
    return {
        "beside": False,
        **_percent(result.picture, x, y),
        "picture": data_url(close_up.jpeg, "jpeg"),
        "field": f"{field_mm:.2g} mm wide, at {close_up.placement.pixel_width_um:.2g} µm/px",
    }


def _percent(picture: SlidePicture, x: float, y: float) -> dict[str, str]:
    """Where a place lies on a picture, as a page sets it."""
    at = picture.placement
    rows, columns = picture.pixels.shape[:2]
    return {
        "left": f"{100 * (x - at.origin_x) / (columns * at.pixel_width):.3f}",
        "top": f"{100 * (y - at.origin_y) / (rows * at.pixel_height):.3f}",
    }


def _stored(result: HeatmapResult, members: NDArray[np.bool_]) -> CloseUp | None:
    """The first close-up read from the slide whose middle lies in one of the cells."""
    at = result.probability.placement
    rows, columns = members.shape
    for close_up in result.close_ups:
        x, y = close_up.target
        column = math.floor((x - at.origin_x) / at.pixel_width)
        row = math.floor((y - at.origin_y) / at.pixel_height)
        if 0 <= row < rows and 0 <= column < columns and members[row, column]:
            return close_up
    return None


def _position(picture: SlidePicture, x: float, y: float) -> str:
    """A place as a person finds it: millimetres from the slide's corner."""
    at = picture.placement
    right_mm = (x - at.origin_x) * at.mpp_x / 1000
    down_mm = (y - at.origin_y) * at.mpp_y / 1000
    return f"{right_mm:.1f} mm from the left, {down_mm:.1f} mm from the top"
