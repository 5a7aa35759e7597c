"""The viewer in a real browser: what is clicked, dragged and drawn, and what is shown then."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import FLAGS, find_chromium, served
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from slide_factory import decode_position
from viewer_results import LEFT_PX, MPP, TOP_PX, MappedSlide, make_mapped_slide

from wsi_idc.heatmap.regions import find_regions
from wsi_idc.heatmap.result import read_result
from wsi_idc.view import list_slides
from wsi_idc.view.entry import ViewSettings

WIDE = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the drawings."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture(scope="module")
def address(mapped: MappedSlide, drawn: Path) -> Iterator[str]:
    settings = ViewSettings(results=mapped.results, annotations=drawn)
    with served(list_slides([mapped.slide], settings)) as address:
        yield address


class Pages:
    """Opens pages, and keeps what goes wrong in them: errors, and requests to another server."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.wrong: list[str] = []

    def __call__(self, url: str, **options: Any) -> Page:
        context = self._browser.new_context(**({"viewport": WIDE} | options))
        self._contexts.append(context)
        page = context.new_page()
        server = "/".join(url.split("/")[:3]) + "/"
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if is_wrong(said) else None)
        page.on("request", lambda asked: self._look_at(asked.url, server))
        page.goto(url)
        settle(page)
        return page

    def _look_at(self, url: str, server: str) -> None:
        if not url.startswith((server, "blob:" + server)):
            self.wrong.append(f"asked {url}")

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert self.wrong == []


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Pages]:
    pages = Pages(browser)
    yield pages
    pages.close()


@pytest.fixture(scope="module")
def shared_page(browser: Browser, address: str) -> Iterator[Page]:
    pages = Pages(browser)
    yield pages(f"{address}/slide/mapped")
    pages.close()


@pytest.fixture
def page(shared_page: Page) -> Page:
    """The page of the slide as it is when it is opened; opening it for each test takes a second."""
    shared_page.evaluate(
        """() => {
          document.activeElement?.blur();
          const nothing = { number: () => null, text: () => null };
          viewer.heatmapPanel.follow(nothing);
          viewer.camera.set({ ...viewer.camera.whole(), angle: 0 });
          viewer.camera.set(viewer.camera.whole());
          viewer.changed();
        }"""
    )
    shared_page.mouse.move(5, 895)
    settle(shared_page)
    return shared_page


@pytest.fixture
def fresh_page(new_page: Pages, address: str) -> Page:
    return new_page(f"{address}/slide/mapped")


def is_wrong(said: ConsoleMessage) -> bool:
    """An error, but for the browser's own note of what a test makes the server refuse."""
    return said.type == "error" and "status of 409" not in said.text


def settle(page: Page) -> None:
    """Wait until nothing moves and all that is in sight is drawn."""
    page.evaluate("() => new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))")
    page.wait_for_selector("html[data-state=settled]", state="attached", timeout=15_000)


def look_at(page: Page, x_um: float, y_um: float, zoom: float, turn: float = 0.0) -> None:
    page.evaluate(
        "([x, y, zoom, turn]) => { viewer.camera.set({ x, y, scale: 10 / zoom, angle: turn });"
        " viewer.changed(); }",
        [x_um, y_um, zoom, turn],
    )
    settle(page)


def camera(page: Page) -> dict[str, float]:
    return page.evaluate(
        "() => { const { x, y, scale, angle } = viewer.camera; return { x, y, scale, angle }; }"
    )


def world(page: Page, x: float, y: float) -> tuple[float, float]:
    """The point of the slide, µm, that lies under a point of the window."""
    return tuple(page.evaluate("([x, y]) => viewer.camera.toWorld(x, y)", [x, y]))


def screen(page: Page, x: float, y: float) -> tuple[float, float]:
    return tuple(page.evaluate("([x, y]) => viewer.camera.toScreen(x, y)", [x, y]))


