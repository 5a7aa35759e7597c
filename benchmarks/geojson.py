"""How long `heatmap.geojson` takes to write, how large it is, and how much memory it needs.

Run: python benchmarks/geojson.py. Each size runs in a process of its own, with its own peak.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from wsi_idc.heatmap.export.geojson import GeoJsonFrame, write_geojson
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.regions import find_regions
from wsi_idc.slides.info import Bounds
from wsi_idc.slides.raster import Placement

SIZES = (100_000, 1_000_000)


def measure(cells: int) -> None:
    side = round(cells**0.5)
    noise = ndimage.gaussian_filter(np.random.default_rng(0).random((side, side)), 4)
    values = (noise - noise.min()) / (noise.max() - noise.min())
    at = Placement(0.0, 0.0, 100 / 0.2527, 100 / 0.2527, 0.2527, 0.2527)
    probability = ProbabilityMap(values.astype(np.float32), at)
    threshold = float(np.quantile(values, 0.8))
    before = _peak_mb()
    began = time.monotonic()
    regions = find_regions(probability, threshold)
    traced = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heatmap.geojson"
        write_geojson(
            path,
            probability,
            regions,
            threshold=threshold,
            frame=GeoJsonFrame("bounds", Bounds(0, 0, 1, 1)),
            name="made",
            identity={},
        )
        size = path.stat().st_size / 1e6
    print(
        f"{side * side:9,} cells, {len(regions):5,} regions: outlines {traced - began:.1f} s, "
        f"file {time.monotonic() - traced:.1f} s, {size:.0f} MB; "
        f"peak memory {_peak_mb():.0f} MB, {_peak_mb() - before:.0f} MB more than before"
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
    else:
        for cells in SIZES:
            subprocess.run([sys.executable, __file__, str(cells)], check=True)
