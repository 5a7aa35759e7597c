from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from annotations.drawn import areas, feature, square, write_geojson
from hypothesis import given, settings
from hypothesis import strategies as st

from wsi_idc.annotations.annotation_set import AnnotationSet, annotation_set
from wsi_idc.annotations.geojson import parse_geojson
from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError

SQUARE = feature(square(10, 20, 100))


def read(tmp_path: Path, content: Any) -> AnnotationSet:
    path = tmp_path / "slide.geojson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_annotations(path)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"type": "FeatureCollection", "features": [SQUARE]}, "Tumor"),
        ([SQUARE], "Tumor"),
        (SQUARE, "Tumor"),
        (SQUARE["geometry"], "unclassified"),
        ([SQUARE["geometry"]], "unclassified"),
        ({"type": "GeometryCollection", "geometries": [SQUARE["geometry"]]}, "unclassified"),
        (feature(square(0, 0, 100), name=None, classification="IDC"), "IDC"),
        (feature(square(0, 0, 100), name=None), "unclassified"),
        (feature(square(0, 0, 100), name=None, classification={"names": ["A", "B"]}), "A: B"),
        (feature(square(0, 0, 100), name=None, classification={"name": None}), "unclassified"),
        (feature(square(0, 0, 100), name=" Tumor "), "Tumor"),
    ],
)
def test_every_form_of_a_file_is_read(tmp_path: Path, content: Any, name: str) -> None:
    assert areas(read(tmp_path, content)) == {name: 10_000.0}


def test_an_object_s_own_name_stands_in_for_a_class(tmp_path: Path) -> None:
    named = feature(square(0, 0, 10), name=None) | {"properties": {"name": "IDC"}}
    assert areas(read(tmp_path, named)) == {"IDC": 100.0}


def test_holes_and_several_polygons_of_one_object(tmp_path: Path) -> None:
    ring = feature(square(0, 0, 100), square(10, 10, 50))
    both = {
        "type": "Feature",
        "geometry": {
            "type": "MultiPolygon",
            "coordinates": [
                ring["geometry"]["coordinates"],
                feature(square(500, 0, 10))["geometry"]["coordinates"],
            ],
        },
        "properties": {"classification": "Tumor"},
    }
    assert areas(read(tmp_path, both)) == {"Tumor": 7500.0 + 100.0}


def test_only_what_was_drawn_counts_and_the_rest_is_said(tmp_path: Path) -> None:
    cell = feature(square(0, 0, 10), objectType="cell")
    tile = feature(square(0, 0, 10), objectType="tile")
    beside = {**SQUARE, "properties": {}, "objectType": "detection"}
    old = {**SQUARE, "properties": {"object_type": "annotation"}}
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}
    line = {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}
    content = [cell, cell, tile, beside, old, point, line, {"type": "Feature", "geometry": None}]
    annotations = read(tmp_path, content)
    assert areas(annotations) == {"unclassified": 10_000.0}
    assert annotations.skipped == {
        "objects of type cell": 2,
        "objects of type tile": 1,
        "objects of type detection": 1,
        "points": 1,
        "lines": 1,
        "objects without a geometry": 1,
    }
    assert "2 objects of type cell skipped: they are no drawn areas" in annotations.notes


def test_children_of_an_object_are_read(tmp_path: Path) -> None:
    child = feature(square(0, 0, 10), name="Stroma")
    parent = feature(square(0, 0, 20), childObjects=[child])
    assert areas(read(tmp_path, parent)) == {"Tumor": 400.0, "Stroma": 100.0}


def test_outlines_that_cross_themselves_are_mended(tmp_path: Path) -> None:
    bow_tie = feature([(0, 0), (10, 10), (10, 0), (0, 10)])
    # Round twice with a loop: all that the pen went round is inside.
    twice = feature([*square(100, 0, 10), *square(100, 0, 8)], name="Twice")
    annotations = read(tmp_path, [bow_tie, twice, SQUARE])
    assert areas(annotations)["Twice"] == 100.0
    assert annotations.repaired == 2
    assert annotations.notes == ("2 outlines that crossed themselves were mended",)
    assert annotations.polygons["Tumor"][0].area + annotations.polygons["Tumor"][1].area == 50.0


def test_open_rings_and_heights_of_points_are_taken(tmp_path: Path) -> None:
    ring = [[0, 0, 5], [10, 0, 5], [10, 10, 5], [0, 10, 5]]
    assert areas(read(tmp_path, {"type": "Polygon", "coordinates": [ring]})) == {
        "unclassified": 100.0
    }


@pytest.mark.parametrize(
    ("coordinates", "said"),
    [
        ([[[0, 0], [1, 1]]], "has 2 different points"),
        ([[[0, 0], [1, 1], [0, 0], [1, 1]]], "has 2 different points"),
        ([[[0, 0], [1, 1], [2, 2]]], "encloses no area"),
        ([[[0, 0], [1, "1"], [2, 0]]], "no x and y"),
        ([[[0, 0], [True, 1], [2, 0]]], "no x and y"),
        ([[[0, 0], [1], [2, 0]]], "no x and y"),
        ([[0, 0], [1, 1], [2, 0]], "no list of points"),
        ([[[0, 0], [1e9, 1], [2, 0]]], "on no slide"),
        ([[[0, 0], [10**400, 1], [2, 0]]], "on no slide"),
        ([], "without coordinates"),
        (None, "without coordinates"),
    ],
)
def test_what_cannot_be_an_area_is_named_by_its_index(
    tmp_path: Path, coordinates: Any, said: str
) -> None:
    bad = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": coordinates}}
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path, [SQUARE, bad])
    message = str(caught.value)
    assert said in message and "features[1]" in message and "slide.geojson" in message
    assert "\n" not in message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, number: str) -> None:
    text = '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,' + number + "]]]}"
    with pytest.raises(AnnotationError, match=r"slide\.geojson"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "Topology"}, "type 'Topology'"),
        ({"type": "FeatureCollection"}, "without features"),
        ([1], "features.0. is no GeoJSON feature"),
        ([{"type": "Feature", "geometry": {"type": "Circle"}}], "geometry of type 'Circle'"),
        ([{**SQUARE, "properties": []}, {**SQUARE, "properties": [1]}], "properties"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        read(tmp_path, content)


def test_a_collection_without_features_has_no_classes(tmp_path: Path) -> None:
    annotations = read_annotations(write_geojson(tmp_path / "none.geojson"))
    assert annotations.classes == ()
    assert annotations.union().is_empty


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["Feature", "Polygon", "MultiPolygon", "GeometryCollection"])},
            optional=dict.fromkeys(("geometry", "coordinates", "geometries", "properties"), inside),
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_JSON)
def test_any_json_is_read_or_refused_with_a_message(content: Any) -> None:
    try:
        annotations = annotation_set(parse_geojson(content))
    except AnnotationError as error:
        assert str(error)
    else:
        assert all(p.is_valid for parts in annotations.polygons.values() for p in parts)


_COORDINATE = st.integers(0, 6).map(float)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_COORDINATE, _COORDINATE), min_size=3, max_size=9))
def test_any_outline_becomes_valid_or_is_refused(points: list[tuple[float, float]]) -> None:
    try:
        annotations = annotation_set(parse_geojson(feature(points)))
    except AnnotationError:
        return
    left, top = map(min, zip(*points, strict=True))
    right, bottom = map(max, zip(*points, strict=True))
    for polygon in annotations.polygons["Tumor"]:
        assert polygon.is_valid and polygon.area > 0
    assert annotations.union().area_px() <= (right - left) * (bottom - top) + 1e-9