def pixels(page: Page, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
    """What the canvas shows, RGB, without what lies over it."""
    data = page.evaluate(
        """([left, top, width, height]) => {
          viewer.stage.draw();
          const cut = document.createElement("canvas");
          [cut.width, cut.height] = [width, height];
          cut.getContext("2d").drawImage(viewer.stage.canvas, -left, -top);
          return cut.toDataURL("image/png").split(",")[1];
        }""",
        [left, top, width, height],
    )
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB"))


def drag(page: Page, start: tuple[float, float], stop: tuple[float, float]) -> None:
    """Drag and hold before letting go, so that nothing is thrown."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*stop, steps=6)
    page.wait_for_timeout(120)
    page.mouse.up()
    settle(page)


class TestSlide:
    @pytest.mark.parametrize("zoom, turn", [(5, 0), (5, 1), (2.5, 0), (2.5, 2), (10, 3)])
    def test_every_pixel_shows_its_place(
        self, page: Page, mapped: MappedSlide, zoom: float, turn: int
    ) -> None:
        """The slide's colours tell where they are; half a pixel off would be seen."""
        page.keyboard.press("h")
        look_at(page, 2600, 1800, zoom, turn * math.pi / 2)
        left, top, side = 300, 150, 480
        # The corner that is the upper left one on the slide.
        corner = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
        x_um, y_um = world(page, *corner[turn])
        shown = np.rot90(pixels(page, left, top, side, side), turn)
        scale = 10 / zoom / MPP
        x, y = decode_position(shown, mapped.code, scale, scale)
        assert abs(x - x_um / MPP) < 0.75 * scale
        assert abs(y - y_um / MPP) < 0.75 * scale

    def test_a_drag_moves_the_slide_as_far_as_the_mouse(self, page: Page) -> None:
        look_at(page, 2500, 1700, 5)
        before = world(page, 500, 400)
        drag(page, (500, 400), (620, 330))
        assert world(page, 620, 330) == pytest.approx(before, abs=0.01)

    def test_what_was_thrown_glides_on_and_stops(self, page: Page) -> None:
        look_at(page, 2500, 1700, 5)
        page.evaluate("() => { viewer.camera.throwBy(-1, 0); viewer.changed(); }")
        settle(page)
        after = camera(page)
        assert 2500 + 100 < after["x"] < 2500 + 800
        assert after["y"] == 1700

    def test_the_wheel_zooms_around_the_cursor(self, page: Page) -> None:
        look_at(page, 2500, 1700, 2)
        page.mouse.move(420, 330)
        before, scale = world(page, 420, 330), camera(page)["scale"]
        page.mouse.wheel(0, -300)
        settle(page)
        assert camera(page)["scale"] < 0.8 * scale
        assert world(page, 420, 330) == pytest.approx(before, abs=1.0)

    @pytest.mark.parametrize("label, zoom", [("1.25×", 1.25), ("5×", 5), ("10×", 10), ("40×", 40)])
    def test_buttons_give_the_magnification(self, page: Page, label: str, zoom: float) -> None:
        page.get_by_role("button", name=label, exact=True).click()
        settle(page)
        assert 10 / camera(page)["scale"] == pytest.approx(zoom)
        assert page.inner_text("#power") == label
        assert page.locator("#powers .on").inner_text() == label

    def test_the_scale_bar_is_as_long_as_it_says(self, page: Page) -> None:
        for zoom in (1.25, 2.5, 5, 17, 40):
            look_at(page, 2500, 1700, zoom)
            value, unit = page.inner_text("#length").split()
            um = float(value) * {"mm": 1000, "µm": 1}[unit]
            width = page.locator("#scale i").bounding_box()["width"]
            assert width == pytest.approx(um / (10 / zoom), abs=0.6)
            assert 60 < width <= 160.5

    def test_keys_move_zoom_and_turn(self, page: Page) -> None:
        look_at(page, 2500, 1700, 5)
        before = camera(page)
        page.keyboard.press("ArrowRight")
        settle(page)
        assert camera(page)["x"] > before["x"] + 100
        page.keyboard.press("3")
        settle(page)
        assert camera(page)["scale"] == pytest.approx(1)
        page.keyboard.press("-")
        settle(page)
        assert camera(page)["scale"] == pytest.approx(1.5, rel=0.01)
        page.keyboard.press("r")
        settle(page)
        assert camera(page)["angle"] == pytest.approx(math.pi / 2, abs=1e-3)
        page.keyboard.press("n")
        page.keyboard.press("0")
        settle(page)
        (left, top), (right, bottom) = screen(page, 0, 0), screen(page, 5000, 3400)
        bar = page.locator("#bar").bounding_box()
        panel = page.locator("#panel").bounding_box()
        assert left > 0 and top > bar["y"] + bar["height"] - 1
        assert right < panel["x"] and bottom < 900

    def test_a_double_click_zooms_in_there(self, page: Page) -> None:
        look_at(page, 2500, 1700, 2)
        before = world(page, 400, 500)
        page.mouse.dblclick(400, 500)
        settle(page)
        assert 10 / camera(page)["scale"] == pytest.approx(4, rel=0.01)
        assert world(page, 400, 500) == pytest.approx(before, abs=1)

    def test_the_overview_leads_there(self, page: Page) -> None:
        look_at(page, 2500, 1700, 10)
        box = page.locator("#overview").bounding_box()
        page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.7 * box["height"])
        settle(page)
        middle = page.evaluate("() => viewer.camera.toWorld(...viewer.camera.freeMiddle)")
        assert middle == pytest.approx([0.3 * 5000, 0.7 * 3400], abs=40)

    def test_two_fingers_zoom(self, new_page: Pages, address: str) -> None:
        page = new_page(f"{address}/slide/mapped", viewport=PHONE, has_touch=True, is_mobile=True)
        look_at(page, 2500, 1700, 2)
        before = world(page, 195, 400)
        session = page.context.new_cdp_session(page)

        def touch(kind: str, apart: float | None) -> None:
            points = [] if apart is None else [195 - apart / 2, 195 + apart / 2]
            touches = [{"x": x, "y": 400, "id": index} for index, x in enumerate(points)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        touch("touchStart", 80)
        for apart in range(90, 170, 10):
            touch("touchMove", apart)
        touch("touchEnd", None)
        settle(page)
        assert 10 / camera(page)["scale"] == pytest.approx(4, rel=0.05)
        assert world(page, 195, 400) == pytest.approx(before, abs=20)
        assert camera(page)["angle"] == 0

    def test_a_tile_that_cannot_be_read_is_hatched_and_said(
        self, new_page: Pages, address: str
    ) -> None:
        page = new_page(f"{address}/slide/mapped#x=2.5&y=1.7&zoom=1.25")
        page.route("**/tiles/0/**", lambda route: route.fulfill(status=204))
        page.keyboard.press("h")
        look_at(page, 2500, 1700, 6)
        assert "cannot be read" in page.inner_text("#toast")
        greys = pixels(page, 300, 200, 200, 200).reshape(-1, 3)
        assert (greys.max(axis=1) == greys.min(axis=1)).all()
        assert len(np.unique(greys[:, 0])) > 1


class TestHeatmap:
    def test_the_value_under_the_cursor_is_that_of_the_map(
        self, page: Page, mapped: MappedSlide
    ) -> None:
        page.keyboard.press("0")
        settle(page)
        for x, y in [(1250, 1500), (2130, 1330), (3900, 2600), (200, 700), (4700, 3200)]:
            page.mouse.move(*screen(page, x, y))
            told = page.inner_text("#reading")
            at = world(page, *map(float, screen(page, x, y)))
            assert f"IDC {mapped.value_at(*at):.3f}" in told
            place = re.search(r"([\d.]+), ([\d.]+) mm", told)
            assert (float(place[1]), float(place[2])) == pytest.approx(
                (x / 1000, y / 1000), abs=0.005
            )

    def test_where_nothing_was_assessed_it_says_so(self, page: Page) -> None:
        page.keyboard.press("0")
        settle(page)
        for x, y in [(1000, 400), (4950, 1000)]:  # a cell without tissue, and beside the map
            page.mouse.move(*screen(page, x, y))
            assert page.inner_text("#reading").startswith("not assessed")

    def test_areas_and_regions_follow_the_threshold(self, page: Page, mapped: MappedSlide) -> None:
        result = read_result(mapped.result)
        for threshold in (0.5, 0.2, 0.7):
            page.locator("#threshold").fill(str(threshold))
            page.wait_for_timeout(400)
            settle(page)
            area = result.probability.area_mm2(threshold)
            assert page.inner_text("#areas").startswith(f"{area:.1f} mm²")
            regions = find_regions(result.probability, threshold)
            rows = page.locator("#region-list .go").all_inner_texts()
            areas = [float(re.search(r"([\d.]+) mm²", row)[1]) for row in rows]
            assert areas == [round(region.area_mm2, 2) for region in regions]

    def test_a_threshold_of_a_cell_counts_that_cell(self, page: Page, mapped: MappedSlide) -> None:
        """Compared in 32 bits, as the program does."""
        for row, column in [(5, 6), (13, 19), (15, 0)]:
            threshold = float(mapped.values[row, column])
            counted = page.evaluate(
                "(threshold) => { viewer.heatmapPanel.change({ threshold });"
                " return viewer.heatmap.positive; }",
                threshold,
            )
            assert counted == np.count_nonzero(mapped.values >= threshold)

    def test_sliders_are_dragged(self, page: Page) -> None:
        look_at(page, 1600, 1250, 5)
        before = pixels(page, 500, 400, 60, 60).astype(int)
        box = page.locator("#opacity").bounding_box()
        middle = box["y"] + box["height"] / 2
        drag(page, (box["x"] + box["width"] / 2, middle), (box["x"] + box["width"] - 3, middle))
        assert page.inner_text("#opacity-value") in ("98 %", "99 %", "100 %")
        assert np.abs(pixels(page, 500, 400, 60, 60) - before).mean() > 10

    def test_at_full_opacity_colours_are_those_of_the_map(
        self, page: Page, mapped: MappedSlide
    ) -> None:
        from wsi_idc.heatmap.colormaps import colour_table

        page.locator("#colormap").select_option("viridis")
        page.locator("#opacity").fill("1")
        look_at(page, 2166, 1343, 5)  # the cell of 0.97
        x, y = map(round, screen(page, LEFT_PX * MPP + 2100, TOP_PX * MPP + 1300))
        shown = pixels(page, x, y, 1, 1)[0, 0].astype(int)
        true = colour_table("viridis")[round(0.97 * 255)].astype(int)
        assert np.abs(shown - true).max() < 12

    def test_a_cell_begins_where_the_map_says(self, page: Page) -> None:
        """The outline's dark line lies on the edge of the region, to a pixel."""
        page.locator("#opacity").fill("0")
        left, top = LEFT_PX * MPP + 5 * 200, TOP_PX * MPP + 4 * 200
        look_at(page, left, top, 5)
        x, y = (round(value) for value in screen(page, left, top))
        across = pixels(page, x - 20, y + 60, 40, 1)[0].astype(int).sum(axis=1)
        dark = np.flatnonzero(across < 120)
        assert abs(dark.mean() + 0.5 - 20) < 1
        down = pixels(page, x + 60, y - 20, 1, 40)[:, 0].astype(int).sum(axis=1)
        dark = np.flatnonzero(down < 120)
        assert abs(dark.mean() + 0.5 - 20) < 1

    def test_keys_turn_map_and_outlines_off(self, page: Page) -> None:
        look_at(page, 1600, 1250, 5)
        with_map = pixels(page, 500, 400, 60, 60).astype(int)
        page.keyboard.press("h")
        settle(page)
        assert np.abs(pixels(page, 500, 400, 60, 60) - with_map).mean() > 5
        assert not page.locator("#controls").is_visible()

    def test_a_click_on_a_region_flies_there(self, page: Page, mapped: MappedSlide) -> None:
        regions = find_regions(read_result(mapped.result).probability, 0.5)
        for row, region in [(1, regions[1]), (0, regions[0])]:
            page.locator("#region-list .go").nth(row).click()
            settle(page)
            middle = page.evaluate("() => viewer.camera.toWorld(...viewer.camera.freeMiddle)")
            x, y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
            assert middle == pytest.approx([x * MPP, y * MPP], abs=1)
        page.keyboard.press(".")
        settle(page)
        assert page.locator("#region-list li").nth(1).get_attribute("class") == "on"


class TestLinks:
    def test_a_link_shows_the_very_same(self, page: Page, new_page: Pages) -> None:
        look_at(page, 1714.3, 1333.3, 3.7, 0.4)
        page.locator("#threshold").fill("0.62")
        page.locator("#opacity").fill("0.8")
        page.locator("#colormap").select_option("inferno")
        page.locator("#only").check()
        page.mouse.move(5, 895)
        page.wait_for_timeout(500)
        settle(page)
        again = new_page(page.url)
        again.mouse.move(5, 895)
        again.wait_for_timeout(500)
        settle(again)
        first, second = (
            np.asarray(Image.open(io.BytesIO(p.screenshot())).convert("RGB")).astype(int)
            for p in (page, again)
        )
        # All but the panel, in which the box that was clicked has a ring.
        assert np.abs(first - second)[:, :1080].max() <= 1
        for name in ("threshold", "opacity", "colormap"):
            assert page.locator(f"#{name}").input_value() == again.locator(f"#{name}").input_value()

    @pytest.mark.parametrize("text", ["#x=a&y=&zoom=0", "#zoom=5", "#colours=__proto__&opacity=9"])
    def test_a_broken_link_shows_the_whole_slide(
        self, new_page: Pages, address: str, text: str
    ) -> None:
        page = new_page(f"{address}/slide/mapped{text}")
        whole = page.evaluate("() => viewer.camera.whole()")
        assert camera(page) == pytest.approx(whole)
        assert page.locator("#colormap").input_value() == "blue-yellow"


class TestPicture:
    def test_a_picture_is_saved_with_a_scale_bar(self, page: Page, tmp_path: Path) -> None:
        look_at(page, 2000, 1500, 5)
        with page.expect_download() as download:
            page.keyboard.press("s")
        assert download.value.suggested_filename == "mapped_2.00mm_1.50mm_5x.png"
        download.value.save_as(tmp_path / "shot.png")
        with Image.open(tmp_path / "shot.png") as image:
            picture = np.asarray(image.convert("RGB")).astype(int)
        assert picture.shape == (944, 1400, 3)
        assert np.array_equal(picture[300:400, 300:400], pixels(page, 300, 300, 100, 100))
        foot = picture[902:, :300].sum(axis=2)
        longest = max(np.count_nonzero(row < 200) for row in foot)
        assert longest == pytest.approx(page.locator("#scale i").bounding_box()["width"], abs=3)


class TestDrawing:
    def saved(self, drawn: Path) -> list[dict[str, Any]]:
        return json.loads((drawn / "mapped.geojson").read_text())["features"]

    @pytest.fixture(autouse=True)
    def nothing_drawn(self, drawn: Path) -> None:
        (drawn / "mapped.geojson").unlink(missing_ok=True)

    def test_an_outline_is_drawn_named_and_saved(self, fresh_page: Page, drawn: Path) -> None:
        page = fresh_page
        look_at(page, 2500, 1700, 2.5)
        corners = [(300, 250), (520, 240), (560, 420), (330, 450)]
        expected = [[c / MPP for c in world(page, *corner)] for corner in corners]
        page.keyboard.press("g")
        for corner in corners:
            page.mouse.click(*corner)
            page.wait_for_timeout(350)  # two clicks at once would close it
        page.keyboard.press("Enter")
        page.locator("#drawn-list .go").wait_for()
        page.locator("#class").fill("DCIS")
        page.locator("#title").fill("left duct")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("Saved in mapped.geojson").wait_for()
        (feature,) = self.saved(drawn)
        assert feature["properties"]["classification"]["name"] == "DCIS"
        assert feature["properties"]["name"] == "left duct"
        (ring,) = feature["geometry"]["coordinates"]
        found = sorted(map(tuple, ring[:-1]))
        assert np.array(found) == pytest.approx(np.array(sorted(map(tuple, expected))), abs=0.01)

    def test_brush_eraser_and_undo(self, fresh_page: Page, drawn: Path) -> None:
        page = fresh_page
        look_at(page, 2500, 1700, 2.5)
        area = "() => viewer.drawing.drawings.regions.length"
        page.keyboard.press("x")
        drag(page, (300, 300), (500, 450))
        page.keyboard.press("b")
        drag(page, (490, 380), (620, 380))
        page.keyboard.press("e")
        drag(page, (400, 200), (400, 600))
        page.wait_for_timeout(300)
        assert page.evaluate(area) == 1
        polygons = page.evaluate("() => viewer.drawing.drawings.regions[0].polygons.length")
        assert polygons == 2  # cut in two
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+s")
        page.get_by_text("Saved in mapped.geojson").wait_for()
        (feature,) = self.saved(drawn)
        from shapely.geometry import shape

        um2 = shape(feature["geometry"]).area * MPP**2
        # A rectangle of 200 by 150 px, and of the brush what reaches over it.
        assert um2 == pytest.approx((200 * 150 + 120 * 48 + math.pi * 24**2 / 2) * 16, rel=0.005)

    def test_a_region_of_the_map_is_corrected_and_the_version_before_kept(
        self, fresh_page: Page, drawn: Path, mapped: MappedSlide
    ) -> None:
        page = fresh_page
        page.locator("#region-list li").first.get_by_role("button", name="Correct").click()
        settle(page)
        page.keyboard.press("Control+s")
        page.get_by_text("Saved in mapped.geojson").wait_for()
        (first,) = self.saved(drawn)
        from shapely.geometry import shape

        (region, *_) = find_regions(read_result(mapped.result).probability, 0.5)
        assert shape(first["geometry"]).area * MPP**2 / 1e6 == pytest.approx(region.area_mm2)
        before = (drawn / "mapped.geojson").read_bytes()
        page.keyboard.press("Delete")
        page.keyboard.press("Control+s")
        page.locator("#save:disabled").wait_for()
        page.wait_for_timeout(300)
        assert self.saved(drawn) == []
        kept = sorted((drawn / "previous").iterdir())
        assert kept[-1].read_bytes() == before

    def test_what_others_drew_stays_as_it_was(
        self, new_page: Pages, address: str, drawn: Path
    ) -> None:
        """A file of QuPath's: what is not touched is saved to the last digit as it came."""
        box = [[600.123456, 500], [900, 500], [900, 700.5], [600.123456, 700.5]]
        polygon = {"type": "Polygon", "coordinates": [[*box, box[0]]]}
        feature = {"type": "Feature", "id": "PathAnnotationObject", "geometry": polygon}
        ours = feature | {
            "properties": {
                "objectType": "annotation",
                "classification": {"names": ["Tumor", "Positive"], "color": [1, 2, 3]},
                "isLocked": True,
                "measurements": {"Area": 1.25},
            }
        }
        cell = feature | {"properties": {"objectType": "cell"}}
        point = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [1, 2.5]},
            "properties": {"name": "a note"},
        }
        file = drawn / "mapped.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": [ours, cell, point]}))
        page = new_page(f"{address}/slide/mapped")
        assert page.locator("#drawn-list .go b").all_inner_texts() == ["Tumor: Positive"]
        look_at(page, 2500, 1700, 2.5)
        page.keyboard.press("x")
        drag(page, (300, 250), (400, 300))
        page.locator("#drawn-list .go").nth(1).wait_for()
        page.keyboard.press("Control+s")
        page.get_by_text("Saved in mapped.geojson").wait_for()
        saved = self.saved(drawn)
        assert [feature for feature in saved if feature in (ours, cell, point)] == [
            ours,
            cell,
            point,
        ]
        assert len(saved) == 4

    def test_what_is_being_typed_is_saved_too(self, fresh_page: Page, drawn: Path) -> None:
        page = fresh_page
        look_at(page, 2500, 1700, 2.5)
        page.keyboard.press("x")
        drag(page, (300, 300), (500, 450))
        page.locator("#title").fill("typed")
        page.keyboard.press("Control+s")
        page.get_by_text("Saved in mapped.geojson").wait_for()
        assert self.saved(drawn)[0]["properties"]["name"] == "typed"

    def test_a_page_that_is_out_of_date_does_not_overwrite(
        self, fresh_page: Page, drawn: Path
    ) -> None:
        page = fresh_page
        look_at(page, 2500, 1700, 2.5)
        page.keyboard.press("x")
        drag(page, (300, 300), (500, 450))
        (drawn / "mapped.geojson").write_text('{"type":"FeatureCollection","features":[]}')
        with page.expect_event("console"):  # the answer 409
            page.keyboard.press("Control+s")
        page.get_by_text("Not saved").wait_for()
        assert self.saved(drawn) == []


