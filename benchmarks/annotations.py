"""How fast patches are labelled by what was drawn: 100,000 patches, three kinds of annotation.

The shares of the patches that drawn IDC covers are computed by this package, and by the plain way:
shapely's index over the outlines' union as it is, without cutting parts of many points. The plain
way takes so long that it is measured on some hundred patches and scaled up. Also: how long the
files take to be read. All are seconds of processor time, on one thread, which other programs on
the machine hardly change. Run it from the repository's root with::

    python benchmarks/annotations.py

Exit status 1: one of the kinds takes longer than 10 seconds for 100,000 patches, or a share
differs from the plain way's.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon, STRtree

from wsi_idc.annotations.areas import AnnotatedArea
from wsi_idc.annotations.reading import read_annotations

SLIDE_PX, PATCH_PX, PATCHES_A_SIDE = 100_000, 315.0, 317
MOST_SECONDS = 10.0
SAMPLE = 1009  # the plain way's patches: one of so many, spread over the slide
FloatArray = NDArray[np.float64]


def outline(x: float, y: float, radius: float, points: int, seed: int) -> Polygon:
    """A lobed outline, as a hand draws it."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    around = radius * (1 + 0.2 * np.sin(5 * angle + seed) + 0.03 * np.sin(61 * angle + seed))
    return Polygon(np.column_stack([x + around * np.cos(angle), y + around * np.sin(angle)]))


def scattered(count: int, radius: float, points: int) -> list[Polygon]:
    places = np.random.default_rng(0).uniform(0, SLIDE_PX, (count, 2))
    return [outline(x, y, radius * (0.5 + i % 5), points, i) for i, (x, y) in enumerate(places)]


KINDS = {
    "5,000 outlines of 200 points": scattered(5_000, 400, 200),
    "50 outlines of 5,000 points": scattered(50, 4_000, 5_000),
    "one outline of 100,000 points": [outline(SLIDE_PX / 2, SLIDE_PX / 2, 35_000, 100_000, 0)],
}


def corners() -> tuple[FloatArray, FloatArray]:
    steps = np.arange(PATCHES_A_SIDE) * PATCH_PX
    x, y = np.meshgrid(steps, steps)
    return x.ravel(), y.ravel()


def plain(parts: NDArray[np.object_], x: FloatArray, y: FloatArray) -> FloatArray:
    patches = shapely.box(x, y, x + PATCH_PX, y + PATCH_PX)
    which, part = STRtree(parts).query(patches, predicate="intersects")
    shared = shapely.area(shapely.intersection(patches[which], parts[part]))
    return np.bincount(which, shared, len(x)) / PATCH_PX**2


def read_seconds(polygons: list[Polygon], folder: Path) -> tuple[float, float]:
    """Megabytes of a GeoJSON file of the outlines, and the seconds that reading it takes."""
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(polygon),
            "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
        }
        for polygon in polygons
    ]
    path = folder / "slide.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    began = time.process_time()
    read_annotations(path)
    return path.stat().st_size / 1e6, time.process_time() - began


def main() -> int:
    x, y = corners()
    print(f"{len(x):,} patches\n")
    print(f"{'':32}{'labelled in':>12}{'plain way':>12}{'ratio':>8}{'file':>10}{'read in':>10}")
    fine = True
    for name, polygons in KINDS.items():
        began = time.process_time()
        shares = AnnotatedArea(polygons).fraction_of(x, y, PATCH_PX, PATCH_PX)
        seconds = time.process_time() - began
        parts = shapely.get_parts(shapely.union_all(polygons))
        began = time.process_time()
        expected = plain(parts, x[::SAMPLE], y[::SAMPLE])
        plain_seconds = (time.process_time() - began) * len(x) / len(expected)
        with tempfile.TemporaryDirectory() as folder:
            size, reading = read_seconds(polygons, Path(folder))
        print(
            f"{name:32}{seconds:10.1f} s{plain_seconds:10.1f} s{plain_seconds / seconds:8.1f}"
            f"{size:7.1f} MB{reading:8.1f} s"
        )
        fine &= seconds <= MOST_SECONDS and np.allclose(shares[::SAMPLE], expected, atol=1e-9)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
