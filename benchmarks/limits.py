"""Peak memory and open files of tile, heatmap and view on a slide as large as any scanner's.

The slide is made by code (see `slides.py`), 150,000 x 100,000 px. Each command runs in a process of
its own; its children count, too. Needs `pip install "wsi-idc[viewer]"`. Run it from the root::

    python benchmarks/limits.py [--runtime tensorflow] [--runtime openvino]

Exit status 1: one takes more than its bound.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from measuring import COMMAND, Peak, peak_of, watched
from slides import make_slide
from view import Server, some_tiles

SIZE = 150_000, 100_000
MOST_MB = {"tile": 800, "heatmap": 1000, "heatmap, TensorFlow": 4000, "view": 800}
MOST_FILES = 200
"""A fifth of what systems allow a process by default."""

RUNTIMES = {"tensorflow": "heatmap, TensorFlow", "openvino": "heatmap"}


def tiled(slide: Path, output: Path, options: Sequence[str] = ()) -> Peak:
    """Peak of `wsi-idc tile`."""
    shutil.rmtree(output, ignore_errors=True)
    return peak_of([*COMMAND, "tile", str(slide), "-o", str(output), *options])


def mapped(slide: Path, output: Path, runtime: str) -> Peak:
    """Peak of `wsi-idc heatmap`."""
    where = ["-o", str(output), "--device", "cpu", "--runtime", runtime]
    return peak_of([*COMMAND, "heatmap", str(slide), *where])


def viewed(slide: Path, tiles: int = 150) -> Peak:
    """Peak of `wsi-idc view` while tiles of every level are asked for, twenty at a time."""
    with Server(slide) as server, watched(server.process.pid) as peak:
        asked = some_tiles(server.json("/api/slides/slide"), tiles)
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(server.milliseconds_alone, asked))
    return peak


def measure(folder: Path, runtimes: Sequence[str]) -> Iterator[tuple[str, str, Peak]]:
    """Command, what it did, and what that took at most."""
    for levels in ((1, 4, 16, 32), (1, 4)):
        slide = make_slide(folder / "slide.svs", *SIZE, levels).path
        told = f"levels to 1/{levels[-1]}"
        yield "tile", f"at 8 µm/px, {told}", tiled(slide, folder / "tiled")
        native = ["--mpp", "0.25", "--format", "coords"]
        yield "tile", f"positions at 0.25 µm/px, {told}", tiled(slide, folder / "tiled", native)
        for runtime in runtimes:
            output = folder / f"{runtime}-{levels[-1]}"
            yield RUNTIMES[runtime], f"{runtime}, {told}", mapped(slide, output, runtime)
        yield "view", f"150 tiles, {told}", viewed(slide)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", action="append", choices=RUNTIMES, help="those only")
    options = parser.parse_args()
    runtimes = options.runtime or [name for name in RUNTIMES if find_spec(name)]
    kept = True
    print("| command | on 150,000 x 100,000 px | peak memory | bound | open files |")
    print("| --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as temporary:
        for command, what, peak in measure(Path(temporary), runtimes):
            most = MOST_MB[command]
            told = f"{peak.memory_mb:.0f} MB | {most} MB | {peak.open_files}"
            print(f"| {command} | {what} | {told} |", flush=True)
            kept &= peak.memory_mb <= most and peak.open_files <= MOST_FILES
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