@pytest.fixture(scope="module")
def list_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cohort")
    make_mapped_slide(folder, "case 2")
    make_mapped_slide(folder, "other")
    made = make_mapped_slide(folder, "case 10", scale=2.0)
    entries = list_slides([made.results], ViewSettings(slides=made.slide.parent))
    with served(entries) as address:
        yield address


class TestCohort:
    def names(self, page: Page) -> list[str]:
        return page.locator("td.name a").all_inner_texts()

    def test_sorts_searches_and_opens(self, new_page: Pages, list_address: str) -> None:
        page = new_page(list_address)
        assert self.names(page) == ["case 2", "case 10", "other"]
        page.get_by_role("button", name="Tumour mm²").click()
        assert self.names(page) == ["case 10", "case 2", "other"]
        page.get_by_role("button", name="Tumour mm²").click()
        assert self.names(page) == ["case 2", "other", "case 10"]
        page.get_by_role("button", name="Tumour mm²").click()
        page.locator("#search").fill("CASE")
        assert self.names(page) == ["case 10", "case 2"]
        assert page.inner_text("#count") == "2 of 3"
        page.wait_for_timeout(300)
        again = new_page(page.url)
        assert self.names(again) == ["case 10", "case 2"]
        page.locator("tr.slide").first.locator("td").nth(2).click()
        page.wait_for_url("**/slide/case%2010**")
        settle(page)
        assert page.inner_text("#name") == "case 10"
        page.locator("#back").click()
        page.wait_for_url(f"{list_address}/**")

    def test_small_pictures_are_shown(self, new_page: Pages, list_address: str) -> None:
        page = new_page(list_address)
        page.wait_for_load_state("networkidle")
        widths = page.evaluate(
            "() => [...document.querySelectorAll('td img')].map((image) => image.naturalWidth)"
        )
        assert widths == [320, 320, 320]


