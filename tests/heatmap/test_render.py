"""Overlay pictures: colours on the right pixels, values untouched, texts inside the margins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsi_idc.drawing.pen import round_length_mm
from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.blending import (
    ASSESSED_COLOUR,
    HALO_COLOUR,
    OUTLINE_COLOUR,
    OverlaySettings,
    blend,
    resize_picture,
)
from wsi_idc.heatmap.colormaps import COLORMAPS, colour_table
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.render import picture_box, render_overlay, write_png
from wsi_idc.slides.raster import Placement, SlidePicture

PINK = (222, 160, 190)
SHADED_PINK = (195, 141, 167)  # 0.88 of it
FACTS = {"title": "slide-1", "model_name": "model-1", "mpp": 8.0}
PLAIN = OverlaySettings(opacity=1.0, outline=False)


def plain_picture(
    columns: int, rows: int, pixel_width: float = 32.0, pixel_height: float = 32.0, **place: float
) -> SlidePicture:
    place = {"origin_x": 0.0, "origin_y": 0.0, "mpp_x": 0.25, "mpp_y": 0.25} | place
    pixels = np.full((rows, columns, 3), PINK, dtype=np.uint8)
    return SlidePicture(
        pixels, Placement(pixel_width=pixel_width, pixel_height=pixel_height, **place)
    )


def map_over(
    picture: SlidePicture, cell_um: float, *, origin_x: float = 0.0, origin_y: float = 0.0
) -> ProbabilityMap:
    """A map of unassessed cells that covers the picture."""
    at = picture.placement
    rows, columns = picture.pixels.shape[:2]
    cell_width, cell_height = cell_um / at.mpp_x, cell_um / at.mpp_y
    shape = (
        int(np.ceil(rows * at.pixel_height / cell_height)),
        int(np.ceil(columns * at.pixel_width / cell_width)),
    )
    place = Placement(origin_x, origin_y, cell_width, cell_height, at.mpp_x, at.mpp_y)
    return ProbabilityMap(np.full(shape, np.nan, dtype=np.float32), place)


def bounding_box(where: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize(("mpp_x", "mpp_y"), [(0.2527, 0.2527), (0.2431, 0.2611)])
def test_one_hot_cell_at_the_far_corner_lands_on_its_tissue(side_by_side, mpp_x, mpp_y):
    width, height, origin_x, origin_y = 97_531, 64_213, 4_321, 1_234
    picture = plain_picture(
        1591,
        1047,
        width / 1591,
        height / 1047,
        origin_x=origin_x,
        origin_y=origin_y,
        mpp_x=mpp_x,
        mpp_y=mpp_y,
    )
    probability = map_over(picture, 200.0, origin_x=origin_x, origin_y=origin_y)
    row, column = probability.values.shape[0] - 2, probability.values.shape[1] - 2
    probability.values[row, column] = 1.0
    at = probability.placement

    image = np.asarray(
        render_overlay(picture, probability, settings=PLAIN, **FACTS, side_by_side=side_by_side)
    )
    box = picture_box(picture, PLAIN, side_by_side=side_by_side)
    slide = image[box.top : box.bottom, box.left : box.right]
    found = bounding_box((slide != PINK).any(axis=2))

    expected = (
        column * at.pixel_width / width * box.width,
        row * at.pixel_height / height * box.height,
        (column + 1) * at.pixel_width / width * box.width,
        (row + 1) * at.pixel_height / height * box.height,
    )
    # A pixel belongs to the cell that its centre lies in: no edge is off by more than half.
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.5)


def test_the_slide_keeps_its_shape_in_microns_in_its_box():
    picture = plain_picture(1000, 700, mpp_x=0.25, mpp_y=0.5)
    box = picture_box(picture, OverlaySettings())
    assert box.height / box.width == pytest.approx(1.4, abs=1 / box.width)


def test_pixels_of_the_slide_itself_are_where_the_box_says():
    picture = plain_picture(1552, 600)
    picture.pixels[317, 1203] = (0, 0, 0)
    probability = map_over(picture, 200.0)
    image = np.asarray(render_overlay(picture, probability, settings=PLAIN, **FACTS))
    box = picture_box(picture, PLAIN)
    assert (box.width, box.height) == (1552, 600)
    np.testing.assert_array_equal(image[box.top : box.bottom, box.left : box.right], picture.pixels)


def test_the_outline_runs_on_the_edges_of_the_cells():
    picture = plain_picture(400, 300)
    probability = map_over(picture, 200.0)  # 25 pixels a cell
    probability.values[:] = 0.0
    probability.values[4:6, 3:8] = 0.5
    result = blend(picture, probability, OverlaySettings(threshold=0.5, width_px=1600))
    assert bounding_box((result == OUTLINE_COLOUR).all(axis=2)) == (75, 100, 200, 150)
    assert bounding_box((result == HALO_COLOUR).all(axis=2)) == (73, 98, 202, 152)
    none = blend(picture, probability, OverlaySettings(threshold=0.51, width_px=1600))
    assert not (none == OUTLINE_COLOUR).all(axis=2).any()


def test_what_was_assessed_is_outlined_and_left_alone_and_the_rest_is_shaded():
    picture = plain_picture(400, 300)
    probability = map_over(picture, 200.0)
    probability.values[2:4, 2:6] = 0.0
    result = blend(picture, probability, OverlaySettings())
    line = (result == ASSESSED_COLOUR).all(axis=2)
    assert bounding_box(line) == (50, 50, 150, 100)
    assert np.count_nonzero(line) == 2 * 100 + 2 * 48
    inside = np.zeros_like(line)
    inside[50:100, 50:150] = True
    assert (result[inside & ~line] == PINK).all()
    assert (result[~inside] == SHADED_PINK).all()
    bare = blend(picture, probability, OverlaySettings(outline=False))
    assert (bare == PINK).all()


def test_cells_below_the_floor_have_no_colour_and_opacity_rises_above_it():
    picture = plain_picture(100, 25)
    probability = map_over(picture, 200.0)
    probability.values[0] = [0.29, 0.3, 0.6, 1.0]
    settings = OverlaySettings(floor=0.3, opacity=0.5, outline=False, colormap="viridis")
    colours = blend(picture, probability, settings)[12, 12::25].astype(int)
    assert tuple(colours[0]) == PINK
    # The further from the tissue's own blue, the more of viridis' yellow (blue 37) is in it.
    blues = colours[:, 2]
    assert blues[0] > blues[1] > blues[2] > blues[3]


def test_opacity_one_shows_the_colour_map_itself_and_zero_the_slide():
    picture = plain_picture(100, 25)
    probability = map_over(picture, 200.0)
    probability.values[0] = 1.0
    for name in COLORMAPS:
        result = blend(picture, probability, replace(PLAIN, colormap=name))
        assert (result == colour_table(name)[255]).all()
    assert (blend(picture, probability, replace(PLAIN, opacity=0.0)) == PINK).all()


def test_colours_span_0_to_1_whatever_the_map_holds():
    picture = plain_picture(100, 25)
    low, high = map_over(picture, 200.0), map_over(picture, 200.0)
    low.values[0] = [0.2, 0.3, 0.4, 0.4]
    high.values[0] = [0.2, 0.3, 0.4, 1.0]
    a, b = blend(picture, low, PLAIN), blend(picture, high, PLAIN)
    np.testing.assert_array_equal(a[:, :75], b[:, :75])
    assert (a[:, 75:] != b[:, 75:]).any()


def test_settings_change_the_picture_and_never_the_values():
    picture = plain_picture(800, 600)
    probability = map_over(picture, 200.0)
    rng = np.random.default_rng(1)
    probability.values[:] = rng.random(probability.values.shape)
    probability.values[:, 0] = np.nan
    before, slide_before = probability.values.copy(), picture.pixels.copy()
    pictures = {
        change: render_overlay(
            picture, probability, settings=OverlaySettings(width_px=600, **dict([change])), **FACTS
        ).tobytes()
        for change in (
            ("threshold", 0.4),
            ("threshold", 0.6),
            ("colormap", "cividis"),
            ("opacity", 0.7),
            ("floor", 0.3),
            ("smooth", True),
            ("outline", False),
        )
    }
    assert len(set(pictures.values())) == len(pictures)
    np.testing.assert_array_equal(probability.values, before)
    np.testing.assert_array_equal(picture.pixels, slide_before)


def test_smoothing_interpolates_between_cell_centres_within_the_assessed_cells():
    picture = plain_picture(125, 25)  # 25 pixels a cell
    probability = map_over(picture, 200.0)
    probability.values[0] = [np.nan, 0.2, 1.0, 1.0, np.nan]
    sharp = replace(PLAIN, colormap="viridis", floor=0.0)
    result = blend(picture, probability, replace(sharp, smooth=True))

    def colour_of(value: float) -> np.ndarray:
        flat = map_over(picture, 200.0)
        flat.values[:] = value
        return blend(picture, flat, sharp)[12, 12]

    assert (result[:, :25] == PINK).all()
    assert (result[:, 100:] == PINK).all()
    # The half of a cell beside glass is not watered down by the glass.
    assert (result[:, 25:38] == colour_of(0.2)).all()
    assert (result[:, 75:100] == colour_of(1.0)).all()
    # The centre of pixel 50 lies 13 pixels right of the cell's centre.
    np.testing.assert_array_equal(result[12, 50], colour_of(0.2 + 0.8 * 13 / 25))


def test_resizing_keeps_the_rectangle_on_the_slide():
    picture = plain_picture(301, 207, 31.7, 33.3, origin_x=11.0, origin_y=-5.0)
    at = resize_picture(picture, 97, 64).placement
    assert (at.origin_x, at.origin_y) == (11.0, -5.0)
    assert at.pixel_width * 97 == pytest.approx(31.7 * 301, rel=1e-12)
    assert at.pixel_height * 64 == pytest.approx(33.3 * 207, rel=1e-12)


SHAPES = {
    "wide": (2400, 500),
    "tall": (300, 2400),
    "square": (900, 900),
    "tiny": (139, 185),
    "sliver": (4000, 20),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width_px", [400, 1000])
@pytest.mark.parametrize("threshold", [0.123456, 1.0])
def test_nothing_runs_over_the_margins(shape, width_px, threshold):
    picture = plain_picture(*SHAPES[shape])
    probability = map_over(picture, 200.0)
    probability.values[:] = 0.7
    settings = OverlaySettings(width_px=width_px, smooth=True, threshold=threshold)
    facts = {"title": "a-rather-long-slide-name-" * 9, "model_name": "model-" * 40, "mpp": 7.9936}
    for side_by_side in (False, True):
        image = render_overlay(
            picture, probability, settings=settings, **facts, side_by_side=side_by_side
        )
        assert image.width <= width_px
        border = round(20 * width_px / 1600)
        pixels = np.asarray(image)
        for strip in (pixels[:border], pixels[-border // 2 :]):
            assert (strip == 255).all(), "text above or below the picture is cut off"
        for strip in (pixels[:, :border], pixels[:, -border:]):
            assert (strip == 255).all(), "text runs over a side of the picture"


def test_long_names_are_shortened_in_the_middle():
    picture = plain_picture(800, 600)
    probability = map_over(picture, 200.0)
    name = "CASE-4711-" + "x" * 200 + "-block-B3"
    other_end, other_middle = name[:-1] + "4", name[:90] + "y" + name[91:]

    def drawn(title: str) -> bytes:
        facts = FACTS | {"title": title}
        return render_overlay(picture, probability, settings=PLAIN, **facts).tobytes()

    assert drawn(name) != drawn(other_end)
    assert drawn(name) == drawn(other_middle)


@pytest.mark.parametrize(
    ("most_mm", "length_mm"),
    [(9.99, 5), (5.0, 5), (4.99, 2), (1.0, 1), (0.99, 0.5), (0.21, 0.2), (0.0301, 0.02), (70, 50)],
)
def test_scale_bars_have_round_lengths(most_mm, length_mm):
    assert round_length_mm(most_mm) == length_mm


def test_the_scale_bar_is_as_long_as_it_says():
    picture = plain_picture(1552, 800)  # 8 µm a pixel at the picture's own scale
    probability = map_over(picture, 200.0)
    image = np.asarray(render_overlay(picture, probability, settings=PLAIN, **FACTS))
    box = picture_box(picture, PLAIN)
    row = image[box.bottom + 32, : image.shape[1] // 3]  # through the middle of the bar
    dark = np.flatnonzero(row.max(axis=1) < 60)
    # 300 px are 2.4 mm, so the bar shows 2 mm: 250 px.
    assert (dark[0], dark[-1] + 1) == (box.left, box.left + 250)


def test_a_map_without_any_assessed_cell_is_drawn():
    picture = plain_picture(400, 300)
    image = render_overlay(picture, map_over(picture, 200.0), settings=OverlaySettings(), **FACTS)
    box = picture_box(picture, OverlaySettings())
    assert (np.asarray(image)[box.top : box.bottom, box.left : box.right] == SHADED_PINK).all()


def test_threads_draw_the_same_picture_and_png_files_hold_pixels_alone(tmp_path: Path):
    picture = plain_picture(800, 600)
    probability = map_over(picture, 200.0)
    probability.values[:] = np.linspace(0, 1, probability.values.size).reshape(
        probability.values.shape
    )

    def write(number: int) -> bytes:
        settings = OverlaySettings(width_px=600)
        image = render_overlay(picture, probability, settings=settings, **FACTS)
        image.info["Creation Time"] = str(number)
        write_png(tmp_path / f"{number}.png", image)
        return (tmp_path / f"{number}.png").read_bytes()

    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(write, range(8)))
    assert all(a == b for a, b in pairwise(files))
    with Image.open(tmp_path / "0.png") as image:
        assert image.info == {}
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png"] * 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"colormap": "jet"},
        {"opacity": 1.1},
        {"threshold": -0.1},
        {"floor": float("nan")},
        {"width_px": 100},
    ],
)
def test_settings_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(SettingsError):
        OverlaySettings(**wrong)


@pytest.mark.parametrize("name", [name for name in COLORMAPS if name != "turbo"])
def test_lightness_rises_all_the_way(name):
    linear = (colour_table(name) / 255.0) ** 2.2
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[::8]) > 0).all()
