"""Hostile annotation files: GeoJSON, ASAP and ImageScope XML, and what they come packed in."""

from __future__ import annotations

import gzip
import io
import json
import math
import zipfile
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.damage import damaged

from wsi_idc.annotations.reading import read_annotations
from wsi_idc.slides.raster import Placement

SQUARE = [[0, 0], [400, 0], [400, 300], [0, 300], [0, 0]]

_ODD_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "9" * 400, "9" * 5000)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "1", "", [], {}, [[]], [1], [1, None], ["1", "2"], {"x": 1}, 1e300, -1e-300),
    *(10**30, "\ud800", "\0", "a" * 100_000, [[0, 0], [0, 0], [0, 0]]),
)
_NAMES = ("Tumor", "\ud800", "a\nb\rc", "\0\x1b[31m", "x" * 100_000, "…ß漢字 𝔘", "", " ", "../../x")


def use(path: Path) -> None:
    """What the program does with a file of drawn areas."""
    drawn = read_annotations(path)
    _ = drawn.notes, drawn.matching(["tumor", "idc"])
    area = drawn.union()
    area.area_px()
    left, top = np.meshgrid(np.arange(0, 500, 100.0), np.arange(0, 500, 100.0))
    area.fraction_of(left.ravel(), top.ravel(), 100.0, 100.0)
    area.rasterise(Placement(0, 0, 10, 10, 0.5, 0.5), (40, 50))
    _ = area.sha256


def attempt(path: Path, content: bytes, about: str) -> Attempt:
    path.write_bytes(content)
    return Attempt(partial(use, path), (path.name,), f"{path.name}: {about}")


def feature(rings: Any, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": rings},
        "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}}
        | properties,
    }


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def circle(points: int, radius: float = 300.0) -> list[list[float]]:
    angle = np.linspace(0, 2 * math.pi, points)
    around = np.column_stack([np.cos(angle), np.sin(angle)]) * radius + 400
    ring: list[list[float]] = around.round(3).tolist()
    return [*ring[:-1], ring[0]]


def scribble(points: int, rng: Random) -> list[list[float]]:
    """An outline that crosses itself nearly as often as it has pairs of points."""
    return [[rng.uniform(0, 5000), rng.uniform(0, 5000)] for _ in range(points)]


def comb(teeth: int) -> list[list[float]]:
    """A valid outline of long parallel slants, whose boxes all overlap."""
    out = [
        point for x in range(teeth) for point in ([x, 0.0], [x + 5000.0, 5000.0], [x + 0.5, 0.0])
    ]
    return [*out, [float(teeth), -10.0], [0.0, -10.0], out[0]]


def geojson(bases: Bases, folder: Path, rng: Random) -> Attempt:
    path = folder / "drawn.geojson"
    which = rng.randrange(14)
    if which == 0:
        number = rng.choice(_ODD_NUMBERS)
        text = json.dumps(collection(feature([SQUARE]))).replace("400", number, 1)
        return attempt(path, text.encode(), f"the number {number[:9]}")
    if which == 1:
        content = json.loads(json.dumps(collection(feature([SQUARE]), feature([SQUARE]))))
        place, key = rng.choice(places(content))
        value = rng.choice(_ODD_VALUES)
        place[key] = value
        return attempt(path, json.dumps(content).encode(), f"{key} is {str(value)[:30]!a}")
    if which == 2:
        points = rng.choice([4, 5, 30, 300, 1000])
        content = collection(feature([scribble(points, rng)]))
        return attempt(path, json.dumps(content).encode(), f"scribble of {points} points")
    if which == 3:
        return attempt(path, *_deep(rng))
    if which == 4:
        content = collection(feature([circle(rng.choice([20_000, 100_000]))]))
        return attempt(path, json.dumps(content).encode(), "outline of many points")
    if which == 5:
        content = collection(*[feature([SQUARE])] * rng.choice([1000, 10_000]))
        return attempt(path, json.dumps(content).encode(), "many features")
    if which == 6:
        name = rng.choice(_NAMES)
        content = collection(feature([SQUARE], name=name, classification={"name": name}))
        return attempt(path, json.dumps(content).encode(), f"the class {name[:20]!a}")
    if which == 7:
        holes = [[[x + 10 * i for x in point] for point in SQUARE] for i in range(1, 20)]
        content = collection(feature([SQUARE, *holes]))
        return attempt(path, json.dumps(content).encode(), "holes that overlap and lie outside")
    if which == 8:
        content = collection(feature([comb(rng.choice([100, 3000]))]))
        return attempt(path, json.dumps(content).encode(), "comb")
    if which == 9:
        kind = rng.choice(["MultiPolygon", "Point", "LineString", "GeometryCollection", "Circle"])
        content = collection(feature(rng.choice([[SQUARE], [[SQUARE]], SQUARE, []]), kind))
        return attempt(path, json.dumps(content).encode(), f"as {kind}")
    if which == 10:
        line = [[0, 0], [100, 0], [50, 0], [100, 0], [0, 0]]
        content = collection(
            feature([rng.choice([line, [[1, 1]] * 9, [[0, 0], [1e-9, 0], [0, 1]]])])
        )
        return attempt(path, json.dumps(content).encode(), "an outline of no area")
    text = json.dumps(collection(feature([SQUARE], name="ß漢"), feature([circle(30)])))
    if which == 11:
        return attempt(path, *_encoded(text, rng))
    if which == 12:
        return attempt(path, *damaged(text.encode(), rng))
    return attempt(path, rng.randbytes(rng.choice([1, 10, 1000])), "random bytes")