class TestPhone:
    def test_the_slide_comes_first(self, new_page: Pages, address: str) -> None:
        page = new_page(f"{address}/slide/mapped", viewport=PHONE, has_touch=True, is_mobile=True)
        assert not page.locator("#panel").is_visible()
        for id_ in ("bar", "scale"):
            box = page.locator(f"#{id_}").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390
        page.locator("#sheet").tap()
        assert page.locator("#panel").is_visible()
        assert page.locator("#panel").bounding_box()["height"] < 0.5 * 800

    def test_a_panel_that_was_closed_opens_in_a_window_made_narrow(
        self, new_page: Pages, address: str
    ) -> None:
        page = new_page(f"{address}/slide/mapped")
        page.keyboard.press("p")
        page.set_viewport_size(PHONE)
        page.keyboard.press("p")
        assert page.locator("#panel").is_visible()


def test_another_class_is_chosen(new_page: Pages, tmp_path: Path) -> None:
    made = make_mapped_slide(tmp_path, other_class="dcis")
    entries = list_slides([made.results], ViewSettings(slides=made.slide.parent))
    with served(entries) as address:
        page = new_page(f"{address}/slide/mapped")
        page.locator("#map-class").select_option("dcis")
        page.get_by_text("probability of dcis").wait_for()
        page.wait_for_timeout(400)
        settle(page)
        page.mouse.move(*screen(page, 2130, 1330))
        assert "dcis 0.030" in page.inner_text("#reading")
        again = new_page(page.url)
        again.get_by_text("probability of dcis").wait_for()
        again.locator("#region-list li").first.get_by_role("button", name="Correct").click()
        assert again.input_value("#class") == "dcis"
        assert again.input_value("#title") == "dcis region 1"
        options = "options => options.map(option => option.value)"
        classes = again.locator("#classes option").evaluate_all(options)
        assert classes == ["IDC", "dcis", "DCIS", "Benign", "Ignore"]
        page.context.close()
        again.context.close()
