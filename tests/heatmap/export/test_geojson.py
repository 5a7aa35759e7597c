"""GeoJSON for QuPath: its structure by schema, its geometry by shapely, its size in memory."""

from __future__ import annotations

import json
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import shapely.geometry

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.export.geojson import GeoJsonFrame, check_origin, write_geojson
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.regions import find_regions
from wsi_idc.slides.info import Bounds
from wsi_idc.slides.raster import Placement

SCHEMA = Path(__file__).parents[3] / "docs" / "heatmap-geojson.schema.json"
PLACEMENT = Placement(4321.0, 1234.0, 200 / 0.2527, 200 / 0.2431, 0.2527, 0.2431)
BOUNDS = Bounds(4321, 1234, 60_000, 40_000)
N = np.nan
VALUES = [
    [0.9, 0.9, 0.9, 0.1],
    [0.9, N, 0.9, 0.2],
    [0.9, 0.9, 0.9, N],
    [N, N, N, N],
    [0.1, N, N, 0.7],
]


def a_map(values: Any = VALUES, placement: Placement = PLACEMENT) -> ProbabilityMap:
    return ProbabilityMap(np.array(values, dtype=np.float32), placement)


def written(path: Path, probability: ProbabilityMap, **change: Any) -> Path:
    options: dict[str, Any] = {
        "threshold": 0.5,
        "frame": GeoJsonFrame("bounds", BOUNDS),
        "name": "Fall 7 µ",
        "identity": {"slide": "f" * 64, "settings": {"stride": 25}},
    } | change
    write_geojson(path, probability, find_regions(probability, options["threshold"]), **options)
    return path


def objects(path: Path, kind: str) -> list[dict[str, Any]]:
    features = json.loads(path.read_text(encoding="ascii"))["features"]
    return [feature for feature in features if feature["properties"]["objectType"] == kind]


@pytest.fixture(scope="module")
def validator() -> Any:
    import jsonschema  # seconds, which collecting tests does without

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_it_has_the_structure_that_qupath_reads(tmp_path: Path, validator):
    noise = np.random.default_rng(1).random((20, 30))
    noise[noise < 0.2] = np.nan
    for number, values in enumerate((VALUES, noise, [[N]], [[0.0]], [[1.0]])):
        path = written(tmp_path / f"{number}.geojson", a_map(values))
        validator.validate(json.loads(path.read_text(encoding="ascii")))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda feature: feature["properties"]["classification"].pop("color"),
        lambda feature: feature.update(objectType="tile"),
        lambda feature: feature.update(id="patch_12"),
        lambda feature: feature["geometry"].update(type="MultiPolygon"),
    ],
)
def test_the_schema_refuses_what_qupath_does_not_read(tmp_path: Path, validator, break_it):
    content = json.loads(written(tmp_path / "a.geojson", a_map()).read_text())
    break_it(content["features"][-1])
    assert not validator.is_valid(content)


def test_every_assessed_cell_is_a_tile_with_its_value_and_class(tmp_path: Path):
    path = written(tmp_path / "a.geojson", a_map())
    tiles = objects(path, "tile")
    assert len(tiles) == 12
    found = {}
    for tile in tiles:
        left, top, right, bottom = shapely.geometry.shape(tile["geometry"]).bounds
        column, row = left / PLACEMENT.pixel_width, top / PLACEMENT.pixel_height
        assert (right - left, bottom - top) == pytest.approx(
            (PLACEMENT.pixel_width, PLACEMENT.pixel_height), abs=0.002
        )
        assert (column, row) == pytest.approx((round(column), round(row)), abs=1e-5)
        value = tile["properties"]["measurements"]["prob_idc"]
        assert tile["properties"]["classification"]["name"] == ("IDC" if value >= 0.5 else "no IDC")
        found[round(row), round(column)] = np.float32(value)
    expected = a_map().values
    assert found == {(r, c): expected[r, c] for r, c in np.argwhere(np.isfinite(expected))}


def test_regions_are_annotations_with_holes_and_single_parts_are_polygons(tmp_path: Path):
    ring, alone = objects(written(tmp_path / "a.geojson", a_map()), "annotation")
    outline = shapely.geometry.shape(ring["geometry"])
    assert ring["geometry"]["type"] == alone["geometry"]["type"] == "Polygon"
    assert outline.is_valid
    assert len(outline.interiors) == 1
    assert outline.exterior.is_ccw  # as RFC 7946 wants it
    cell = PLACEMENT.pixel_width * PLACEMENT.pixel_height
    assert outline.area == pytest.approx(8 * cell, rel=1e-5)
    assert ring["properties"]["measurements"]["area_mm2"] == pytest.approx(8 * 0.04)
    both = a_map([[0.9, 0.1], [0.1, 0.9]])
    (oblique,) = objects(written(tmp_path / "b.geojson", both), "annotation")
    assert oblique["geometry"]["type"] == "MultiPolygon"
    assert shapely.geometry.shape(oblique["geometry"]).is_valid


def test_the_origin_is_that_of_the_bounds_or_of_the_slide_and_said(tmp_path: Path):
    corners = {}
    for origin in ("bounds", "slide"):
        path = written(tmp_path / f"{origin}.geojson", a_map(), frame=GeoJsonFrame(origin, BOUNDS))
        said = json.loads(path.read_text())["wsi_idc"]
        corners[origin] = objects(path, "tile")[0]["geometry"]["coordinates"][0][0]
        assert said["origin"] == origin
        (metadata,) = {
            a["properties"]["metadata"]["coordinates"] for a in objects(path, "annotation")
        }
        assert metadata == said["coordinates"]
        x, y = said["origin_in_level0"]
        assert [corners[origin][0] + x, corners[origin][1] + y] == [4321.0, 1234.0]
    assert corners == {"bounds": [0, 0], "slide": [4321, 1234]}
    with pytest.raises(SettingsError, match="slide or bounds"):
        check_origin("qupath")


def test_uuids_are_derived_unique_and_tell_maps_apart(tmp_path: Path):
    first = written(tmp_path / "a.geojson", a_map())
    assert written(tmp_path / "b.geojson", a_map()).read_bytes() == first.read_bytes()

    def identities(path: Path) -> list[str]:
        return [feature["id"] for feature in json.loads(path.read_text())["features"]]

    ours = identities(first)
    assert len(set(ours)) == len(ours)
    assert {uuid.UUID(identity).version for identity in ours} == {5}
    for change in ({"identity": {"slide": "e" * 64}}, {"threshold": 0.4}):
        assert not set(ours) & set(identities(written(tmp_path / "c.geojson", a_map(), **change)))


def test_memory_does_not_grow_with_the_number_of_cells(tmp_path: Path):
    def peak(rows: int) -> int:
        probability = a_map(np.full((rows, 400), 0.25))
        tracemalloc.start()
        path = written(tmp_path / f"{rows}.geojson", probability)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert path.stat().st_size > 350 * rows * 400
        path.unlink()
        return most

    # 4,000 and 40,000 cells are 1.5 and 15 MB of text; only the map's own arrays may grow.
    small, large = peak(10), peak(100)
    assert large - small < 10 * 4 * 36_000
    assert large < 3_000_000
