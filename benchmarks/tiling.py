"""How fast patches are cut: one read per patch against this package's block reader.

Makes a 40x slide of 24,000 x 16,000 px by code, cuts 50 px patches at level 0 from a band of
it in several ways, and prints one table. All ways are measured in turn, several times over,
in one run, and the best time of each counts. Work is what each way costs in processor time,
all its threads together: it tells the ways apart where other programs keep the machine busy
and wall-clock ratios say little. PNG writing is left out. Run it from the repository's root
with::

    python benchmarks/tiling.py

Exit status 1: OpenSlide in blocks, on one thread or two, is less than twice as fast as one
call per patch. (A row of this slide's tiles just fits into OpenSlide's tile cache, which is
the best case for one call per patch; on wider slides it decodes each tile several times.)
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openslide

from wsi_idc.phantom.slide_writer import write_slide
from wsi_idc.slides import SlideSource
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches

WIDTH, HEIGHT, MPP, PATCH = 24_000, 16_000, 0.25, 50
SMALLEST_RATIO = 2.0
# Whole rows of blocks (40 patches of 50 px in 2,048 px), so that none is read for a part of it.
BAND_ROWS = 80
# One call per patch is slow and steady: a part of the band says as much. Rows of patches share
# file tiles with the next rows, so the part is one piece.
SAMPLE_ROWS = 20


@dataclass(frozen=True)
class Way:
    name: str
    threads: int
    plan: PatchPlan
    run: Callable[[], int]


def make_slide(path: Path) -> None:
    """A slide of texture with the detail of H&E, so that its JPEG tiles cost what real ones do."""
    random = np.random.default_rng(0)
    grain = random.normal(0, 14, (1024, 1024, 1))
    y, x = np.mgrid[:1024, :1024] * (2 * np.pi / 1024)
    waves = np.sin(9 * x + 3 * np.sin(4 * y)) + np.cos(17 * y + 2 * np.sin(6 * x))
    colour = np.array([200, 140, 180]) + waves[..., None] * np.array([18, 30, 14])
    pattern = np.clip(colour + grain, 0, 255).astype(np.uint8)

    def rows(y0: int, y1: int) -> np.ndarray:
        across = -(-WIDTH // 1024)
        part = pattern[np.arange(y0, y1) % 1024]
        return np.tile(part, (1, across, 1))[:, :WIDTH]

    write_slide(path, rows, WIDTH, HEIGHT, mpp=MPP, downsamples=(1, 4, 16), vendor="aperio")


def patch_by_patch(path: Path, plan: PatchPlan) -> int:
    checked = 0
    with openslide.OpenSlide(path) as slide:
        for x, y in zip(plan.x_level0, plan.y_level0, strict=True):
            region = slide.read_region((int(x), int(y)), 0, (PATCH, PATCH))
            checked += len(np.asarray(region.convert("RGB"))) == PATCH
    return checked


def in_blocks(path: Path, plan: PatchPlan, reader: str, threads: int) -> int:
    blocks = read_patches(SlideSource(path, reader=reader), plan, threads=threads)
    return sum(len(block.patches) for block in blocks)


def ways(path: Path) -> list[Way]:
    with SlideSource(path, reader="openslide").open() as slide:
        plan = plan_patches(slide.info, None, mpp=MPP, patch_size=PATCH, stride=PATCH, min_tissue=0)
    band = plan.select(plan.rows < BAND_ROWS)
    sample = plan.select(plan.rows < SAMPLE_ROWS)
    result = [Way("OpenSlide, one call per patch", 1, sample, lambda: patch_by_patch(path, sample))]
    readers = ["openslide"]
    if importlib.util.find_spec("fastslide") is not None:
        readers.append("fastslide")
    for reader in readers:
        for threads in (1, 2):
            result.append(
                Way(
                    f"wsi-idc blocks, {reader}",
                    threads,
                    band,
                    lambda reader=reader, threads=threads: in_blocks(path, band, reader, threads),
                )
            )
    return result


def seconds(way: Way) -> tuple[float, float]:
    """Wall-clock and processor seconds of one run."""
    start, start_work = time.perf_counter(), time.process_time()
    done = way.run()
    elapsed, work = time.perf_counter() - start, time.process_time() - start_work
    if done != len(way.plan):
        raise SystemExit(f"{way.name}: {done} patches came back of {len(way.plan)}")
    return elapsed, work


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep the made slide here, and use it again")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"texture_{WIDTH}x{HEIGHT}.svs"
        if not path.exists():
            make_slide(path)
        path.read_bytes()  # every way finds the file in the page cache, the first one too
        measured = ways(path)
        runs = [[seconds(way) for way in measured] for _ in range(options.repeats)]

    elapsed, work = np.array(runs).min(axis=0).T
    patches = np.array([len(way.plan) for way in measured])
    rates = patches / elapsed
    print(f"{PATCH} px patches at level 0 of a {WIDTH}x{HEIGHT} px JPEG-tiled slide\n")
    print("| way | threads | patches/s | Mpx/s | ratio | work, s/Gpx |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for way, rate, cost in zip(measured, rates, work / patches, strict=True):
        print(
            f"| {way.name} | {way.threads} | {rate:,.0f} | {rate * PATCH**2 / 1e6:.1f} "
            f"| {rate / rates[0]:.1f} | {cost / PATCH**2 * 1e9:.0f} |"
        )
    ratio = max(
        rate / rates[0]
        for way, rate in zip(measured, rates, strict=True)
        if way.name.endswith("blocks, openslide")
    )
    if ratio < SMALLEST_RATIO:
        print(f"\nOpenSlide in blocks is {ratio:.1f} times as fast, expected {SMALLEST_RATIO}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
