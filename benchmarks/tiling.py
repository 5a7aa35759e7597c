"""How fast slides are read and tiled, against the limits: one table, measured in one run.

Makes its slides by code (see `slides.py`) and runs all ways of one group in turn, several times
over; the best of each counts. Beside the clock it tells the work, the processor time of all
threads and children: where other programs keep the machine busy, ratios of work say more than
ratios of rates. Needs `pip install "wsi-idc[bench]"`. From the repository's root::

    python benchmarks/tiling.py [--repeats 5] [--threads 2] [--small]

Exit status 1 if a bound is missed both by the clock and by work. `--small` says nothing about
speed: the tests run it so that this script goes on working.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from measuring import COMMAND, Cost, best_of, peak_of
from slides import TILE, MadeSlide, make_slide
from ways import bare_blocks, decode_tiles, in_blocks, one_call_per_patch, tiles_under

from wsi_idc.slides import SlideSource
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.formats import SlidePatches
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import tile_slide
from wsi_idc.tiling.writer import write_patches

PATCH = 50


@dataclass(frozen=True)
class Sizes:
    """How large the slides are: (width, height) in pixels."""

    native: tuple[int, int] = (48_000, 16_000)
    band_rows: int = 160
    whole: tuple[int, int] = (100_000, 80_000)
    largest: tuple[int, int] = (150_000, 100_000)
    written: tuple[int, int] = (16_000, 8_000)


SMALL = Sizes((2_048, 1_536), 20, (20_000, 16_000), (24_000, 20_000), (1_024, 1_024))


@dataclass
class Table:
    """The rows that are printed, and the bounds that are missed."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, what: str, clock: str, work: str, bound: str = "", *ratios: float) -> None:
        """Add a row; `ratios` are of clock and work, 1 or more where the bound is kept."""
        kept = _kept(ratios)
        if kept == "no":
            self.missed.append(what)
        self.rows.append((what, clock, work, bound, kept))
        print(f"  {what}: {clock}, {work} {bound} {kept}", file=sys.stderr, flush=True)

    def print(self) -> None:
        print("| what | clock | work | bound (clock, work) | kept |")
        print("| --- | ---: | ---: | --- | --- |")
        for row in self.rows:
            print("| " + " | ".join(row) + " |")


def _kept(ratios: tuple[float, ...]) -> str:
    """Whether a bound is kept: by both measures, by one of them only, or by none."""
    if not ratios or min(ratios) >= 1:
        return "yes" if ratios else ""
    if max(ratios) < 1:
        return "no"
    return "by clock only" if ratios[0] >= 1 else "by work only"


