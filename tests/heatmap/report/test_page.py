"""The report: nothing fetched, nothing unescaped, the numbers of the summary, the same bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from heatmap.report.results import CELL, ORIGIN, a_result
from PIL import Image

from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.report.write import report_page, write_report
from wsi_idc.heatmap.result import HeatmapResult, write_result
from wsi_idc.slides.raster import SlidePicture

VERSIONS = {"wsi_idc": "1.2.3", "python": "3.11.0"}
EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
# Attributes by which a page fetches or runs something.
FETCHING = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction"}


class Page(HTMLParser):
    """What a page consists of: tags with attributes, and texts by the tag they stand in."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open, data))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text_in(self, tag: str) -> str:
        return "".join(text for name, text in self.texts if name == tag)

    @property
    def data(self) -> dict[str, object]:
        return json.loads(next(text for tag, text in self.texts if text.startswith("{")))


def page_of(result: HeatmapResult) -> Page:
    return Page(report_page(result, VERSIONS))


def picture_of(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


@pytest.fixture(scope="module")
def html() -> str:
    return report_page(a_result(), VERSIONS)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_nothing_is_fetched(html: str, page: Page):
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name, value in attributes.items():
            if name in FETCHING:
                assert value.startswith(("data:image/", "#")), (tag, name, value[:80])
            assert not name.startswith("on"), (tag, name)
    assert "@import" not in html
    assert "url(" not in html
    assert not re.findall(r"https?:", html)
    (policy,) = (tag["content"] for tag in page.attributes("meta") if tag.get("http-equiv"))
    assert "default-src 'none'" in policy


def test_the_policy_allows_the_script_that_is_there(html: str, page: Page):
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    (policy,) = (tag["content"] for tag in page.attributes("meta") if tag.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in policy


def test_names_and_warnings_are_text_whatever_they_hold():
    page = page_of(a_result(EVIL, warnings=(EVIL, "the stain is odd")))
    assert page.text_in("h1").strip() == EVIL
    assert EVIL in page.text_in("li")
    assert [tag.get("type") for tag in page.attributes("script")] == ["application/json", None]
    assert not [tag for tag in page.attributes("img") if tag["src"] == "x"]


def test_the_numbers_are_those_of_the_summary(tmp_path: Path):
    result = a_result(display=OverlaySettings(threshold=0.5, width_px=400))
    write_result(tmp_path, result, {"versions": VERSIONS})
    summary = json.loads((tmp_path / "summary.json").read_text())["results"]
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    told = {tag["id"]: float(tag["value"]) for tag in page.attributes("data")}
    assert told == {key: summary[key] for key in told}
    assert set(told) >= {"tissue_mm2", "assessed_mm2", "positive_mm2", "positive_fraction"}
    shown = [text for tag, text in page.texts if tag == "data" and text.strip()]
    assert shown[:3] == ["1.28", "10.3", "2"]  # 32 cells of 0.04 mm², of 312


def test_regions_are_listed_by_size_with_a_picture_each(page: Page):
    headings = [text for tag, text in page.texts if tag == "h3" and text.strip()]
    assert headings == ["Region 1: 1.12 mm²", "Region 2: 0.16 mm²"]
    marks = [tag for tag in page.attributes("a") if tag.get("class", "").startswith("mark")]
    assert [tag["href"] for tag in marks] == ["#region-1", "#region-2"]
    assert {tag["id"] for tag in page.attributes("article")} == {"region-1", "region-2"}
    # The hottest cell of the first: row 6, column 10, of 16 by 24.
    assert "left: 43.750%; top: 40.625%" in marks[0]["style"]


def test_many_regions_are_cut_short_and_said():
    result = a_result()
    values = np.zeros((16, 24), np.float32)
    values[::2, ::2] = 0.9
    scattered = replace(result, probability=ProbabilityMap(values, result.probability.placement))
    page = page_of(scattered)
    assert len(page.attributes("article")) == 6
    assert sum(tag == "td" and "from the left" in text for tag, text in page.texts) == 24
    assert "66 more, together 2.64 mm², are not listed" in page.text_in("caption")


def test_where_no_region_is_the_closest_place_is_shown():
    page = page_of(a_result(display=OverlaySettings(threshold=0.99)))
    assert "No region at or above the threshold of 0.99" in page.text_in("h2")
    assert page.text_in("h3").strip() == "The place that comes closest"


def test_a_map_without_any_assessed_cell_is_told():
    empty = np.full((16, 24), np.nan, np.float32)
    page = page_of(a_result(probability=ProbabilityMap(empty, a_result().probability.placement)))
    assert not page.attributes("article")
    assert "max_probability" not in {tag["id"] for tag in page.attributes("data")}


@pytest.mark.parametrize("outline", [True, False])
def test_the_key_explains_what_is_drawn_and_no_more(outline: bool):
    html = report_page(a_result(display=OverlaySettings(outline=outline)), VERSIONS)
    key = re.findall(r'<span class="key">(?:<i.*?></i>)?(.*?)</span>', html)
    drawn = ["probability ≥ 0.5", "assessed", "not assessed"]
    assert key == (
        [*drawn, "no colour: below 0.1"] if outline else ["no colour: below 0.1, or not assessed"]
    )
    assert ("Grey parts were not assessed" in html) == outline


def test_the_outline_lies_on_its_tissue(page: Page):
    box = next(tag for tag in page.attributes("svg") if tag.get("id") == "outline")["viewbox"]
    assert box == "0 0 480 320"
    (group,) = page.attributes("g")
    numbers = [float(n) for n in re.findall(r"-?\d[-+.\de]*", group["transform"])]
    assert numbers == pytest.approx([0, 0, 20, 20], abs=1e-9)
    paths = page.attributes("path")
    assert paths[0]["d"] == paths[1]["d"]
    assert "M5 4H12" in paths[0]["d"]


def test_a_map_that_begins_elsewhere_is_moved_over_its_tissue():
    result = a_result()
    place = replace(result.probability.placement, origin_x=ORIGIN[0] + 2.5 * CELL)
    moved = replace(result, probability=ProbabilityMap(result.probability.values, place))
    (group,) = page_of(moved).attributes("g")
    numbers = [float(n) for n in re.findall(r"-?\d[-+.\de]*", group["transform"])]
    assert numbers == pytest.approx([50, 0, 20, 20], abs=1e-9)


def test_pictures_are_the_slide_and_the_slide_with_its_map(page: Page):
    bare, overlay = (picture_of(tag["src"]).astype(int) for tag in page.attributes("img")[:2])
    assert bare.shape == overlay.shape == (320, 480, 3)
    change = np.abs(overlay - bare).mean(axis=2)
    assert change[82:158, 102:238].mean() > 25  # the first region, in colour
    assert 10 < change[:58].mean() < 35  # not assessed: a little darker
    assert change[182:236, 22:338].mean() < 8  # assessed, below the floor: as it is


def test_large_slides_stay_within_the_budget():
    result = a_result()
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1400, 3)).astype(np.uint8)
    at = result.picture.placement
    noisy = replace(result, picture=SlidePicture(noise, at))
    assert len(report_page(noisy, VERSIONS)) < 3_000_000


