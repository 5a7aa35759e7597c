"""The list of slides: figures, small pictures, and what is wrong with one of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from viewer_results import MappedSlide, make_mapped_slide

from wsi_idc.heatmap.result import read_result
from wsi_idc.view import FailedSlide, failed_slides, list_slides
from wsi_idc.view.app import make_app
from wsi_idc.view.entry import ViewSettings

HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> MappedSlide:
    folder = tmp_path_factory.mktemp("cohort")
    make_mapped_slide(folder, "one")
    make_mapped_slide(folder, "two 2")
    return make_mapped_slide(folder, "three")


@pytest.fixture(scope="module")
def client(cohort: MappedSlide) -> Iterator[TestClient]:
    entries = list_slides([cohort.results], ViewSettings(slides=cohort.slide.parent))
    with TestClient(make_app(entries), base_url=HERE) as client:
        yield client


def test_figures_are_those_of_the_results(client: TestClient, cohort: MappedSlide) -> None:
    rows = client.get("/api/slides").json()["slides"]
    assert [row["key"] for row in rows] == ["one", "three", "two 2"]
    true = read_result(cohort.result).summary
    assert rows[1]["tumour_mm2"] == pytest.approx(true.positive_mm2, abs=1e-6)
    assert rows[1]["tumour_fraction"] == pytest.approx(true.positive_fraction, abs=1e-6)
    assert (rows[1]["regions"], rows[1]["tissue_mm2"]) == (2, 11.5)
    assert (rows[1]["warnings"], rows[1]["error"]) == (["made by hand"], None)


def test_several_slides_start_with_the_list(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "cohort.js" in answer.text


def test_a_thumbnail_shows_the_map_on_the_slide(client: TestClient, cohort: MappedSlide) -> None:
    answer = client.get("/api/slides/three/thumbnail.jpg")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.format == "JPEG"
        assert image.size == (320, 217)
        shown = np.asarray(image).astype(int)
    bare = read_result(cohort.result).picture.pixels
    # In the middle of the larger region, and where nothing was assessed.
    x, y = round((33 + 850) / 2500 * 320), round((21 + 600) / 1700 * 217)
    there = bare[round(y / 217 * bare.shape[0]), round(x / 320 * bare.shape[1])].astype(int)
    assert np.abs(shown[y, x] - there).max() > 25
    assert np.abs(shown[10, 10] - bare[16, 16]).max() < 12


def test_a_slide_without_a_map_is_listed_too(cohort: MappedSlide) -> None:
    entries = list_slides([cohort.slide.parent], ViewSettings())
    with TestClient(make_app(entries), base_url=HERE) as client:
        row = client.get("/api/slides").json()["slides"][0]
        assert (row["key"], row["tumour_mm2"], row["error"]) == ("one", None, None)
        assert client.get("/api/slides/one/thumbnail.jpg").status_code == 200


def test_what_is_wrong_with_one_stands_in_its_row(tmp_path: Path) -> None:
    made = make_mapped_slide(tmp_path, "one")
    bad = make_mapped_slide(tmp_path, "two")
    entries = list_slides([made.results], ViewSettings(slides=made.slide.parent))
    (bad.result / "summary.json").write_text("{")
    with TestClient(make_app(entries), base_url=HERE) as client:
        one, two = client.get("/api/slides").json()["slides"]
        assert one["error"] is None
        assert "summary.json" in two["error"]
        assert client.get("/api/slides/two/thumbnail.jpg").status_code == 400


def test_slides_that_could_not_be_mapped_are_listed_with_the_reason(tmp_path: Path) -> None:
    from wsi_idc.cohort.records import prepare_output, record_failure
    from wsi_idc.cohort.task import Failure, SlideTask
    from wsi_idc.slides import SlideSource

    made = make_mapped_slide(tmp_path, "one")
    prepare_output(made.results)
    failure = Failure("open", "it is empty", "copy it again", "bad.svs: it is empty")
    record_failure(made.results, SlideTask(SlideSource(tmp_path / "bad.svs")), failure, 1.0)
    failed = failed_slides([made.results, made.slide])
    assert failed == [FailedSlide("bad", "it is empty", "copy it again")]
    entries = list_slides([made.results], ViewSettings(slides=made.slide.parent))
    with TestClient(make_app(entries, failed=failed), base_url=HERE) as client:
        told = client.get("/api/slides").json()["failed"]
        assert told == [{"name": "bad", "error": "it is empty", "remedy": "copy it again"}]
        # The list comes first, though one slide only can be looked at.
        assert "cohort.js" in client.get("/").text
