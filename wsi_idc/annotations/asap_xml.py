"""Annotations of ASAP (`ASAP_Annotations`): polygons, rectangles and splines, classed by group.

ASAP's own masks take the points of a spline as a polygon's, and so does this parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsi_idc.annotations.regions import (
    ParsedFile,
    Region,
    Ring,
    checked_ring,
    class_name_of,
    four_corners,
)
from wsi_idc.annotations.xml_numbers import number_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = "ASAP_Annotations"

_AREAS = {"polygon", "rectangle", "spline"}
_WITHOUT_AREA = {"dot": "points", "pointset": "points", "measurement": "lines"}
# ASAP writes this where an annotation belongs to no group.
_NO_GROUP = "None"


def parse_asap(root: Element) -> ParsedFile:
    """Find the regions below the root element.

    Raises
    ------
    AnnotationError
        If an annotation cannot be an area; the message says which.
    """
    parsed = ParsedFile("ASAP XML")
    for index, annotation in enumerate(root.iter("Annotation"), start=1):
        where = f"annotation {index} ({annotation.get('Name', '')[:60]!r})"
        kind = annotation.get("Type", "Polygon").lower()
        if kind not in _AREAS:
            parsed.skipped[_WITHOUT_AREA.get(kind, f"objects of type {kind}")] += 1
            continue
        group = annotation.get("PartOfGroup")
        name = class_name_of(None if group == _NO_GROUP else group)
        parsed.regions.append(Region(where, name, [[_ring(annotation, kind, where)]]))
    return parsed


def _ring(annotation: Element, kind: str, where: str) -> Ring:
    coordinates = list(annotation.iter("Coordinate"))
    if all(coordinate.get("Order") for coordinate in coordinates):
        coordinates.sort(key=lambda coordinate: number_of(coordinate, "Order", where))
    points = [
        (number_of(coordinate, "X", where), number_of(coordinate, "Y", where))
        for coordinate in coordinates
    ]
    return checked_ring(four_corners(points) if kind == "rectangle" else points, where)