def test_a_map_of_very_many_cells_is_drawn_into_the_picture():
    result = a_result()
    at = replace(result.probability.placement, pixel_width=CELL / 40, pixel_height=CELL / 40)
    values = np.repeat(np.repeat(result.probability.values, 40, axis=0), 40, axis=1)
    fine = replace(result, probability=ProbabilityMap(values, at))
    page = page_of(fine)
    assert page.data == {"cells": None}
    assert not page.attributes("path")
    overlay = picture_of(page.attributes("img")[1]["src"])
    assert (overlay[80:160, 100:240].max(axis=2) < 60).any()  # its outline


def test_equal_results_give_equal_bytes_and_no_date(tmp_path: Path):
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, a_result(), VERSIONS)
    first = (tmp_path / "a.html").read_bytes()
    assert (tmp_path / "b.html").read_bytes() == first
    assert not re.search(rb"20\d\d-\d\d-\d\d", first)
    write_report(tmp_path / "c.html", a_result(display=OverlaySettings(threshold=0.6)), VERSIONS)
    assert (tmp_path / "c.html").read_bytes() != first


def test_smoothing_is_said(page: Page):
    assert "smoothed" not in page.text_in("figcaption")
    smooth = page_of(a_result(display=OverlaySettings(threshold=0.5, smooth=True)))
    assert "smoothed from cell to cell for display only" in smooth.text_in("figcaption")


def test_pictures_and_controls_have_names(page: Page):
    for tag in page.attributes("img"):
        assert tag["alt"]
    for tag in page.attributes("input"):
        assert tag["id"]
    labelled = {tag.get("id") for tag in page.attributes("input")}
    assert labelled == {"opacity", "map-on", "outline-on", "marks-on", "threshold"}
    assert len(page.attributes("label")) == len(labelled)
    assert page.attributes("html")[0]["lang"] == "en"
