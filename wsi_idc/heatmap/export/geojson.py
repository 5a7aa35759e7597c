"""The map's cells and regions as GeoJSON that QuPath imports as it is (0.4 and newer).

Regions come as annotations, assessed cells as tiles: squares that do not overlap, each with
the map's value as the measurement `prob_idc`. QuPath colours tiles by that with its
measurement maps, and by class without. The file is written cell by cell, so that memory does
not grow with it, and in ASCII, since QuPath reads it in the system's encoding.

QuPath counts pixels from the corner of the scanned bounds, to which it crops MIRAX slides and
some others; readers such as OpenSlide count from that of the whole frame. The two are the same
for most slides. `origin` chooses, and the file says which it is under `wsi_idc`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError
from wsi_idc.files import whole_file
from wsi_idc.heatmap.export.scores import coordinate_texts, probability_texts
from wsi_idc.heatmap.outlines import OutlinePolygon
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.regions import Region
from wsi_idc.slides.info import Bounds

Origin = Literal["slide", "bounds"]

FORMAT = "wsi-idc geojson 1"
# Of Okabe and Ito's palette, told apart by colour-blind people too.
POSITIVE_COLOUR = (213, 94, 0)
NEGATIVE_COLOUR = (86, 180, 233)

_WHERE = {
    "bounds": "level-0 pixels from the corner of the scanned bounds, as QuPath counts them",
    "slide": "level-0 pixels from the corner of the slide's whole frame, as OpenSlide counts them",
}


@dataclass(frozen=True)
class GeoJsonFrame:
    """In which frame a file's coordinates are.

    Attributes
    ----------
    origin : `bounds` or `slide`.
    bounds : where the slide's scan lies in level 0.
    """

    origin: Origin
    bounds: Bounds

    @property
    def offset(self) -> tuple[float, float]:
        """What is subtracted from level-0 pixels."""
        return (self.bounds.x, self.bounds.y) if self.origin == "bounds" else (0.0, 0.0)


def check_origin(origin: str) -> None:
    """Refuse an origin that is none.

    Raises
    ------
    SettingsError
        If it is neither `slide` nor `bounds`.
    """
    if origin not in get_args(Origin):
        raise SettingsError(f"the origin of GeoJSON must be slide or bounds, not {origin!r}")


def write_geojson(
    path: Path,
    probability: ProbabilityMap,
    regions: Sequence[Region],
    *,
    threshold: float,
    frame: GeoJsonFrame,
    name: str,
    identity: dict[str, Any],
) -> None:
    """Write regions and cells of a map.

    Parameters
    ----------
    path : the file to write.
    probability : the map; its assessed cells become tiles.
    regions : its regions; they become annotations.
    threshold : cells at or above it are of the map's class.
    frame : from where coordinates count.
    name : the slide's.
    identity : what makes the map this map (slide, model, settings). The objects' UUIDs are
        derived from it, the threshold and their place in the map: equal runs give equal ones.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    key = json.dumps([FORMAT, identity, threshold], sort_keys=True)
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, key)
    said = {
        "format": FORMAT,
        "slide": name,
        "threshold": threshold,
        "origin": frame.origin,
        "origin_in_level0": list(frame.offset),
        "coordinates": _WHERE[frame.origin],
    }
    with whole_file(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as out:
        out.write(f'{{"type":"FeatureCollection","wsi_idc":{_json(said)},"features":[')
        before = "\n"
        for features in _features(probability, regions, threshold, frame, namespace):
            if features:
                out.write(before + ",\n".join(features))
                before = ",\n"
        out.write("\n]}\n")


def _features(
    probability: ProbabilityMap,
    regions: Sequence[Region],
    threshold: float,
    frame: GeoJsonFrame,
    namespace: uuid.UUID,
) -> Iterator[list[str]]:
    """The features as text: a region at a time, then a row of cells at a time."""
    for region in regions:
        yield [_json(_annotation(region, frame, namespace, probability))]
    at = probability.placement
    rows, columns = probability.values.shape
    x = _along(at.origin_x - frame.offset[0], at.pixel_width, columns)
    y = _along(at.origin_y - frame.offset[1], at.pixel_height, rows)
    name = probability.class_name
    negative = {"name": f"no {name}", "color": NEGATIVE_COLOUR}
    classes = [_json(negative), _json(_positive(name))]
    measure = _json(probability.measure)
    for row in range(rows):
        values = probability.values[row]
        here = np.flatnonzero(np.isfinite(values))
        positive = values[here] >= threshold
        texts = probability_texts(values[here])
        top, bottom = y[row], y[row + 1]
        yield [
            _tile(
                str(uuid.uuid5(namespace, f"tile {column} {row}")),
                (x[column], top, x[column + 1], bottom),
                classes[is_positive],
                f"{measure}:{text}",
            )
            for column, is_positive, text in zip(
                here.tolist(), positive.tolist(), texts, strict=True
            )
        ]


def _along(origin: float, step: float, count: int) -> list[str]:
    """The edges of cells along one axis: cells side by side share the very same number."""
    return coordinate_texts(origin + np.arange(count + 1) * np.float64(step))


def _tile(identity: str, box: tuple[str, str, str, str], classification: str, measured: str) -> str:
    left, top, right, bottom = box
    return (
        f'{{"type":"Feature","id":"{identity}","geometry":{{"type":"Polygon","coordinates":'
        f"[[[{left},{top}],[{right},{top}],[{right},{bottom}],[{left},{bottom}],[{left},{top}]]]}},"
        f'"properties":{{"objectType":"tile","classification":{classification},'
        f'"measurements":{{{measured}}},"isLocked":true}}}}'
    )


def _positive(class_name: str) -> dict[str, Any]:
    return {"name": class_name, "color": POSITIVE_COLOUR}


def _annotation(
    region: Region, frame: GeoJsonFrame, namespace: uuid.UUID, probability: ProbabilityMap
) -> dict[str, Any]:
    parts = [_rings(polygon, frame) for polygon in region.outline]
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(namespace, f"region {region.number}")),
        # A MultiPolygon of one part is refused by some readers.
        "geometry": {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts},
        "properties": {
            "objectType": "annotation",
            "name": f"{probability.class_name} region {region.number}",
            "classification": _positive(probability.class_name),
            "measurements": {
                "area_mm2": round(region.area_mm2, 6),
                "diameter_mm": round(region.diameter_mm, 3),
                f"max_{probability.measure}": round(region.max_probability, 6),
                f"mean_{probability.measure}": round(region.mean_probability, 6),
                "cells": region.cells,
            },
            "metadata": {"coordinates": _WHERE[frame.origin]},
            "isLocked": True,
        },
    }


def _rings(polygon: OutlinePolygon, frame: GeoJsonFrame) -> list[list[list[float]]]:
    return [_rounded(ring - frame.offset) for ring in (polygon.shell, *polygon.holes)]


def _rounded(ring: NDArray[np.float64]) -> list[list[float]]:
    points: list[list[float]] = (ring.round(3) + 0.0).tolist()  # no "-0"
    return points


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
