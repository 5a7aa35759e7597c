"""What the viewer refuses is said in words that help, on the page as on the terminal."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from annotations.drawn import feature, square
from slide_factory import position_slide
from starlette.testclient import TestClient
from told_messages import check_told, says
from viewer_results import MappedSlide, make_mapped_slide

from wsi_idc.heatmap.result import read_summary
from wsi_idc.view import list_slides, serve
from wsi_idc.view.app import make_app
from wsi_idc.view.drawings import read_drawings, save_drawings
from wsi_idc.view.entry import ViewSettings
from wsi_idc.view.map_data import read_map
from wsi_idc.view.saved_picture import SavedPicture
from wsi_idc.view.shapes import combine

HERE = "http://127.0.0.1:8765"
CORNERS = [[0, 0], [9, 0], [0, 9]]


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> MappedSlide:
    return make_mapped_slide(tmp_path_factory.mktemp("mapped"))


@pytest.fixture(scope="module")
def client(mapped: MappedSlide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    bare, _ = position_slide(tmp_path_factory.mktemp("bare"), 300, 200, 0.5, (1,), name="bare")
    entries = list_slides([mapped.results, bare], ViewSettings(slides=mapped.slide.parent))
    with TestClient(make_app(entries), base_url=HERE) as client:
        yield client


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("no such slide", "/api/slides/absent"),
        ("no such tile", "/api/slides/mapped/tiles/0/99/0.jpg"),
        ("no such file", "/static/absent.js"),
        ("this slide has no map", "/api/slides/bare/map"),
        ("the threshold must lie between 0 and 1", "/api/slides/mapped/regions?threshold=2"),
        ("no class …; the maps are of …", "/api/slides/mapped/map?class=dcis"),
    ],
)
def test_questions(message: str, path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert says(message).fullmatch(answer.json()["error"])


@pytest.mark.parametrize(
    ("message", "path", "content"),
    [
        ("what was sent is no JSON object", "/api/combine", b"[1]"),
        ("what was sent is no JSON object", "/api/combine", b'{"base": NaN}'),
        ("too much was sent", "/api/combine", b" " * 200),
        ("what was sent holds no list of features", "/api/slides/bare/drawings", b"{}"),
    ],
)
def test_what_is_sent(
    message: str, path: str, content: bytes, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsi_idc.view.app._MOST_SENT", 100)
    headers = {"Origin": HERE, "Content-Type": "application/json"}
    answer = client.post(path, content=content, headers=headers)
    assert answer.status_code in (400, 413)
    assert answer.json() == {"error": message}


@pytest.mark.parametrize(
    ("message", "base", "shape", "mode"),
    [
        ("the mode must be one of …, not …", None, {"points": CORNERS}, "xor"),
        ("what was drawn is no shape", None, CORNERS, "add"),
        ("an outline needs three points", None, {"points": CORNERS[:2]}, "add"),
        ("the brush has no size", None, {"points": CORNERS, "radius": 0}, "add"),
        ("a shape has no points, or too many", None, {"points": []}, "add"),
        ("a shape has a point …, which is no x and y", None, {"points": [[1]]}, "add"),
        ("a shape has a point that lies on no slide", None, {"points": [[1e9, 0]]}, "add"),
        ("the region is no list of polygons", {}, {"points": CORNERS}, "add"),
        ("the region has a polygon without rings", [[]], {"points": CORNERS}, "add"),
        ("the region has a ring of too few points", [[CORNERS]], {"points": CORNERS}, "add"),
    ],
)
def test_shapes(message: str, base: Any, shape: Any, mode: str) -> None:
    check_told(message, lambda: combine(base, shape, mode))


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (
            "…: holds more than features; export it as FeatureCollection",
            json.dumps({"type": "FeatureCollection", "features": [square(0, 0, 9)]}).replace(
                str(json.dumps(square(0, 0, 9))),
                json.dumps({"type": "Polygon", "coordinates": [square(0, 0, 9)]}),
            ),
        ),
    ],
)
def test_drawings(message: str, content: str, tmp_path: Path) -> None:
    (tmp_path / "drawn.geojson").write_text(content)
    check_told(message, lambda: read_drawings(tmp_path / "drawn.geojson"))


def test_drawings_of_another_kind(tmp_path: Path) -> None:
    """Packed ones can be read, and not be written back."""
    import gzip

    file = tmp_path / "drawn.geojson"
    packed = {"type": "FeatureCollection", "features": [feature(square(0, 0, 9))]}
    file.write_bytes(gzip.compress(json.dumps(packed).encode()))
    check_told(
        "…: is not plain GeoJSON (…), which alone can be drawn on; unpack it, or choose another "
        "folder with --annotations",
        lambda: read_drawings(file),
    )


def test_drawings_that_another_has_changed(tmp_path: Path) -> None:
    (tmp_path / "drawn.geojson").write_text("{}")
    check_told(
        "… was changed by someone else since this page read it; reload the page to see what is "
        "there now",
        lambda: save_drawings(tmp_path / "drawn.geojson", [feature(square(0, 0, 9))], None),
    )


def other_slide(mapped: MappedSlide, folder: Path) -> Path:
    """Another slide of the name of the one that was mapped."""
    (folder / "other").mkdir()
    return position_slide(folder / "other", 640, 480, 2.0, (1,), name=mapped.slide.stem)[0]


@pytest.mark.parametrize(
    ("message", "act"),
    [
        (
            "… is the map of another file than …: make it again, or give the right folder with "
            "--results",
            lambda mapped, folder: list_slides(
                [other_slide(mapped, folder)], ViewSettings(results=mapped.results)
            ),
        ),
        (
            "two slides are named …; look at one of them at a time",
            lambda mapped, folder: list_slides(
                [mapped.results, make_mapped_slide(folder).results], ViewSettings()
            ),
        ),
        (
            "…: the picture kept with the map cannot be read; make the heatmap again",
            lambda mapped, folder: SavedPicture(folder / "thumbnail.png", "a", {}),
        ),
        (
            "no class …; the maps are of …",
            lambda mapped, folder: read_map(
                mapped.results / "mapped", read_summary(mapped.results / "mapped"), "dcis"
            ),
        ),
    ],
)
def test_slides(
    message: str,
    act: Callable[[MappedSlide, Path], object],
    mapped: MappedSlide,
    tmp_path: Path,
) -> None:
    check_told(message, lambda: act(mapped, tmp_path))


def test_a_slide_that_is_not_there_any_more(tmp_path: Path) -> None:
    made = make_mapped_slide(tmp_path)
    made.slide.unlink()
    (entry,) = list_slides([made.results], ViewSettings())
    (warning,) = entry.warnings
    told = "only the small picture that was kept with the map is shown: …"
    assert says(told).fullmatch(warning)


def test_a_port_that_is_taken(mapped: MappedSlide) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check_told(
            "port … cannot be used (…); give another one with --port",
            lambda: serve([], port=port, open_browser=False),
        )
