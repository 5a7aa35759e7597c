"""Masks as polygons along their pixels' edges, to be looked at and edited in QuPath."""

from __future__ import annotations

from typing import Any

import numpy as np

from wsi_idc.slides.raster import SlideMask

TISSUE_CLASS = "Tissue"
"""Name of the class of the polygons, in what is written and in what is read back."""
_RGB = (0, 110, 60)


def outline_geojson(mask: SlideMask) -> dict[str, Any]:
    """A mask as a GeoJSON feature collection that QuPath opens.

    Corners are exact level-0 pixels: rasterised on the mask's own pixels, the polygons are the
    same mask again.
    """
    import shapely

    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": shapely.geometry.mapping(polygon),
                "properties": {
                    "objectType": "annotation",
                    "classification": {"name": TISSUE_CLASS, "color": list(_RGB)},
                },
            }
            for polygon in _polygons(mask)
        ],
    }


def _polygons(mask: SlideMask) -> list[Any]:
    """Polygons with holes, shapely, level-0 pixels, from the top down."""
    import shapely

    values = mask.values
    edges = np.diff(np.pad(values, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, left = np.nonzero(edges == 1)
    right = np.nonzero(edges == -1)[1]
    # Runs of a row as rectangles; in whole pixels, so that neighbours share their corners.
    united = shapely.union_all(shapely.box(left, row, right, row + 1))
    at = mask.placement

    origin, pixel = (at.origin_x, at.origin_y), (at.pixel_width, at.pixel_height)

    parts = shapely.get_parts(shapely.normalize(shapely.simplify(united, 0)))
    parts = parts[np.lexsort(shapely.bounds(parts)[:, 1::-1].T)] if len(parts) else parts
    return list(shapely.transform(parts, lambda corners: np.rint(corners) * pixel + origin))
