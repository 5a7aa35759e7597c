"""Annotations of Aperio ImageScope: layers of regions, some of which subtract.

A region's class is its layer's name, else the layer's description, else the region's text. A
name that ImageScope gave by itself (`Layer 1`) comes last.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wsi_idc.annotations.regions import (
    ParsedFile,
    Region,
    Ring,
    checked_ring,
    class_name_of,
    ellipse_ring,
    four_corners,
)
from wsi_idc.annotations.xml_numbers import number_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = "Annotations"

_FREEHAND, _RECTANGLE, _ELLIPSE = "0", "1", "2"
_WITHOUT_AREA = {"3": "lines", "4": "lines", "5": "points"}
_GIVEN_NAME = re.compile(r"(layer|annotation)?\s*\d*", re.IGNORECASE)


def parse_imagescope(root: Element) -> ParsedFile:
    """Find the regions below the root element.

    Raises
    ------
    AnnotationError
        If a region cannot be an area; the message says which.
    """
    parsed = ParsedFile("ImageScope XML")
    for number, layer in enumerate(root.iter("Annotation"), start=1):
        for index, region in enumerate(layer.iter("Region"), start=1):
            name, called = layer.get("Name", "")[:60], region.get("Id", str(index))[:20]
            where = f"layer {number} ({name!r}), region {called}"
            kind = region.get("Type") or _FREEHAND
            if kind not in (_FREEHAND, _RECTANGLE, _ELLIPSE):
                parsed.skipped[_WITHOUT_AREA.get(kind, f"regions of type {kind}")] += 1
                continue
            ring = _ring(region, kind, where)
            parsed.regions.append(
                Region(
                    where,
                    _class_of(layer, region),
                    [[ring]],
                    layer=number,
                    subtracts=region.get("NegativeROA") == "1",
                )
            )
    return parsed


def _class_of(layer: Element, region: Element) -> str:
    name = layer.get("Name", "")
    given = name if _GIVEN_NAME.fullmatch(name.strip()) else None
    described = [
        attribute.get("Value")
        for attribute in layer.findall("Attributes/Attribute")
        if attribute.get("Name") == "Description"
    ]
    return class_name_of(None if given is not None else name, *described, region.get("Text"), given)


def _ring(region: Element, kind: str, where: str) -> Ring:
    points = [
        (number_of(vertex, "X", where), number_of(vertex, "Y", where))
        for vertex in region.iter("Vertex")
    ]
    ring = checked_ring(points if kind == _FREEHAND else four_corners(points), where)
    # Two corners of the box around an ellipse, or four points on it; more are its outline.
    return ellipse_ring(ring) if kind == _ELLIPSE and len(points) <= 5 else ring
