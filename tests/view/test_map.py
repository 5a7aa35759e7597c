"""What the server tells of a map: values, regions, and where they lie."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from viewer_results import CELL_UM, LEFT_PX, MPP, TOP_PX, MappedSlide, make_mapped_slide

from wsi_idc.errors import ResultFolderError, SettingsError
from wsi_idc.heatmap.colormaps import COLORMAPS, colour_table
from wsi_idc.heatmap.result import read_result
from wsi_idc.view import list_slides
from wsi_idc.view.app import make_app
from wsi_idc.view.entry import ViewSettings

HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def client(mapped: MappedSlide) -> Iterator[TestClient]:
    entries = list_slides([mapped.slide], ViewSettings(results=mapped.results))
    with TestClient(make_app(entries), base_url=HERE) as client:
        yield client


class TestMap:
    def test_values_are_those_of_the_file_to_the_bit(
        self, client: TestClient, mapped: MappedSlide
    ) -> None:
        told = np.frombuffer(client.get("/api/slides/mapped/map").content, "<f4")
        assert told.tobytes() == mapped.values.tobytes()

    def test_lies_where_the_map_lies(self, client: TestClient) -> None:
        about = client.get("/api/slides/mapped").json()
        told = about["map"]
        assert (told["columns"], told["rows"]) == (24, 16)
        assert (told["left_um"], told["top_um"]) == (LEFT_PX * MPP, TOP_PX * MPP)
        assert (told["cell_width_um"], told["cell_height_um"]) == (CELL_UM, CELL_UM)
        assert (told["threshold"], told["colormap"]) == (0.5, "blue-yellow")
        assert about["warnings"] == ["made by hand"]

    def test_without_a_map_there_is_none(self, mapped: MappedSlide) -> None:
        with TestClient(make_app(list_slides([mapped.slide], ViewSettings())), HERE) as client:
            assert client.get("/api/slides/mapped").json()["map"] is None
            assert client.get("/api/slides/mapped/map").status_code == 404
            assert client.get("/api/slides/mapped/regions?threshold=0.5").status_code == 404

    def test_colours_are_those_of_overlays(self, client: TestClient) -> None:
        told = client.get("/api/colormaps").json()
        assert tuple(told) == COLORMAPS
        for name, colours in told.items():
            assert colours[200] == int.from_bytes(colour_table(name)[200].tobytes())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MappedSlide:
    return make_mapped_slide(tmp_path_factory.mktemp("classes"), other_class="dcis")


class TestClasses:
    """A packed model's result has a map for each of its classes."""

    @pytest.fixture
    def several(self, made: MappedSlide) -> Iterator[TestClient]:
        entries = list_slides([made.results], ViewSettings(slides=made.slide.parent))
        with TestClient(make_app(entries), base_url=HERE) as client:
            yield client

    def test_are_named_the_shown_one_first(self, several: TestClient, client: TestClient) -> None:
        assert several.get("/api/slides/mapped").json()["map"]["classes"] == ["IDC", "dcis"]
        assert client.get("/api/slides/mapped").json()["map"]["classes"] == ["IDC"]

    def test_have_values_and_regions_of_their_own(
        self, several: TestClient, made: MappedSlide
    ) -> None:
        content = several.get("/api/slides/mapped/map?class=dcis").content
        assert content == (1 - made.values).tobytes()
        address = "/api/slides/mapped/regions?threshold=0.9"
        assert several.get(f"{address}&class=IDC").json()["total"] == 1
        found = several.get(f"{address}&class=dcis").json()["regions"]
        assert found[0]["max_probability"] == pytest.approx(float(np.nanmax(1 - made.values)))

    @pytest.mark.parametrize("name", ["none", "../../x", ""])
    def test_others_are_refused(self, several: TestClient, name: str) -> None:
        answer = several.get(f"/api/slides/mapped/map?class={name}")
        assert answer.status_code == 400
        assert "the maps are of IDC, dcis" in answer.json()["error"]