def places(content: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as container and key."""
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    found = [(content, key) for key in keys]
    for key in keys:
        if isinstance(content[key], dict | list):
            found += places(content[key])
    return found


def _deep(rng: Random) -> tuple[bytes, str]:
    depth = rng.choice([19, 25, 900, 1100, 100_000])
    which = rng.randrange(4)
    if which == 0:
        return b"[" * depth + b"]" * depth, f"{depth:,} arrays in each other"
    if which == 1:
        inside = json.dumps(feature([SQUARE])["geometry"])
        head = '{"type":"GeometryCollection","geometries":['
        return (head * depth + inside + "]}" * depth).encode(), f"{depth:,} collections"
    if which == 2:
        inside = json.dumps(feature([SQUARE]))
        head = '{"type":"Feature","geometry":null,"properties":{"childObjects":['
        return (head * depth + inside + "]}}" * depth).encode(), f"{depth:,} children"
    text = json.dumps(feature([SQUARE], more="DEEP"))
    return text.replace('"DEEP"', '{"a":' * depth + "1" + "}" * depth).encode(), f"{depth:,} deep"


def _encoded(text: str, rng: Random) -> tuple[bytes, str]:
    encoding = rng.choice(["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp037"])
    content = text.encode(encoding, errors="replace")
    if rng.random() < 0.3:
        content += b"\0" * 7
    return content, encoding


def xml(bases: Bases, folder: Path, rng: Random) -> Attempt:
    path = folder / "drawn.xml"
    asap = rng.random() < 0.5
    text = _asap() if asap else _imagescope()
    which = rng.randrange(11)
    if which < 3:
        return attempt(path, *_with_entities(text, rng))
    if which == 3:
        depth = rng.choice([1000, 100_000])
        name = rng.choice(["a", "Annotation", "Region"])
        inside = f"<{name}>" * depth + f"</{name}>" * depth
        return attempt(path, text.replace("</", inside + "</", 1).encode(), f"{depth:,} deep")
    if which == 4:
        long = "9" * rng.choice([400, 10**6])
        return attempt(path, text.replace("400", long).encode(), "a long number")
    if which == 5:
        value = rng.choice(["nan", "inf", "", "0x10", "1_0", "１２", "1e400", "-0", "\x85", "1 2"])
        return attempt(path, text.replace("400", value).encode(), f"the number {value!a}")
    if which == 6:
        name = rng.choice(["&#10;", "&#xD83D;", "&lt;script&gt;", "x" * 100_000, "&#0;", ""])
        return attempt(path, text.replace("Tumor", name).encode(), f"the class {name[:9]!a}")
    if which == 7:
        encoding = rng.choice(["utf-16", "utf-7", "latin-1", "cp037", "no-such", "utf-32"])
        declared = f"<?xml version='1.0' encoding='{encoding}'?>"
        try:
            content = (declared + text).encode(encoding)
        except LookupError:
            content = (declared + text).encode()
        return attempt(path, content, f"encoding {encoding}")
    if which == 8:
        many = text.replace('"0"', f'"{rng.choice([3, 4, 5, 99, -1])}"')
        return attempt(path, many.encode(), "another type of region")
    if which == 9:
        more = "".join(f"<a{i} b='{i}'/>" for i in range(50_000))
        return attempt(path, text.replace("</", more + "</", 1).encode(), "50,000 elements more")
    return attempt(path, *damaged(text.encode(), rng))


def _asap() -> str:
    points = "".join(
        f'<Coordinate Order="{i}" X="{x}" Y="{y}"/>' for i, (x, y) in enumerate(SQUARE[:-1])
    )
    return (
        '<ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor">'
        f"<Coordinates>{points}</Coordinates></Annotation></Annotations></ASAP_Annotations>"
    )


def _imagescope() -> str:
    points = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in SQUARE[:-1])
    return (
        '<Annotations><Annotation Id="1" Name="Tumor"><Regions><Region Id="1" Type="0">'
        f"<Vertices>{points}</Vertices></Region></Regions></Annotation></Annotations>"
    )


def _with_entities(text: str, rng: Random) -> tuple[bytes, str]:
    laughs = "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(rng.choice([3, 12]))
    )
    head, about = rng.choice(
        [
            (f"<!DOCTYPE x [{laughs}]>", "a billion laughs"),
            (f'<!DOCTYPE x [<!ENTITY l2 "{"a" * 10**6}">]>', "a long entity"),
            ('<!DOCTYPE x [<!ENTITY l2 SYSTEM "file:///etc/passwd">]>', "another file"),
            ('<!DOCTYPE x [<!ENTITY % l2 SYSTEM "http://127.0.0.1:9/x"> %l2;]>', "the network"),
            ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', "a document type"),
        ]
    )
    used = text.replace("Tumor", "&l2;" * rng.choice([1, 1000]))
    return (head + used).encode(rng.choice(["utf-8", "utf-16"])), about


def packed(bases: Bases, folder: Path, rng: Random) -> Attempt:
    text = json.dumps(collection(feature([SQUARE]))).encode()
    if rng.random() < 0.4:
        path = folder / "drawn.geojson.gz"
        content = gzip.compress(text, mtime=0)
        changed, about = rng.choice(
            [
                (_blanks("gzip"), "256 MiB of blanks"),
                (content[:-9], "cut short"),
                (content + b"more", "more behind it"),
                (gzip.compress(content, mtime=0), "packed twice"),
                damaged(content, rng),
            ]
        )
        return attempt(path, changed, about)
    path = folder / "drawn.zip"
    which = rng.randrange(8)
    if which == 7:
        return attempt(path, _blanks("zip"), "zip of 256 MiB of blanks")
    members = [
        {"a.geojson": text, "b.geojson": text},
        {"../../a.geojson": text},
        {"/etc/a.geojson": text, "x" * 60_000: b""},
        {"a.geojson": text, **{f"{i}.txt": b"" for i in range(5000)}},
        {"a.geojson": b"", "__MACOSX/a.geojson": text},
        {"a\nb\0c.geojson": text},
        {"a.geojson": text},
    ][which]
    packings = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2]
    packing = rng.choice(packings) if which == 6 else zipfile.ZIP_STORED
    content, about = _zip(members, packing), f"zip of {', '.join(members)[:40]!a}"
    if which == 6:
        content, about = damaged(content, rng)
    return attempt(path, content, about)


def _zip(members: dict[str, bytes], packing: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, packing)
    return stream.getvalue()


@cache
def _blanks(how: str) -> bytes:
    """256 MiB of blanks, packed."""
    content = b" " * 2**28
    return gzip.compress(content, 1, mtime=0) if how == "gzip" else _zip({"a.json": content}, 8)


def huge(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """Ten million points: as one outline, or as many."""
    path = folder / "drawn.geojson"
    points, outlines = rng.choice([(10_000_000, 1), (1000, 10_000)])
    ring = json.dumps(circle(points // outlines * outlines if outlines == 1 else points))
    text = ",".join([json.dumps(feature("RING")).replace('"RING"', f"[{ring}]")] * outlines)
    content = b'{"type":"FeatureCollection","features":[' + text.encode() + b"]}"
    return attempt(path, content, f"{points:,} points in each of {outlines:,} outlines")


KINDS = {
    "annotation-geojson": Kind(geojson, 45, 1200),
    "annotation-xml": Kind(xml, 25, 600),
    "annotation-packed": Kind(packed, 8, 240, peak_mib=1100),
    "annotation-huge": Kind(huge, 0, 2, cpu_s=300, peak_mib=6000),
}
