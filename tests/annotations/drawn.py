"""Annotation files written by code, as QuPath, ASAP and ImageScope write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from wsi_idc.annotations.annotation_set import AnnotationSet

Points = Sequence[tuple[float, float]]


def areas(annotations: AnnotationSet) -> dict[str, float]:
    """The area of each class, square pixels."""
    return {name: annotations.union([name]).geometry.area for name in annotations.classes}


def square(x: float, y: float, side: float) -> list[tuple[float, float]]:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def feature(*rings: Points, name: str | None = "Tumor", **properties: Any) -> dict[str, Any]:
    """A polygon of QuPath; rings are closed, the first is the outer one."""
    if name is not None:
        properties["classification"] = {"name": name, "color": [200, 0, 0]}
    return {
        "type": "Feature",
        "id": "c0ffee00-0000-4000-8000-000000000000",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[*map(list, ring), list(ring[0])] for ring in rings],
        },
        "properties": {"objectType": "annotation", **properties},
    }


def write_geojson(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def write_asap(path: Path, *outlines: tuple[str, str, Points]) -> Path:
    """Outlines are (type, group, points)."""
    lines = ['<?xml version="1.0"?>', "<ASAP_Annotations>", "<Annotations>"]
    for index, (kind, group, points) in enumerate(outlines):
        lines.append(
            f'<Annotation Name="Annotation {index}" Type="{kind}" PartOfGroup={quoteattr(group)} '
            'Color="#F4FA58"><Coordinates>'
        )
        lines += [
            f'<Coordinate Order="{order}" X="{x!r}" Y="{y!r}" />'
            for order, (x, y) in enumerate(points)
        ]
        lines.append("</Coordinates></Annotation>")
    lines += ["</Annotations>", "<AnnotationGroups>"]
    lines += [
        f'<Group Name={quoteattr(group)} PartOfGroup="None" Color="#64FE2E"><Attributes /></Group>'
        for group in sorted({group for _, group, _ in outlines})
    ]
    lines += ["</AnnotationGroups>", "</ASAP_Annotations>"]
    path.write_text("\n".join(lines))
    return path


def region(points: Points, kind: int = 0, negative: int = 0, text: str = "") -> str:
    vertices = "".join(f'<Vertex X="{x!r}" Y="{y!r}" Z="0"/>' for x, y in points)
    return (
        f'<Region Id="7" Type="{kind}" Text={quoteattr(text)} NegativeROA="{negative}">'
        f"<Attributes/><Vertices>{vertices}</Vertices></Region>"
    )


def write_imagescope(path: Path, *layers: tuple[str, Sequence[str]], description: str = "") -> Path:
    """Layers are (name, regions)."""
    parts = [
        f'<Annotation Id="{number}" Name={quoteattr(name)} Type="4" LineColor="65280">'
        f"<Attributes><Attribute Id='0' Name='Description' Value={quoteattr(description)}/>"
        f"</Attributes><Regions><RegionAttributeHeaders/>{''.join(regions)}</Regions></Annotation>"
        for number, (name, regions) in enumerate(layers, start=1)
    ]
    path.write_text(f'<Annotations MicronsPerPixel="0.25">{"".join(parts)}</Annotations>')
    return path
