"""Hostile requests to the viewer: what a page would post, drawn on a slide."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzz.annotations import SQUARE, circle, collection, comb, feature, places, scribble
from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.commands import RefusedError
from fuzz.damage import damaged

_HERE = "http://127.0.0.1:8765"
_STATUSES = (200, 400, 403, 404, 405, 409, 413, 415, 422)
_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 1e300, 1e-300, "", "1", "\ud800", "\0", "x" * 50_000),
    *([], {}, [[]], [None], ["a", "b"], {"type": "Feature"}, "add", "cut", "new", "join"),
)


def _shape(rng: Random) -> dict[str, Any]:
    points = rng.choice([SQUARE, circle(50), scribble(30, rng), scribble(900, rng), comb(2000)])
    shape: dict[str, Any] = {"points": points}
    if rng.random() < 0.4:
        shape["radius"] = rng.choice([10, 1e-6, 1e7, 0])
    return shape


def _combine(rng: Random) -> tuple[str, Any]:
    base = rng.choice([None, [[SQUARE]], [[circle(100)], [SQUARE]], [[scribble(60, rng)]]])
    mode = rng.choice(["new", "add", "join", "cut"])
    return "/api/combine", {"base": base, "shape": _shape(rng), "mode": mode}


def _save(rng: Random) -> tuple[str, Any]:
    ring = rng.choice([SQUARE, circle(300), scribble(40, rng), scribble(900, rng)])
    name = rng.choice(["Tumor", "\ud800", "<script>", "x" * 100_000, "a\nb", ""])
    features = [feature([ring], name=name), feature([SQUARE])]
    version = rng.choice([None, None, None, "0" * 64, 7, [], {"a": 1}])
    return "/api/slides/section/drawings", {"features": features, "version": version}


def posted(bases: Bases, folder: Path, rng: Random) -> Attempt:
    address, content = rng.choice([_combine, _save])(rng)
    about = "as a page would send it"
    if rng.random() < 0.6:
        content = json.loads(json.dumps(content))
        place, key = rng.choice(places(content))
        place[key] = rng.choice(_ODD)
        about = f"{key} is {str(place[key])[:30]!a}"
    body = json.dumps(content).encode()
    which = rng.randrange(8)
    if which == 0:
        number = rng.choice(["1e999", "-1e999", "NaN", "9" * 5000, "1" + "0" * 400])
        body = body.replace(b"400", number.encode(), 1)
        body = body.replace(b'"name": "Tumor"', b'"name": "Tumor", "weight": ' + number.encode(), 1)
        about += f", a number {number[:9]}"
    elif which == 1:
        depth = rng.choice([500, 900, 5000, 100_000])
        deep = '{"a":' * depth + "1" + "}" * depth
        body = body.replace(b'"name": ', b'"more": ' + deep.encode() + b', "name": ', 1)
        about += f", {depth:,} deep"
    elif which == 2:
        body, about = damaged(body, rng)
    before = rng.choice([None, None, b"{", b"[]", b"7", json.dumps(collection()).encode()])
    file = folder / "annotations" / "section.geojson"
    if before is not None:
        file.parent.mkdir()
        file.write_bytes(before)

    def run() -> None:
        _post(bases, file.parent, address, body)

    return Attempt(
        run, (), f"{address}: {about}, {0 if before is None else len(before)} bytes before"
    )


def _post(bases: Bases, annotations: Path, address: str, body: bytes) -> None:
    from starlette.testclient import TestClient

    from wsi_idc.view import list_slides
    from wsi_idc.view.app import make_app
    from wsi_idc.view.entry import ViewSettings

    settings = ViewSettings(annotations=annotations)
    headers = {"Origin": _HERE, "Content-Type": "application/json"}
    with TestClient(make_app(list_slides([bases.section], settings)), base_url=_HERE) as client:
        answer = client.post(address, content=body, headers=headers)
        assert answer.status_code in _STATUSES, f"{answer.status_code}: {answer.text[:300]}"
        told = answer.json()
        again = client.get("/api/slides/section/drawings")
        assert again.status_code in (200, 400), f"{again.status_code}: {again.text[:300]}"
        if answer.status_code == 200 and "features" in told:
            assert again.json()["features"] == told["features"]
    if answer.status_code != 200:
        raise RefusedError(told["error"])


KINDS = {"drawing": Kind(posted, 40, 1000)}
