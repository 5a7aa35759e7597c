"""How long the viewer makes one wait: tiles cold and warm, twenty at a time, and the first view.

The slide is a made 40x SVS with JPEG tiles, 60,000 by 40,000 px, all of it tissue. The server runs
in a process of its own, and is asked over HTTP as a browser asks it. The first view is measured in
chromium, from the address to the last tile in sight; without chromium it is left out. Run it from
the repository's root with::

    python benchmarks/view.py

Exit status 1: a tile (median) or the first view takes longer than its limit.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from measuring import COMMAND
from slides import make_slide

_TILES, _AT_A_TIME = 150, 20
_WARM_MS, _COLD_MS, _FIRST_S = 30.0, 80.0, 2.0
_VIEW = {"width": 1400, "height": 900}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=60_000)
    parser.add_argument("--height", type=int, default=40_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsi-idc-view-") as folder:
        slide = Path(folder) / "slide.svs"
        make_slide(slide, given.width, given.height, (1, 4, 16, 64), all_tissue=True)
        print(f"{given.width:,} x {given.height:,} px, 0.25 µm/px, JPEG tiles of 256 px\n")
        rows = measure(slide)
    print("\n".join(rows))
    sys.exit(any("MISSED" in row for row in rows))


def measure(slide: Path) -> list[str]:
    """Measure a slide; a line for each figure."""
    with Server(slide) as server:
        about = server.json("/api/slides/slide")
        tiles = some_tiles(about)
        cold = [server.milliseconds(tile) for tile in tiles]
        warm = [server.milliseconds(tile) for tile in tiles]
        fresh = some_tiles(about, seed=1)
        began = time.perf_counter()
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            together = list(pool.map(server.milliseconds_alone, fresh))
        seconds = time.perf_counter() - began
    rows = [
        _row("tile, cold", cold, _COLD_MS),
        _row("tile, warm", warm, _WARM_MS),
        _row(f"tile, cold, {_AT_A_TIME} at a time", together, None),
        f"{'tiles a second so':28}{len(fresh) / seconds:8.0f}",
        f"{'start to first answer':28}{server.start_s:8.2f} s",
    ]
    first = _first_view_seconds(slide)
    if first is None:
        return [*rows, "first view: no chromium found"]
    return [*rows, *(_limit(f"first view, {name}", s, "s", _FIRST_S) for name, s in first.items())]


class Server:
    """`wsi-idc view` in a process of its own."""

    def __init__(self, slide: Path, key: str = "slide") -> None:
        began = time.perf_counter()
        command = [*COMMAND, "view", str(slide), "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = re.search(r"http://\S+", self.process.stdout.readline())
        assert said is not None
        self.door = said[0]
        self.address, _, shown = self.door.partition("?")
        self._cookie = ""
        self._kept = self._connect()
        self._kept.request("GET", f"/?{shown}")
        opened = self._kept.getresponse()
        opened.read()
        self._cookie = opened.headers["set-cookie"].partition(";")[0]
        self.json(f"/api/slides/{key}")
        self.start_s = time.perf_counter() - began

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def json(self, path: str) -> Any:
        return json.loads(self._get(self._kept, path))

    def milliseconds(self, path: str) -> float:
        """Ask on a connection that is kept, as a browser does."""
        return self._timed(self._kept, path)

    def milliseconds_alone(self, path: str) -> float:
        """Ask on a connection of its own, from any thread."""
        return self._timed(self._connect(), path)

    def _timed(self, connection: http.client.HTTPConnection, path: str) -> float:
        began = time.perf_counter()
        self._get(connection, path)
        return 1000 * (time.perf_counter() - began)

    def _get(self, connection: http.client.HTTPConnection, path: str) -> bytes:
        connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, (path, answer.status, content[:200])
        return content

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname or "", parts.port)


def some_tiles(about: dict[str, Any], number: int = _TILES, seed: int = 0) -> list[str]:
    """Tiles of every level, as many of each as there are or as are wanted; in a random order."""
    chosen = random.Random(seed)
    levels = about["levels"]
    tiles = []
    for level, size in enumerate(level["size_px"] for level in levels):
        columns, rows = (-(-side // about["tile_px"]) for side in size)
        places = [(column, row) for column in range(columns) for row in range(rows)]
        for column, row in chosen.sample(places, min(len(places), number // len(levels))):
            tiles.append(f"/api/slides/slide/tiles/{level}/{column}/{row}.jpg")
    chosen.shuffle(tiles)
    return tiles


def _first_view_seconds(slide: Path) -> dict[str, float] | None:
    """From the address to the last tile: the whole slide, and a place at full power."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    seconds = {}
    with Server(slide) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        context = browser.new_context(viewport=_VIEW)
        there = f"{server.address}slide/slide#x=9&y=6&zoom=40"
        for name, address in [("whole slide", server.door), ("a place at 40x", there)]:
            page = context.new_page()
            page.goto("about:blank")
            began = time.perf_counter()
            page.goto(address)
            page.wait_for_selector("html[data-seen=all]", state="attached")
            seconds[name] = time.perf_counter() - began
            page.close()
        browser.close()
    return seconds


def _row(name: str, milliseconds: list[float], limit: float | None) -> str:
    ordered = sorted(milliseconds)
    worst = ordered[int(0.95 * (len(ordered) - 1))]
    return _limit(name, median(ordered), "ms", limit) + f"   95 %: {worst:.1f} ms"


def _limit(name: str, value: float, unit: str, limit: float | None) -> str:
    told = f"{name:28}{value:8.{1 if unit == 'ms' else 2}f} {unit}"
    if limit is None:
        return told
    return f"{told}   limit {limit:g} {unit}: {'held' if value < limit else 'MISSED'}"


if __name__ == "__main__":
    main()
