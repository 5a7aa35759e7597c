"""What the server answers, and what it refuses."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from PIL import Image
from slide_factory import PositionCode, decode_position, position_slide
from starlette.testclient import TestClient
from typer.testing import CliRunner

from wsi_idc.cli.app import app as command_line
from wsi_idc.errors import SettingsError, SlideReadError
from wsi_idc.slides import Slide, SlideSource, open_slide
from wsi_idc.slides.info import Bounds
from wsi_idc.view import SlideEntry, list_slides, serve
from wsi_idc.view.app import make_app
from wsi_idc.view.entry import ViewSettings
from wsi_idc.view.handles import OpenSlides, SlidePool
from wsi_idc.view.pyramid import TILE_PX, TilePyramid
from wsi_idc.view.tiles import TileKey, TileMaker

HERE = "http://127.0.0.1:8765"
CODE = PositionCode(3100, 2050, 256.0, 256.0)


@dataclass(frozen=True)
class CroppedSource(SlideSource):
    """A slide whose scan fills a part of its frame only."""

    bounds: Bounds = field(kw_only=True)

    def open(self) -> Slide:
        opened = super().open()
        opened.info = replace(opened.info, bounds=self.bounds)
        return opened


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,100 x 2,050 px: 7 x 5 tiles, whose last ones are cut."""
    folder = tmp_path_factory.mktemp("slides")
    return position_slide(folder, 3100, 2050, 0.25, (1, 4), period=CODE.period_x)[0]


@pytest.fixture(scope="module")
def client(slide: Path) -> Iterator[TestClient]:
    entries = list_slides([slide], ViewSettings())
    with TestClient(make_app(entries), base_url=HERE) as client:
        yield client


def picture(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image).astype(int)


class TestPyramid:
    def test_tiles_of_every_level_cover_the_slide_once(self) -> None:
        pyramid = TilePyramid(width_um=775.0, height_um=512.5, mpp=0.25)
        assert pyramid.size(0) == (3100, 2050)
        assert pyramid.levels == 4
        for level in range(pyramid.levels):
            width, height = pyramid.size(level)
            boxes = [pyramid.box(level, c, r) for c in range(9) for r in range(9)]
            there = [box for box in boxes if box is not None]
            assert sum(box.width_px * box.height_px for box in there) == width * height
            assert {box.mpp for box in there} == {0.25 * 2**level}

    @pytest.mark.parametrize("tile", [(-1, 0, 0), (4, 0, 0), (0, 7, 0), (0, 0, 5), (0, -1, 0)])
    def test_there_is_none_beyond(self, tile: tuple[int, int, int]) -> None:
        assert TilePyramid(775.0, 512.5, 0.25).box(*tile) is None

    def test_pixels_that_are_not_square_are_measured_in_microns(self, tmp_path: Path) -> None:
        path, _ = position_slide(tmp_path, 640, 320, (0.5, 1.0), (1,))
        with open_slide(path) as opened:
            pyramid = TilePyramid.of(opened.info)
        assert (pyramid.width_um, pyramid.height_um, pyramid.mpp) == (320.0, 320.0, 0.5)
        assert pyramid.size(0) == (640, 640)


