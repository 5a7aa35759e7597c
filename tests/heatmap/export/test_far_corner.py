"""No drift: at the far corner every file names the place whose pixels were scored.

The slide's pixels encode where they are. Each patch is scored by the place that its pixels
tell; what other libraries then read from the files must be at that place, within half a target
pixel.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import ome_types
import pandas as pd
import pytest
import shapely.geometry
import tifffile
from slide_factory import decode_position, position_slide

from wsi_idc.heatmap.aggregate import aggregate
from wsi_idc.heatmap.export.geojson import GeoJsonFrame, write_geojson
from wsi_idc.heatmap.export.ome_tiff import write_ome_tiff
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.regions import find_regions
from wsi_idc.heatmap.result import write_scores
from wsi_idc.slides import SlideSource
from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.slides.levels import make_levels
from wsi_idc.slides.raster import Placement
from wsi_idc.tiling.blocks import read_batches
from wsi_idc.tiling.grid import make_grid
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan, plan_patches

MPP = 8.0
HALF_A_TARGET_PIXEL_UM = MPP / 2


def places(folder: Path, bounds: Bounds) -> dict[str, pd.DataFrame]:
    """Value and left, top edge (level-0 px) of every cell or patch, by file, by other readers."""
    content = json.loads((folder / "map.geojson").read_text(encoding="ascii"))
    tiles = [f for f in content["features"] if f["properties"]["objectType"] == "tile"]
    corners = [shapely.geometry.shape(tile["geometry"]).bounds[:2] for tile in tiles]
    values = [tile["properties"]["measurements"]["prob_idc"] for tile in tiles]
    x, y = np.array(corners).T
    found = {"geojson": pd.DataFrame({"x": x + bounds.x, "y": y + bounds.y, "value": values})}

    scores = pd.read_csv(folder / "scores.csv")
    found["csv"] = scores.rename(columns={"minx": "x", "miny": "y", "prob_idc": "value"})

    pixels = ome_types.from_tiff(folder / "map.ome.tif").images[0].pixels
    plane = pixels.planes[0]
    mpp_x, mpp_y = (float(value) for value in (folder / "mpp").read_text().split())
    with tifffile.TiffFile(folder / "map.ome.tif") as tiff:
        levels = [level.asarray() for level in tiff.series[0].levels]
    for number, level in enumerate(levels):
        coarser = levels[0].shape[1] / level.shape[1]  # as viewers take it
        row, column = np.nonzero(np.isfinite(level))
        found[f"ome {number}"] = pd.DataFrame(
            {
                "x": (plane.position_x + column * coarser * pixels.physical_size_x) / mpp_x,
                "y": (plane.position_y + row * coarser * pixels.physical_size_y) / mpp_y,
                "value": level[row, column],
            }
        )
    return found


def write_all(folder: Path, probability: ProbabilityMap, bounds: Bounds) -> None:
    at = probability.placement
    write_ome_tiff(folder / "map.ome.tif", probability, "slide")
    write_geojson(
        folder / "map.geojson",
        probability,
        find_regions(probability, 0.9),
        threshold=0.9,
        frame=GeoJsonFrame("bounds", bounds),
        name="slide",
        identity={},
    )
    (folder / "mpp").write_text(f"{at.mpp_x!r} {at.mpp_y!r}")


@pytest.mark.parametrize("axis", ["x", "y"])
def test_what_the_pixels_tell_is_where_the_files_say(tmp_path: Path, axis: str):
    width, height = (16_011, 1_203) if axis == "x" else (1_203, 16_011)
    mpp = (2.0271, 1.9313)
    path, code = position_slide(tmp_path, width, height, mpp, (1, 4), period=200.0)
    source = SlideSource(path, "auto", mpp)
    with source.open() as slide:
        info = slide.info
        plan = plan_patches(info, None, mpp=MPP, patch_size=50, stride=50, min_tissue=0)
    grid = plan.grid
    # Patches that hang over the edge tell no place.
    inside = (plan.x_level0 + grid.patch_width_level0 <= width) & (
        plan.y_level0 + grid.patch_height_level0 <= height
    )
    plan = plan.select(inside)
    told = np.full(len(plan), np.nan)
    extent = width if axis == "x" else height
    for indices, patches in read_batches(source, plan, 64):
        for index, patch in zip(indices, patches, strict=False):
            place = decode_position(patch, code, grid.scale_x, grid.scale_y)
            told[index] = np.clip(place[0 if axis == "x" else 1], 0, None) / extent
    write_scores(tmp_path, plan, {"prob_idc": told.astype(np.float32)})
    write_all(tmp_path, aggregate(plan, told), info.bounds)
    microns = mpp[0] if axis == "x" else mpp[1]
    for file, table in places(tmp_path, info.bounds).items():
        off = (table["value"] * extent - table[axis]).abs() * microns
        assert table[axis].max() > 0.93 * extent, file
        assert off.max() < HALF_A_TARGET_PIXEL_UM, file


@pytest.mark.parametrize("mpp", [(0.2527, 0.2527), (0.2431, 0.2611), (1 / 3, 0.5)])
@pytest.mark.parametrize("stride", [1, 7, 25])
def test_the_last_cell_of_a_huge_slide_with_bounds_is_named_alike_by_all(
    tmp_path: Path, mpp: tuple[float, float], stride: int
):
    bounds = Bounds(4_321, 7_654, 95_679, 59_123)
    info = SlideInfo(
        path=Path("slide.mrxs"),
        name="slide",
        reader="openslide",
        vendor="mirax",
        width=bounds.x + bounds.width,
        height=bounds.y + bounds.height,
        mpp_x=mpp[0],
        mpp_y=mpp[1],
        mpp_source="test",
        mpp_is_guess=False,
        objective_power=None,
        levels=make_levels([(100_000, 66_777)]),
        bounds=bounds,
    )
    grid = make_grid(info, MPP, 50, stride)
    values = np.full((grid.rows, grid.columns), np.nan, np.float32)
    values[grid.rows - 2, grid.columns - 2] = 1.0
    placement = Placement(
        grid.origin_x,
        grid.origin_y,
        stride * grid.scale_x,
        stride * grid.scale_y,
        info.mpp_x,
        info.mpp_y,
    )
    write_all(tmp_path, ProbabilityMap(values, placement), bounds)
    last = PatchPlan(
        grid,
        columns=np.array([grid.columns - 2]),
        rows=np.array([grid.rows - 2]),
        tissue_fraction=np.ones(1, np.float32),
        label=np.full(1, NO_LABEL, np.int8),
    )
    write_scores(tmp_path, last, {"prob_idc": np.ones(1, np.float32)})
    # In whole fractions, not by the code under test: the cell begins at this many microns.
    left_um = (grid.columns - 2) * stride * MPP
    top_um = (grid.rows - 2) * stride * MPP
    for file, table in places(tmp_path, bounds).items():
        (cell,) = table.itertuples()
        coarser = 2 ** int(file.split()[-1]) if file.startswith("ome") else 1
        cell_um = coarser * stride * MPP
        # A coarser cell begins at a multiple of its size.
        expected = left_um // cell_um * cell_um, top_um // cell_um * cell_um
        off_x = (cell.x - bounds.x) * mpp[0] - expected[0]
        off_y = (cell.y - bounds.y) * mpp[1] - expected[1]
        assert max(abs(off_x), abs(off_y)) < 0.01, file
    (region,) = find_regions(ProbabilityMap(values, placement), 0.5)
    assert (region.left - bounds.x) * mpp[0] == pytest.approx(left_um, abs=1e-6)
    assert (region.bottom - bounds.y) * mpp[1] == pytest.approx(top_um + stride * MPP, abs=1e-6)
