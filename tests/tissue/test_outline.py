"""Masks as GeoJSON: corners to the exact float, holes, and the very mask back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wsi_idc.annotations.reading import read_annotations
from wsi_idc.slides.raster import Placement, SlideMask
from wsi_idc.tissue import outline_geojson

AT = Placement(1000.5, 77.0, 61.3, 64.7, 0.261, 0.247)


def test_corners_and_holes_are_exact_level_0_pixels() -> None:
    values = np.zeros((6, 7), bool)
    values[1:5, 2:6] = True
    values[2, 3] = False
    (feature,) = outline_geojson(SlideMask(values, AT))["features"]
    outer, hole = (np.array(ring) for ring in feature["geometry"]["coordinates"])
    assert len(outer) == len(hole) == 5
    left, top = 1000.5 + 2 * 61.3, 77.0 + 64.7
    assert outer.min(axis=0).tolist() == [2 * 61.3 + 1000.5, 64.7 + 77.0] == [left, top]
    assert outer.max(axis=0).tolist() == [6 * 61.3 + 1000.5, 5 * 64.7 + 77.0]
    assert hole.min(axis=0).tolist() == [3 * 61.3 + 1000.5, 2 * 64.7 + 77.0]
    assert feature["properties"]["classification"]["name"] == "Tissue"


def test_any_mask_comes_back_pixel_for_pixel(tmp_path: Path) -> None:
    """Speckle has corners that touch, holes in pieces and pieces in holes."""
    values = np.random.default_rng(0).random((60, 83)) < 0.5
    path = tmp_path / "mask.geojson"
    path.write_text(json.dumps(outline_geojson(SlideMask(values, AT))))
    back = read_annotations(path).union().rasterise(AT, values.shape)
    np.testing.assert_array_equal(back.values, values)


def test_an_empty_mask_has_no_polygon() -> None:
    assert outline_geojson(SlideMask(np.zeros((3, 4), bool), AT))["features"] == []