class TestTiles:
    @pytest.mark.parametrize("level, column, row", [(0, 2, 1), (0, 5, 3), (1, 1, 1), (3, 0, 0)])
    def test_a_tile_is_that_part_of_the_slide(
        self, client: TestClient, slide: Path, level: int, column: int, row: int
    ) -> None:
        answer = client.get(f"/api/slides/position/tiles/{level}/{column}/{row}.jpg")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        shown = picture(answer.content)
        scale = 2**level
        x, y = decode_position(shown, CODE, scale, scale)
        assert abs(x - column * TILE_PX * scale) < 0.2 * scale
        assert abs(y - row * TILE_PX * scale) < 0.2 * scale
        with open_slide(slide) as opened:
            size = shown.shape[1], shown.shape[0]
            side = TILE_PX * scale
            true = opened.read(column * side, row * side, size, 0.25 * scale).astype(int)
        assert np.abs(shown - true).mean() < 2

    def test_tiles_begin_at_the_corner_of_the_scan(self, slide: Path) -> None:
        """Some scanners place it in a larger frame, in which coordinates count."""
        bounds = Bounds(700, 520, 2100, 1300)
        entry = SlideEntry("cropped", CroppedSource(slide, bounds=bounds), None, Path("a.geojson"))
        with TestClient(make_app([entry]), base_url=HERE) as client:
            about = client.get("/api/slides/cropped").json()
            assert about["levels"][0]["size_px"] == [2100, 1300]
            assert (about["origin_px"], about["px_um"]) == ([700, 520], [0.25, 0.25])
            for level, column, row in [(0, 0, 0), (0, 2, 1), (1, 0, 0)]:
                tile = client.get(f"/api/slides/cropped/tiles/{level}/{column}/{row}.jpg")
                scale = 2**level
                x, y = decode_position(picture(tile.content), CODE, scale, scale)
                assert abs(x - 700 - column * TILE_PX * scale) < 0.2 * scale
                assert abs(y - 520 - row * TILE_PX * scale) < 0.2 * scale

    def test_edge_tiles_are_as_large_as_what_is_left(self, client: TestClient) -> None:
        shown = picture(client.get("/api/slides/position/tiles/0/6/4.jpg").content)
        assert shown.shape == (2050 - 4 * TILE_PX, 3100 - 6 * TILE_PX, 3)

    @pytest.mark.parametrize("tile", ["0/7/0", "9/0/0", "0/0/99999999"])
    def test_what_is_not_there_is_404(self, client: TestClient, tile: str) -> None:
        assert client.get(f"/api/slides/position/tiles/{tile}.jpg").status_code == 404

    def test_twenty_at_a_time_are_the_same_as_one_by_one(self, slide: Path) -> None:
        """OpenSlide's reader, whose handles must not be shared."""
        (entry,) = list_slides([slide], ViewSettings(source={"reader": "openslide"}))
        keys = [TileKey(entry.key, 0, index % 6, index // 6) for index in range(20)]
        alone = TileMaker(OpenSlides())
        expected = [alone.tile(entry, key) for key in keys]
        together = TileMaker(OpenSlides())
        ready = threading.Barrier(20)

        def ask(key: TileKey) -> bytes | None:
            ready.wait()
            return together.tile(entry, key)

        with ThreadPoolExecutor(20) as pool:
            assert list(pool.map(ask, keys)) == expected

    def test_a_tile_that_many_ask_for_is_made_once(
        self, slide: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (entry,) = list_slides([slide], ViewSettings())
        maker = TileMaker(OpenSlides())
        reads = []
        read = Slide.read
        monkeypatch.setattr(Slide, "read", lambda *arguments: reads.append(1) or read(*arguments))
        with ThreadPoolExecutor(8) as pool:
            tiles = set(pool.map(lambda _: maker.tile(entry, TileKey("x", 1, 0, 0)), range(8)))
        assert (len(tiles), len(reads)) == (1, 1)

    def test_a_damaged_slide_is_said_and_is_no_white_tile(self, tmp_path: Path) -> None:
        path, _ = position_slide(tmp_path, 1500, 1500, 0.25, (1,))
        entries = list_slides([path], ViewSettings())
        with TestClient(make_app(entries), base_url=HERE) as client:
            assert client.get("/api/slides/position").status_code == 200
            with path.open("rb+") as file:  # the first tiles are lost
                file.seek(100_000)
                file.write(bytes(path.stat().st_size // 2))
            answers = [
                client.get(f"/api/slides/position/tiles/0/{c}/{r}.jpg")
                for c in range(3)
                for r in range(3)
            ]
        failed = [answer for answer in answers if answer.status_code != 200]
        assert failed
        assert all(answer.status_code == 422 for answer in failed)
        assert "position.svs" in failed[0].json()["error"]


class TestHandles:
    def test_no_handle_is_lent_twice_at_a_time(self, slide: Path) -> None:
        pool = SlidePool(SlideSource(slide, reader="openslide"), most=3)
        lent: list[int] = []
        most = []
        lock = threading.Lock()

        def use(_: int) -> None:
            with pool.lend() as handle:
                with lock:
                    assert id(handle) not in lent
                    lent.append(id(handle))
                    most.append(len(lent))
                handle.read_level(0, 0, 0, 300, 300)
                with lock:
                    lent.remove(id(handle))

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(use, range(60)))
        assert max(most) <= 3
        pool.close()

    def test_a_slide_that_does_not_open_can_be_asked_again(self, tmp_path: Path) -> None:
        path = tmp_path / "late.svs"
        path.write_bytes(b"not yet")
        pool = SlidePool(SlideSource(path))
        for _ in range(2):
            with pytest.raises(SlideReadError), pool.lend():
                pass
        position_slide(tmp_path, 300, 300, 0.25, (1,), name="late")
        with pool.lend() as handle:
            assert handle.info.width == 300

    def test_slides_looked_at_longest_ago_are_closed(self, tmp_path: Path) -> None:
        slides = OpenSlides(most=2)
        for name in "abcd":
            path, _ = position_slide(tmp_path, 300, 300, 0.25, (1,), name=name)
            with slides.lend(name, SlideSource(path)) as handle:
                handle.read_level(0, 0, 0, 9, 9)
            assert slides.open_slides <= 2
        slides.close()


class TestGuards:
    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "a@127.0.0.1", ""]
    )
    def test_foreign_hosts_are_refused(self, client: TestClient, host: str) -> None:
        for path in ("/", "/api/slides/position", "/static/main.js"):
            assert client.get(path, headers={"host": host}).status_code == 403

    @pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:8765", "LOCALHOST"])
    def test_this_machine_has_several_names(self, client: TestClient, host: str) -> None:
        """Also another port, since a tunnel from another machine has one of its own."""
        assert client.get("/api/slides/position", headers={"host": host}).status_code == 200

    def test_pages_of_other_sites_get_no_tile_but_may_link_here(self, client: TestClient) -> None:
        foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
        tile = "/api/slides/position/tiles/3/0/0.jpg"
        assert client.get(tile, headers=foreign).status_code == 403
        link = foreign | {"sec-fetch-mode": "navigate"}
        assert client.get("/slide/position", headers=link).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": "https://127.0.0.1:8765"},
            {"origin": "http://127.0.0.1:1"},
            {"origin": HERE, "content-type": "text/plain"},
            {"origin": HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
        ],
    )
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_only_pages_of_this_server_may_send(
        self, client: TestClient, method: str, headers: dict[str, str]
    ) -> None:
        sent = {"content-type": "application/json"} | headers
        answer = client.request(method, "/api/slides/position", headers=sent, content="{}")
        assert answer.status_code == 403

    @pytest.mark.parametrize(
        "path",
        [
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/static//etc/passwd",
            "/static/%2Fetc%2Fpasswd",
            "/slide/..%2f..%2fetc%2fpasswd",
            "/api/slides/..%2fposition",
            "/api/slides/position.svs",
            "/api/slides/position/tiles/0/0/..%2f0.jpg",
        ],
    )
    def test_no_path_leads_out(self, client: TestClient, path: str) -> None:
        assert client.get(path).status_code == 404

    @pytest.mark.parametrize("path", ["/slide/position", "/api/slides/position", "/nothing"])
    def test_every_answer_forbids_the_rest_of_the_world(
        self, client: TestClient, path: str
    ) -> None:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"

    def test_refusals_do_too(self, client: TestClient) -> None:
        headers = client.get("/", headers={"host": "evil.example"}).headers
        assert "content-security-policy" in headers

    def test_pages_name_no_other_site(self) -> None:
        from wsi_idc.view.static_files import static_files

        for name, (content, _) in static_files().items():
            text = content.decode().replace("http://www.w3.org/2000/svg", "")
            assert "http:" not in text and "https:" not in text, name
            assert "eval(" not in text and "innerHTML" not in text, name

    def test_a_page_names_all_its_modules(self) -> None:
        """So that a browser asks for them at once, and not one after the other."""
        from wsi_idc.view.static_files import static_files

        page = static_files()["slide.html"][0].decode()
        modules = {name for name in static_files() if name.endswith(".js")} - {"cohort.js"}
        assert {name for name in modules if f'="/static/{name}"' in page} == modules


class TestKey:
    """Other accounts on the machine do not know it."""

    PATHS = ("/", "/slide/position", "/static/main.js", "/api/slides", "/api/slides/position")

    @pytest.fixture
    def locked(self, slide: Path) -> Iterator[TestClient]:
        entries = list_slides([slide], ViewSettings())
        with TestClient(make_app(entries, key="the-key"), base_url=HERE) as client:
            yield client

    def test_without_it_nothing_is_answered(self, locked: TestClient) -> None:
        wrong = ["", "?key=", "?key=the-ke", "?key=the-key2", "?key=thé-key"]
        for path in (path + query for path in self.PATHS for query in wrong):
            answer = locked.get(path)
            assert (answer.status_code, answer.headers["cache-control"]) == (403, "no-store")
            assert "the address that wsi-idc view has printed" in answer.text
        sent = locked.post("/api/combine?key=the-key", json={}, headers={"origin": HERE})
        assert sent.status_code == 403

    def test_who_opened_the_address_is_known_from_then_on(self, locked: TestClient) -> None:
        opened = locked.get("/?key=the-key", follow_redirects=False)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert [locked.get(path).status_code for path in self.PATHS] == [200] * 5

    @pytest.mark.parametrize("path", ["http://127.0.0.1:8000/", "//evil.example/", "/"])
    def test_whole_addresses_are_sent_on_within_this_server(self, slide: Path, path: str) -> None:
        """As a proxy asks, and as a link with too many slashes would lead elsewhere."""
        app = make_app(list_slides([slide], ViewSettings()), key="the-key")
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"key=the-key"}
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1:8000")]
        anyio.run(app, scope | {"headers": headers}, None, send)
        assert sent[0]["status"] == 303
        told = dict(sent[0]["headers"])
        assert told[b"location"] == b"/"
        assert told[b"set-cookie"].startswith(b"wsi-idc-8000=")

    def test_a_foreign_host_gets_no_cookie(self, locked: TestClient) -> None:
        answer = locked.get("/?key=the-key", headers={"host": "evil.example"})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


