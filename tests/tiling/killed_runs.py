"""Kill tilings at many points, repeat them, and compare with runs that were not interrupted.

A process of its own: it forks, which one with TensorFlow's threads should not.
Usage: killed_runs.py SLIDE FOLDER FORMAT
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

from wsi_idc.slides import SlideSource
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import tile_slide

POINTS = 4
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")


def tile(slide: Path, output: Path, format: str, patient: str = "new", **options: bool) -> None:
    source, settings = SlideSource(slide), TileSettings(format=format)
    tile_slide(source, output, settings, patient=patient, threads=1, **options)


def killed_at(point: int, slide: Path, output: Path, format: str, overwrite: bool) -> bool:
    """Tile in a child that is killed before its n-th change of the disk; was it?"""
    child = os.fork()
    if child == 0:
        left = point

        def hook(event: str, arguments: tuple) -> None:
            nonlocal left
            writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
            if writes or event in CHANGES:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        tile(slide, output, format, overwrite=overwrite)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def main() -> None:
    slide, folder, format = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    fresh = folder / "fresh"
    tile(slide, fresh, format)
    expected = files_below(fresh)
    # The last points may lie beyond the end: then it was not killed, and that is told.
    last = 24 + 2 * sum(name.endswith(".png") for name in expected)
    kills = 0
    for number, point in enumerate(np.linspace(1, last, POINTS).astype(int).tolist()):
        output, overwrite = folder / str(number), bool(number % 2)
        if overwrite:
            tile(slide, output, "h5" if format == "png" else "png", patient="old")
        kills += killed_at(point, slide, output, format, overwrite)
        tile(slide, output, format, overwrite=overwrite)
        if files_below(output) != expected:
            different = files_below(output).items() ^ expected.items()
            raise SystemExit(f"killed at {point}: {sorted({name for name, _ in different})}")
    print(kills)


if __name__ == "__main__":
    main()