class TestRegions:
    def test_are_those_of_the_result(self, client: TestClient, mapped: MappedSlide) -> None:
        told = client.get("/api/slides/mapped/regions?threshold=0.5").json()
        true = read_result(mapped.result).regions
        assert told["total"] == len(true) == 2
        for ours, region in zip(told["regions"], true, strict=True):
            assert ours["area_mm2"] == region.area_mm2
            assert ours["max_probability"] == region.max_probability
            assert ours["left"] == pytest.approx(region.left * MPP)
            assert ours["height"] == pytest.approx((region.bottom - region.top) * MPP)
            shell = np.array(ours["outline"][0][0])
            assert shell == pytest.approx(region.outline[0].shell * MPP, abs=1e-3)

    def test_follow_the_threshold(self, client: TestClient) -> None:
        totals = [
            client.get(f"/api/slides/mapped/regions?threshold={threshold}").json()["total"]
            for threshold in (0.0, 0.9, 1.0)
        ]
        assert totals == [1, 1, 0]

    @pytest.mark.parametrize("query", ["", "?threshold=", "?threshold=nan", "?threshold=1.1"])
    def test_a_threshold_that_is_none_is_refused(self, client: TestClient, query: str) -> None:
        assert client.get(f"/api/slides/mapped/regions{query}").status_code == 400