class TestPrivacy:
    def test_label_and_macro_are_not_served(self, shared_data: Path) -> None:
        """The tiles are those of the scan alone, and nothing else is an image."""
        entries = list_slides([shared_data / "slides" / "CMU-1-Small-Region.svs"], ViewSettings())
        with TestClient(make_app(entries), base_url=HERE) as client:
            about = client.get("/api/slides/CMU-1-Small-Region").json()
            assert about["levels"][0]["size_px"] == [2220, 2967]
            for name in ("label", "macro", "thumbnail", "associated/label", "tiles/label/0/0.jpg"):
                answer = client.get(f"/api/slides/CMU-1-Small-Region/{name}")
                assert answer.status_code == 404
            assert str(shared_data) not in client.get("/api/slides/CMU-1-Small-Region").text
            assert "ScanScope" not in client.get("/api/slides/CMU-1-Small-Region").text


class TestStart:
    def test_one_slide_is_opened_at_once(self, client: TestClient) -> None:
        answer = client.get("/", follow_redirects=False)
        assert answer.headers["location"] == "/slide/position"

    def test_without_its_packages_the_extra_is_named(
        self, slide: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        result = CliRunner().invoke(command_line, ["view", str(slide), "--no-browser"])
        assert result.exit_code == 2
        assert result.stderr.splitlines() == [
            'error: the viewer needs uvicorn: pip install "wsi-idc[viewer]"'
        ]

    def test_a_port_that_is_taken_is_said(self, slide: Path) -> None:
        import socket

        entries = list_slides([slide], ViewSettings())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(SettingsError, match=f"port {port} cannot be used"):
                serve(entries, port=port, open_browser=False)

    def test_ctrl_c_is_how_it_ends(self, slide: Path) -> None:
        start = "from wsi_idc.cli import main; main()"
        command = [sys.executable, "-c", start, "view", str(slide), "--no-browser", "--port", "0"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert re.match(r"http://127\.0\.0\.1:\d+/\?key=\S{20,}  ", said)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")

    def test_a_slide_that_is_missing_is_said_before_a_browser_opens(self) -> None:
        result = CliRunner().invoke(command_line, ["view", "nowhere.svs"])
        assert result.exit_code == 1
        assert "nowhere.svs: there is no such file" in result.stderr

    def test_two_slides_of_one_name_are_told_apart(self, slide: Path, tmp_path: Path) -> None:
        other, _ = position_slide(tmp_path, 300, 300, 0.25, (1,))
        entries = list_slides([slide, other], ViewSettings())
        assert len({entry.key for entry in entries}) == 2
        assert [entry.source.path for entry in entries] == [slide, other]


def test_entries_know_where_drawings_are_kept(slide: Path, tmp_path: Path) -> None:
    (entry,) = list_slides([slide], ViewSettings(annotations=tmp_path))
    assert isinstance(entry, SlideEntry)
    assert entry.annotations == tmp_path / "position.geojson"