def native_patches(table: Table, folder: Path, sizes: Sizes, threads: int, repeats: int) -> None:
    """50 px patches at level 0."""
    slide = make_slide(folder / "native.svs", *sizes.native, (1, 4, 16), all_tissue=True)
    path = slide.path
    whole = _plan_all(path)
    plan = whole.select(whole.rows < sizes.band_rows)
    sample = whole.select(whole.rows < min(20, sizes.band_rows))  # slow and steady: a part will do
    tiles = tiles_under(plan, TILE, -(-slide.width // TILE))
    mpx = len(plan) * PATCH**2 / 1e6
    ways: dict[str, tuple[Callable[[], None], float]] = {
        "raw decoding of the tiles": (
            lambda: decode_tiles(path, 0, tiles, threads),
            len(tiles) * TILE**2 / 1e6,
        ),
        "OpenSlide, one call per patch": (
            lambda: one_call_per_patch(path, sample),
            len(sample) * PATCH**2 / 1e6,
        ),
        "OpenSlide, bare blocks": (lambda: bare_blocks(path, plan, threads), mpx),
    }
    readers = ["openslide", "direct", *_installed("fastslide")]
    for reader in readers:
        source = SlideSource(path, reader=reader)
        ways[f"wsi-idc, {reader}"] = (
            lambda source=source: in_blocks(source, plan, threads),
            mpx,
        )
    costs = best_of([run for run, _ in ways.values()], repeats)
    per_mpx = {
        name: cost.per(amount)
        for (name, (_, amount)), cost in zip(ways.items(), costs, strict=True)
    }
    raw, single, bare = list(per_mpx.values())[:3]
    bounds: dict[str, list[tuple[str, Cost, float]]] = {
        "wsi-idc, openslide": [("one call", single, 2.0), ("bare blocks", bare, 0.9)],
        "wsi-idc, direct": [("raw", raw, 0.8), ("one call", single, 10.0)],
        "wsi-idc, fastslide": [("raw", raw, 0.8), ("one call", single, 10.0)],
    }
    for name, cost in per_mpx.items():
        clock, work = f"{1 / cost.wall:.1f} Mpx/s", f"{1000 * cost.work:.2f} ms/Mpx"
        if name not in bounds:
            table.add(f"40x: {name}", clock, work)
        for limit, other, least in bounds.get(name, []):
            by_clock, by_work = other.wall / cost.wall, other.work / cost.work
            bound = f"≥ {least:g} x {limit}: {by_clock:.2f}, {by_work:.2f}"
            table.add(f"40x: {name}", clock, work, bound, by_clock / least, by_work / least)


def coarse_patches(table: Table, folder: Path, sizes: Sizes, threads: int, repeats: int) -> None:
    """8 µm/px from whole sections: tissue mask, plan and patches."""
    from wsi_idc.tiling.tile import plan_tiles

    for levels in ((1, 4, 16, 32), (1, 4, 16), (1, 4)):
        slide = make_slide(folder / f"whole-{levels[-1]}.svs", *sizes.whole, levels)
        source = SlideSource(slide.path)

        def run(source: SlideSource = source) -> None:
            with source.open() as opened:
                planned = plan_tiles(opened, TileSettings())
            in_blocks(source, planned.plan, threads, planned.overview)

        name = f"8 µm/px, {slide.width:,}x{slide.height:,} px, levels to 1/{levels[-1]}"
        if levels[-1] == 4:
            raw, cost = best_of([_tissue_decoding(slide, threads), run], repeats)
            by_clock, by_work = cost.wall / raw.wall, cost.work / raw.work
            limit = f"tissue tiles of 1/4 decoded, {slide.width:,}x{slide.height:,} px"
            table.add(f"8 µm/px, {limit}", f"{raw.wall:.2f} s", f"{raw.work:.2f} s")
            bound = f"≤ 2 x decoding: {by_clock:.2f}, {by_work:.2f}"
            ratios = 2 / by_clock, 2 / by_work
        else:
            (cost,) = best_of([run], repeats)
            bound, ratios = "≤ 5 s", (5 / cost.wall, 5 / cost.work)
        table.add(name, f"{cost.wall:.2f} s", f"{cost.work:.2f} s", bound, *ratios)


def written_patches(table: Table, folder: Path, sizes: Sizes, threads: int, repeats: int) -> None:
    slide = make_slide(folder / "written.svs", *sizes.written, (1, 4, 16), all_tissue=True)
    source = SlideSource(slide.path)
    with source.open() as opened:
        patches = SlidePatches(opened.info, "patient", _plan_all(slide.path))
    plan = patches.plan
    output = folder / "written"

    def write() -> None:
        blocks = read_patches(source, plan, threads=threads)
        write_patches(output, patches, blocks, format="h5", threads=threads)

    def tile() -> None:
        tile_slide(source, output, TileSettings(0.25, min_tissue=0, format="h5"), threads=threads)

    runs = [lambda: in_blocks(source, plan, threads), write, tile]
    reading, *others = best_of(runs, repeats, lambda: shutil.rmtree(output, ignore_errors=True))
    mpx = len(plan) * PATCH**2 / 1e6
    names = "read and written as h5", "tile to h5 with mask, index and pictures"
    for name, cost in zip(names, others, strict=True):
        by_clock, by_work = reading.wall / cost.wall, reading.work / cost.work
        bound = f"≥ 0.5 x reading: {by_clock:.2f}, {by_work:.2f}"
        clock, work = f"{mpx / cost.wall:.1f} Mpx/s", f"{1000 * cost.work / mpx:.2f} ms/Mpx"
        table.add(f"40x: {name}", clock, work, bound, 2 * by_clock, 2 * by_work)


def memory(table: Table, folder: Path, sizes: Sizes) -> None:
    native_positions = ["--mpp", "0.25", "--format", "coords"]
    for levels, what, options in (
        ((1, 4, 16, 32), "tile at 8 µm/px", []),
        ((1, 4), "tile at 8 µm/px", []),
        ((1, 4, 16, 32), "positions of all 40x patches", native_positions),
    ):
        slide = make_slide(folder / f"largest-{levels[-1]}.svs", *sizes.largest, levels)
        output = folder / "tiled"
        shutil.rmtree(output, ignore_errors=True)
        peak = peak_of([*COMMAND, "tile", str(slide.path), "-o", str(output), *options]).memory_mb
        name = f"memory, {what}, {slide.width:,}x{slide.height:,} px, levels to 1/{levels[-1]}"
        table.add(name, f"{peak:.0f} MB", "", "≤ 800 MB", 800 / peak)
    native = folder / "native.svs"
    for reader in ("auto", *_installed("fastslide")):
        code = (
            "import sys; from pathlib import Path; from wsi_idc.slides import SlideSource; "
            "from tiling import _plan_all; from ways import in_blocks; path = Path(sys.argv[1]); "
            "plan = _plan_all(path); plan = plan.select(plan.rows < 160); "
            "in_blocks(SlideSource(path, reader=sys.argv[2]), plan, 2)"
        )
        peak = peak_of([sys.executable, "-c", _HERE + code, str(native), reader]).memory_mb
        name = f"memory, 40x patches, {reader}, children included"
        table.add(name, f"{peak:.0f} MB", "", "≤ 800 MB", 800 / peak)


_HERE = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "


def start(table: Table, folder: Path, repeats: int) -> None:
    slide = folder / "native.svs"
    for name, arguments, limit in (
        ("wsi-idc --help", ["--help"], 0.4),
        ("wsi-idc info", ["info", str(slide)], 1.0),
    ):
        command = [*COMMAND, *arguments]
        (cost,) = best_of(
            [lambda c=command: subprocess.run(c, check=True, stdout=subprocess.DEVNULL)], repeats
        )
        table.add(
            name, f"{cost.wall:.2f} s", f"{cost.work:.2f} s", f"≤ {limit} s",
            limit / cost.wall, limit / cost.work,
        )  # fmt: skip


def _plan_all(path: Path) -> PatchPlan:
    with SlideSource(path).open() as slide:
        return plan_patches(
            slide.info, None, mpp=0.25, patch_size=PATCH, stride=PATCH, min_tissue=0
        )


def _tissue_decoding(slide: MadeSlide, threads: int) -> Callable[[], None]:
    level = slide.downsamples.index(4)
    tiles = np.flatnonzero(slide.tissue_tiles[level])
    return lambda: decode_tiles(slide.path, level, tiles, threads)


def _installed(*readers: str) -> list[str]:
    return [reader for reader in readers if importlib.util.find_spec(reader) is not None]


def _machine() -> str:
    model = platform.processor()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = f"{len(names)} x {names[0].partition(':')[2].strip()}"
    return f"{model}, {platform.system()}, Python {platform.python_version()}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="tiny slides: does it still run?")
    options = parser.parse_args(arguments)
    sizes = SMALL if options.small else Sizes()
    table = Table()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        native_patches(table, folder, sizes, options.threads, options.repeats)
        coarse_patches(table, folder, sizes, options.threads, min(3, options.repeats))
        written_patches(table, folder, sizes, options.threads, min(3, options.repeats))
        memory(table, folder, sizes)
        start(table, folder, options.repeats)
    print(f"{_machine()}; {options.threads} threads, best of {options.repeats}\n")
    table.print()
    for what in table.missed:
        print(f"\nmissed: {what}")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
