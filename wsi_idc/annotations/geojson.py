"""GeoJSON as QuPath exports it, and plain GeoJSON.

A file is a FeatureCollection, an array of features, one feature, or a bare geometry. QuPath
writes rectangles and ellipses as polygons. An object's class is its `classification` (an object
with `name` or `names`, or a string), else its `name`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wsi_idc.annotations.regions import ParsedFile, Region, checked_ring, class_name_of
from wsi_idc.errors import AnnotationError

# QuPath's name of the object type has changed over its versions.
_TYPE_KEYS = ("objectType", "object_type", "type")
# What people draw. Cells and tiles are found by programs: a hundred thousand nuclei that are
# called tumour are not an outline of tumour.
_DRAWN = {"annotation", "path_annotation_object", "pathannotationobject"}
_WITHOUT_AREA = {
    "Point": "points",
    "MultiPoint": "points",
    "LineString": "lines",
    "MultiLineString": "lines",
}
_GEOMETRIES = {*_WITHOUT_AREA, "Polygon", "MultiPolygon", "GeometryCollection"}
# Deeper than any program nests; the reader's own stack ends at some thousand.
_DEEPEST = 20


def parse_geojson(content: Any) -> ParsedFile:
    """Find the regions of a parsed JSON text.

    Raises
    ------
    AnnotationError
        If it is no GeoJSON; the message says where, but not in which file.
    """
    parsed = ParsedFile("GeoJSON")
    for where, feature in _features(content):
        _add_feature(parsed, feature, where, 0)
    return parsed


def _features(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, list):
        return ((f"features[{index}]", feature) for index, feature in enumerate(content))
    if not isinstance(content, dict):
        raise AnnotationError("it is JSON, but no GeoJSON object; export it as GeoJSON")
    kind = _type(content)
    if kind == "FeatureCollection":
        features = content.get("features")
        if not isinstance(features, list):
            raise AnnotationError("it is a FeatureCollection without features; export it again")
        return _features(features)
    if kind == "Feature":
        return iter([("the feature", content)])
    if kind in _GEOMETRIES:
        return iter([("the geometry", {"type": "Feature", "geometry": content})])
    raise AnnotationError(
        f"it is JSON of type {str(kind)[:60]!r}, and not a FeatureCollection, Feature or "
        "geometry; export it as GeoJSON"
    )


def _add_feature(parsed: ParsedFile, feature: Any, where: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise AnnotationError(f"{where} is nested more than {_DEEPEST} deep; export it again")
    if _type(feature) in _GEOMETRIES:
        feature = {"type": "Feature", "geometry": feature}
    if not isinstance(feature, dict) or _type(feature) != "Feature":
        raise AnnotationError(f"{where} is no GeoJSON feature; export the file again")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise AnnotationError(f"{where} has properties that are no object; export the file again")
    kind = _object_type(feature, properties)
    if kind in _DRAWN:
        name = class_name_of(_classification(properties), properties.get("name"))
        polygons = list(_polygons(parsed, feature.get("geometry"), where, 0))
        if polygons:
            parsed.regions.append(Region(where, name, polygons))
    else:
        parsed.skipped[f"objects of type {kind}"] += 1
    children = properties.get("childObjects") or []
    if isinstance(children, list):
        for index, child in enumerate(children):
            _add_feature(parsed, child, f"{where}.childObjects[{index}]", depth + 1)


def _object_type(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    """In small letters; some programs write it beside the properties in place of into them."""
    named = [properties.get(key) for key in _TYPE_KEYS]
    beside = [feature.get(key) for key in _TYPE_KEYS[:2]]
    for value in (*named, *beside):
        if isinstance(value, str) and value:
            return value.lower()
    return "annotation"


def _classification(properties: dict[str, Any]) -> str | None:
    classification = properties.get("classification")
    if isinstance(classification, dict):
        names = classification.get("names")
        if isinstance(names, list) and names and not classification.get("name"):
            return ": ".join(str(name) for name in names)
        classification = classification.get("name")
    return classification if isinstance(classification, str) else None


def _polygons(parsed: ParsedFile, geometry: Any, where: str, depth: int) -> Iterator[list[Any]]:
    """Rings of each polygon of a geometry; what has no area is counted."""
    if geometry is None:
        parsed.skipped["objects without a geometry"] += 1
        return
    kind = _type(geometry)
    if kind not in _GEOMETRIES or depth > _DEEPEST:
        raise AnnotationError(
            f"{where} has a geometry of type {str(kind)[:60]!r}; export the file again"
        )
    if kind in _WITHOUT_AREA:
        parsed.skipped[_WITHOUT_AREA[kind]] += 1
    elif kind == "GeometryCollection":
        for part in _listed(geometry.get("geometries"), where):
            yield from _polygons(parsed, part, where, depth + 1)
    else:
        coordinates = _listed(geometry.get("coordinates"), where)
        for rings in [coordinates] if kind == "Polygon" else coordinates:
            yield [checked_ring(ring, where) for ring in _listed(rings, where)]


def _type(of: Any) -> str | None:
    """The type of an object; None where it is none, or its type is no text."""
    kind = of.get("type") if isinstance(of, dict) else None
    return kind if isinstance(kind, str) else None


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise AnnotationError(f"{where} has a geometry without coordinates; export the file again")
    return value
