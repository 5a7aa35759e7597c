"""How fast patches are written, against how fast they are read.

Reads the patches of a slide alone, then reads and writes them in each format, in turn and
several times over in one run, and prints the best of each and the peak memory. Run it from the
repository's root with::

    python benchmarks/writing.py [SLIDE] [--mpp 0.25]

Without a slide it makes one of 24,000 x 16,000 px at 40x. Exit status 1: `h5`, reading
included, is less than half as fast as reading alone.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from slides import make_slide

from wsi_idc.slides import SlideSource
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.formats import SlidePatches
from wsi_idc.tiling.plan import plan_patches
from wsi_idc.tiling.writer import write_patches

SMALLEST_RATIO = 0.5
FORMATS = ("h5", "tfrecord", "png")


def reading_seconds(source: SlideSource, patches: SlidePatches) -> float:
    """Seconds for the pixels of all patches, which go nowhere."""
    start = time.perf_counter()
    for _ in read_patches(source, patches.plan):
        pass
    return time.perf_counter() - start


def writing_seconds(source: SlideSource, patches: SlidePatches, format: str, folder: Path) -> float:
    """Seconds to read all patches and to write them, synced, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    write_patches(folder, patches, read_patches(source, patches.plan), format=format)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", nargs="?", type=Path)
    parser.add_argument("--mpp", type=float, default=0.25)
    parser.add_argument("--reader", default="auto")
    parser.add_argument("--rows", type=int, default=80, help="rows of patches to take")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = options.slide or folder / "texture.svs"
        if options.slide is None:
            make_slide(path, 24_000, 16_000, (1, 4, 16), all_tissue=True)
        source = SlideSource(path, reader=options.reader)
        with source.open() as slide:
            info = slide.info
        plan = plan_patches(info, None, mpp=options.mpp, patch_size=50, stride=50, min_tissue=0)
        patches = SlidePatches(info, "patient", plan.select(plan.rows < options.rows))
        path.read_bytes()
        best = dict.fromkeys(("reading alone", *FORMATS), float("inf"))
        for _ in range(options.repeats):
            best["reading alone"] = min(best["reading alone"], reading_seconds(source, patches))
            for format in FORMATS:
                took = writing_seconds(source, patches, format, folder / "patches")
                best[format] = min(best[format], took)

    count, alone = len(patches.plan), best["reading alone"]
    print(f"{count:,} patches of 50 px at {options.mpp:g} µm/px, reader {info.reader}\n")
    print("| what | patches/s | MB/s | of reading |")
    print("| --- | ---: | ---: | ---: |")
    for what, seconds in best.items():
        rate = count / seconds
        print(f"| {what} | {rate:,.0f} | {rate * 7500 / 1e6:.0f} | {alone / seconds:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 if sys.platform == "darwin" else 1024
    )
    print(f"\npeak memory {peak:.0f} MB")
    return int(alone / best["h5"] < SMALLEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
