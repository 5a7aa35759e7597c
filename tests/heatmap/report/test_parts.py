"""Parts of the report: outlines, values to try, histogram, pictures and close-ups."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from heatmap.report.results import a_result
from PIL import Image
from slide_factory import decode_position, position_slide

from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.report.cells import outline_path, trial_values
from wsi_idc.heatmap.report.close_ups import CloseUp, cut_close_up, hottest_cell
from wsi_idc.heatmap.report.histogram import area_by_probability
from wsi_idc.heatmap.report.pictures import jpeg
from wsi_idc.heatmap.report.regions import list_regions, read_close_ups
from wsi_idc.slides import open_slide
from wsi_idc.slides.raster import Placement

N = np.nan


def edges_of(path: str) -> set[tuple[int, int, str]]:
    """The unit edges that a path runs along: (x, y) and the direction from there."""
    edges = set()
    for x, y, direction, stop in re.findall(r"M(\d+) (\d+)([HV])(\d+)", path):
        start = int(x) if direction == "H" else int(y)
        for at in range(start, int(stop)):
            edge = (at, int(y), "H") if direction == "H" else (int(x), at, "V")
            assert edge not in edges
            edges.add(edge)
    return edges


def test_the_outline_of_one_cell_and_of_none():
    inside = np.zeros((3, 4), bool)
    assert outline_path(inside) == ""
    inside[1, 2] = True
    assert outline_path(inside) == "M2 1H3M2 2H3M2 1V2M3 1V2"


def test_an_outline_runs_along_every_edge_between_in_and_out_and_no_other():
    inside = np.random.default_rng(2).random((9, 13)) < 0.5
    padded = np.pad(inside, 1)
    expected = set()
    for y in range(10):
        for x in range(14):
            if x < 13 and padded[y, x + 1] != padded[y + 1, x + 1]:
                expected.add((x, y, "H"))
            if y < 9 and padded[y + 1, x] != padded[y + 1, x + 1]:
                expected.add((x, y, "V"))
    assert edges_of(outline_path(inside)) == expected


def test_values_to_try_count_the_same_cells_as_the_map_does():
    values = np.random.default_rng(4).random((20, 30), np.float32)
    values[0, :6] = [0.0, 1.0, 0.3, 0.295, np.nextafter(np.float32(0.3), np.float32(0)), N]
    probability = ProbabilityMap(values, Placement(0, 0, 1000, 1000, 1, 1))
    steps = np.frombuffer(base64.b64decode(trial_values(values)), np.uint8).reshape(20, 30)
    assert steps[0, 5] == 255
    assert np.count_nonzero(steps == 255) == 1
    for step in range(201):
        cells = np.count_nonzero((steps >= step) & (steps != 255))
        assert cells == pytest.approx(probability.area_mm2(step / 200)), step


def test_the_histogram_splits_at_the_threshold():
    values = np.array([[0.01, 0.02, 0.52, 0.54, 1.0, N]], np.float32)
    probability = ProbabilityMap(values, Placement(0, 0, 800, 200, 0.25, 0.5))
    below, above = area_by_probability(probability, 0.53)
    assert below == pytest.approx([0.04] + [0] * 9 + [0.02] + [0] * 9)
    assert above == pytest.approx([0] * 10 + [0.02] + [0] * 8 + [0.02])


def test_pictures_keep_to_their_budget():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    large, small = jpeg(noise, most_bytes=10**6), jpeg(noise, most_bytes=8000)
    assert Image.open(io.BytesIO(large)).size == (400, 300)
    assert len(small) <= 8000
    width, height = Image.open(io.BytesIO(small)).size
    assert width / height == pytest.approx(4 / 3, rel=0.02)
    assert jpeg(noise, most_bytes=1)  # a dot, and no endless loop


def test_the_hottest_cell_has_hot_neighbours():
    values = np.full((8, 9), 0.1, np.float32)
    values[1, 1] = 0.99
    values[4:7, 5:8] = 0.8
    assert hottest_cell(values, np.ones_like(values, bool)) == (5, 6)
    among = np.zeros_like(values, bool)
    among[:3] = True
    assert hottest_cell(values, among) == (0, 0)  # beside the single hot cell, with fewest others
    values[4:7, 7] = N  # what was not assessed is not cold
    assert hottest_cell(values, values > 0.5) == (5, 6)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory):
    # Periods of a close-up's size, and µm/px that no integer leads to 2 from.
    folder = tmp_path_factory.mktemp("close-ups")
    return position_slide(folder, 4501, 3503, 0.9137, (1, 2), period=1024.0)


def test_close_ups_show_the_hottest_places_of_the_regions(slide):
    path, code = slide
    cell = 200 / 0.9137
    values = np.full((15, 20), 0.1, np.float32)
    values[4:7, 5:9] = 0.9
    values[12:15, 17:20] = 0.9
    values[9, 2] = 0.95
    probability = ProbabilityMap(values, Placement(0, 0, cell, cell, 0.9137, 0.9137))
    with open_slide(path) as opened:
        close_ups = read_close_ups(opened, a_result(probability=probability))
    assert [(round(c.target[0] / cell, 6), round(c.target[1] / cell, 6)) for c in close_ups] == [
        (6.5, 5.5),
        (18.5, 13.5),
        (2.5, 9.5),
    ]
    for close_up in close_ups:
        at = close_up.placement
        assert (close_up.width, close_up.height) == (500, 500)
        assert at.pixel_width_um == pytest.approx(2.0)
        assert 0 <= at.origin_x <= 4501 - 500 * at.pixel_width + 1e-6
        assert 0 <= at.origin_y <= 3503 - 500 * at.pixel_height + 1e-6
        pixels = np.asarray(Image.open(io.BytesIO(close_up.jpeg)).convert("RGB"))
        x, y = decode_position(pixels, code, at.pixel_width, at.pixel_height)
        assert (x, y) == pytest.approx((at.origin_x, at.origin_y), abs=at.pixel_width)
    middle = close_ups[0].placement.origin_x + 250 * close_ups[0].placement.pixel_width
    assert middle == pytest.approx(6.5 * cell)


def test_without_a_region_the_hottest_place_is_read(slide):
    path, _ = slide
    cell = 200 / 0.9137
    values = np.full((15, 20), N, np.float32)
    at = Placement(0, 0, cell, cell, 0.9137, 0.9137)
    with open_slide(path) as opened:
        assert read_close_ups(opened, a_result(probability=ProbabilityMap(values, at))) == ()
        values[5, 5] = 0.2
        (close_up,) = read_close_ups(opened, a_result(probability=ProbabilityMap(values, at)))
    assert close_up.target == pytest.approx((5.5 * cell, 5.5 * cell))


def test_a_stored_close_up_is_shown_where_its_target_lies_in_the_region():
    result = a_result()
    at = result.probability.placement
    target = (at.origin_x + 6.5 * at.pixel_width, at.origin_y + 5.5 * at.pixel_height)
    stored = CloseUp(jpeg(np.zeros((4, 4, 3), np.uint8), most_bytes=999), at, 4, 4, target)
    with_it = a_result(close_ups=(stored,))
    first, second = list_regions(with_it)["regions"]
    assert first["picture"].endswith(base64.b64encode(stored.jpeg).decode())
    assert second["picture"] == list_regions(result)["regions"][1]["picture"]


def test_a_close_up_comes_back_from_its_description():
    close_up = CloseUp(b"file", Placement(1 / 3, 2.0, 3.0, 4.0, 0.25, 0.5), 5, 6, (7.25, 8.0))
    assert CloseUp.from_description(b"file", close_up.description()) == close_up


@pytest.mark.parametrize("target", [(0, 0), (2400, 1600), (1e9, 1e9)])
def test_a_close_up_cut_from_the_overview_lies_on_it(target):
    picture = a_result().picture
    at = picture.placement
    x = at.origin_x + target[0]
    close_up = cut_close_up(picture, x, at.origin_y + target[1])
    assert (close_up.width, close_up.height) == (100, 100)  # 1 mm at 10 µm/px
    column = (close_up.placement.origin_x - at.origin_x) / at.pixel_width
    assert column == pytest.approx(round(column), abs=1e-6)
    assert 0 <= column <= 380
    cut = np.asarray(Image.open(io.BytesIO(close_up.jpeg)).convert("RGB")).astype(int)
    row = round((close_up.placement.origin_y - at.origin_y) / at.pixel_height)
    own = picture.pixels[row : row + 100, round(column) : round(column) + 100]
    assert np.abs(cut.mean(axis=2) - own.mean(axis=2)).mean() < 12
