"""Hostile result folders: what `view`, `render` and `evaluate` read of others' heatmaps."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from fuzz.annotations import places
from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.commands import RefusedError
from fuzz.damage import damaged
from fuzz.images import png, zeros
from fuzz.tiff_tags import Tiff

from wsi_idc.heatmap.predict import render_again
from wsi_idc.heatmap.result import read_result

_HERE = "http://127.0.0.1:8765"
_STATUSES = (200, 204, 307, 400, 404, 422)
_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**9, 10**400, 1e300, 1e-300, "", "x" * 100_000, "\ud800", [], {}, "\0"),
    *("../../../etc/passwd", "/etc/passwd", ["../../x"], "<script>", [[1]], {"x": 1}, 0.5, 3),
)


def _read(folder: Path) -> None:
    result = read_result(folder)
    _ = result.summary, result.regions, result.name


def _render(folder: Path) -> None:
    """Draw it again; nothing beyond its own folder may be touched."""
    outside = _listing(folder)
    try:
        render_again(folder, threshold=0.4, width_px=400)
    finally:
        assert _listing(folder) == outside


def _listing(folder: Path) -> set[str]:
    return {str(path) for path in folder.parent.rglob("*") if folder not in (path, *path.parents)}


def _view(folder: Path) -> None:
    from starlette.testclient import TestClient

    from wsi_idc.view import list_slides
    from wsi_idc.view.app import make_app
    from wsi_idc.view.entry import ViewSettings

    refused = None
    entries = list_slides([folder], ViewSettings())
    with TestClient(make_app(entries), base_url=_HERE) as client:
        name = f"/api/slides/{entries[0].key}"
        for address in (
            *("/api/slides", name, f"{name}/thumbnail.jpg", f"{name}/map", f"{name}/drawings"),
            *(f"{name}/regions?threshold=0.5", f"{name}/tiles/0/0/0.jpg"),
        ):
            answer = client.get(address, follow_redirects=False)
            told = f"{address}: {answer.status_code}: {answer.text[:300]!a}"
            assert answer.status_code in _STATUSES, told
            if answer.status_code >= 400:
                refused = refused or answer.json()["error"]
    if refused is not None:
        raise RefusedError(refused)


def altered(bases: Bases, folder: Path, rng: Random) -> Attempt:
    result = folder / "maps" / "mapped"
    shutil.copytree(bases.result, result)
    about = rng.choice([_summary, _summary, _summary, _file, _file, _map, _picture, _gone])(
        result, rng
    )
    use = rng.choice([_read, _read, _view, _view, _render])
    # Errors name the folder, a file in it, or its slide.
    names = ("mapped", "maps") if use is not _view else ()
    return Attempt(partial(use, result), names, f"{use.__name__[1:]}: {about}")


def _summary(result: Path, rng: Random) -> str:
    path = result / "summary.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    which = rng.randrange(8)
    if which == 0:
        depth = rng.choice([900, 3000, 100_000])
        path.write_text('{"a":' * depth + "1" + "}" * depth)
        return f"summary {depth:,} deep"
    if which == 1:
        names = rng.choice([["../../x"], ["idc", "../../evil"], "idc", [1], [None], ["idc"] * 99])
        content["model"] |= {"class_names": names, "shown_class": rng.choice(["idc", "../x", 1])}
        path.write_text(json.dumps(content))
        return f"classes {names!a}"[:60]
    if which == 2:
        content["display"]["width_px"] = rng.choice([10**9, 0, "400", None, 1.5])
        path.write_text(json.dumps(content))
        return f"width {content['display']['width_px']}"
    place, key = rng.choice(places(content))
    place[key] = rng.choice(_ODD)
    path.write_text(json.dumps(content))
    return f"{key} is {str(place[key])[:30]!a}"


def _file(result: Path, rng: Random) -> str:
    path = rng.choice(sorted(path for path in result.iterdir() if path.is_file()))
    content, about = damaged(path.read_bytes(), rng)
    path.write_bytes(content)
    return f"{path.name}: {about}"


def _map(result: Path, rng: Random) -> str:
    path = result / "probability.ome.tif"
    tiff = Tiff(path.read_bytes())
    directory = tiff.directories[0]
    entry = rng.choice(directory.entries)
    which = rng.randrange(4)
    if which == 0:
        for tag in (256, 257):
            size = directory.entry(tag)
            assert size is not None
            tiff.set_kind(size, 4)
            tiff.set_field(size, rng.choice([100_000, 2**31 - 1]))
        about = "a map of many cells"
    elif which == 1:
        laughs = "".join(
            f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10)
        )
        text = f"<!DOCTYPE x [{laughs}]><OME>&l9;</OME>".encode() + b"\0"
        entry = directory.entry(270)
        assert entry is not None
        tiff.set_count(entry, len(text))
        tiff.set_field(entry, len(tiff.content))
        tiff.content += text
        about = "a billion laughs in the map's description"
    elif which == 2:
        at = tiff.content.find(b"columns")
        tiff.content[at + 9 : at + 12] = rng.choice([b"-99", b"999", b"nan", b"&l;"])
        about = "another number of columns"
    else:
        value = rng.choice([0, 1, 2**16 - 1, 2**32 - 1])
        tiff.set_value(entry, value)
        about = f"tag {entry.tag} is {value}"
    path.write_bytes(tiff.content)
    return about


def _picture(result: Path, rng: Random) -> str:
    side = rng.choice([1, 4000, 30_000, 2**31 - 1])
    content = png(side, side, zeros(side * (3 * side + 1)) if side == 4000 else zeros(99))
    name = rng.choice(["thumbnail.png", "tissue.png"])
    (result / name).write_bytes(content)
    return f"{name} of {side:,} px"


def _gone(result: Path, rng: Random) -> str:
    path = rng.choice(sorted(result.iterdir()))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    how = rng.choice(["gone", "a folder", "a pipe", "a link to itself", "a link to /dev/zero"])
    if how == "a folder":
        path.mkdir()
    elif how == "a pipe":
        os.mkfifo(path)
    elif how.startswith("a link"):
        path.symlink_to(path.name if how.endswith("itself") else "/dev/zero")
    return f"{path.name} is {how}"


KINDS = {"result-folder": Kind(altered, 40, 1200)}