class TestWhichSlide:
    def test_a_folder_of_results_finds_its_slides(self, mapped: MappedSlide) -> None:
        settings = ViewSettings(slides=mapped.slide.parent)
        (entry,) = list_slides([mapped.results], settings)
        assert entry.source.path == mapped.slide
        assert entry.annotations == mapped.results.resolve() / "annotations" / "mapped.geojson"
        (same,) = list_slides([mapped.result], settings)
        assert same == entry

    def test_without_the_slide_the_small_picture_is_shown(self, mapped: MappedSlide) -> None:
        entries = list_slides([mapped.results], ViewSettings())
        assert entries[0].is_picture
        with TestClient(make_app(entries), base_url=HERE) as client:
            about = client.get("/api/slides/mapped").json()
            assert "--slides tells its folder" in about["warnings"][0]
            assert about["map"]["left_um"] == LEFT_PX * MPP
            assert about["px_um"] == [MPP, MPP]
            assert about["width_um"] == pytest.approx(2500 * MPP, rel=0.002)
            assert about["mpp"] == pytest.approx(10.0)  # 500 px for 5 mm
            assert client.get("/api/slides/mapped/tiles/0/0/0.jpg").status_code == 200

    def test_beside_the_folder_of_results_it_is_found(self, tmp_path: Path) -> None:
        made = make_mapped_slide(tmp_path)
        shutil.move(made.slide, tmp_path / made.slide.name)
        (entry,) = list_slides([made.results], ViewSettings())
        assert entry.source.path == tmp_path / made.slide.name

    def test_results_under_hashed_names_are_told_by_what_is_in_the_slides(
        self, tmp_path: Path
    ) -> None:
        one, gone = (make_mapped_slide(tmp_path, name) for name in ("one", "gone"))
        for made, name in ((one, "slide-0123456789abcdef"), (gone, "slide-fedcba9876543210")):
            file = made.result / "summary.json"
            summary = json.loads(file.read_text())
            summary["slide"] |= {"name": name, "file": f"{name}.svs"}
            if made is gone:  # made of the same pixels, so of the same bytes
                summary["slide"]["fingerprint"] = "0" * 64
            file.write_text(json.dumps(summary))
            made.result.rename(made.results / name)
        gone.slide.unlink()
        entries = list_slides([one.results], ViewSettings(slides=one.slide.parents[1]))
        assert [(entry.key, entry.is_picture) for entry in entries] == [
            ("slide-0123456789abcdef", False),
            ("slide-fedcba9876543210", True),
        ]
        assert entries[0].source.path == one.slide
        (named,) = list_slides([one.slide], ViewSettings(results=one.results))
        assert named.key == "slide-0123456789abcdef" and named.source.path == one.slide

    def test_of_two_slides_of_one_name_each_result_has_its_own(self, tmp_path: Path) -> None:
        made = make_mapped_slide(tmp_path)
        other = tmp_path / "slides" / "a" / made.slide.name
        other.parent.mkdir()
        other.write_bytes(made.slide.read_bytes() + b"x")
        (entry,) = list_slides([made.results], ViewSettings(slides=tmp_path))
        assert entry.source.path == made.slide

    def test_a_map_of_another_file_is_not_laid_over_a_slide(
        self, mapped: MappedSlide, tmp_path: Path
    ) -> None:
        other = tmp_path / mapped.slide.name
        shutil.copy(mapped.slide, other)
        with other.open("ab") as file:
            file.write(b"x")
        with pytest.raises(ResultFolderError, match="the map of another file"):
            list_slides([other], ViewSettings(results=mapped.results))
        (entry,) = list_slides([mapped.results], ViewSettings(slides=tmp_path))
        assert entry.is_picture
        assert "is another file than the map was made of" in entry.warnings[0]

    def test_of_many_a_slide_is_compared_when_it_is_looked_at(self, tmp_path: Path) -> None:
        """Comparing means to read from each slide, of which there may be hundreds."""
        one, two = (make_mapped_slide(tmp_path, name) for name in ("one", "two"))
        settings = ViewSettings(slides=one.slide.parent)
        with two.slide.open("ab") as file:
            file.write(b"x")
        entries = list_slides([one.results], settings)
        assert [entry.is_checked for entry in entries] == [False, False]
        with TestClient(make_app(entries), base_url=HERE) as client:
            assert client.get("/api/slides/two/tiles/0/0/0.jpg").status_code == 200
            assert not client.get("/api/slides/one").json()["is_picture"]
            about = client.get("/api/slides/two").json()
        assert about["is_picture"]
        assert "another file" in about["warnings"][0]

    def test_a_result_that_cannot_be_read_does_not_hide_the_others(self, tmp_path: Path) -> None:
        one, two = (make_mapped_slide(tmp_path, name) for name in ("one", "two"))
        (two.result / "summary.json").write_text("{")
        entries = list_slides([one.results], ViewSettings(slides=one.slide.parent))
        with TestClient(make_app(entries), base_url=HERE) as client:
            rows = client.get("/api/slides").json()["slides"]
            assert [row["error"] is None for row in rows] == [True, False]
            assert client.get("/api/slides/one").status_code == 200
            assert client.get("/api/slides/two").status_code == 422
        with pytest.raises(ResultFolderError):
            list_slides([two.result], ViewSettings())

    def test_two_results_of_one_name_are_refused(
        self, mapped: MappedSlide, made: MappedSlide
    ) -> None:
        with pytest.raises(SettingsError, match="two slides are named mapped"):
            list_slides([mapped.results, made.results], ViewSettings())

    def test_slides_below_the_folder_of_slides_are_found(self, mapped: MappedSlide) -> None:
        settings = ViewSettings(slides=mapped.slide.parents[1])
        (entry,) = list_slides([mapped.results], settings)
        assert entry.source.path == mapped.slide

    def test_a_given_scale_is_that_of_the_map(self, tmp_path: Path) -> None:
        made = make_mapped_slide(tmp_path)
        file = made.result / "summary.json"
        summary = json.loads(file.read_text())
        summary["slide"] |= {"mpp_source": "given by --slide-mpp", "mpp_x": 0.5, "mpp_y": 0.25}
        file.write_text(json.dumps(summary))
        (entry,) = list_slides([made.results], ViewSettings(slides=made.slide.parent))
        assert entry.source.slide_mpp == (0.5, 0.25)
