"""Drawing on slides: what shapes do to regions, and that nothing saved is lost."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely import Polygon
from starlette.testclient import TestClient
from typer.testing import CliRunner
from viewer_results import MappedSlide

from wsi_idc.annotations.reading import read_annotations
from wsi_idc.cli.app import app as command_line
from wsi_idc.errors import AnnotationError, OutputError, SettingsError
from wsi_idc.view import list_slides
from wsi_idc.view.app import make_app
from wsi_idc.view.drawings import ChangedMeanwhileError, read_drawings, save_drawings
from wsi_idc.view.entry import ViewSettings
from wsi_idc.view.shapes import combine

HERE = "http://127.0.0.1:8765"
SQUARE = [[[[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]]]


def area(polygons: list[Any]) -> float:
    return sum(Polygon(rings[0], rings[1:]).area for rings in polygons)


def a_feature(left: float = 0, class_name: str = "IDC", **properties: Any) -> dict[str, Any]:
    ring = [[left, 0], [left + 500, 0], [left + 500, 400], [left, 400], [left, 0]]
    return {
        "type": "Feature",
        "id": f"00000000-0000-4000-8000-{int(left):012d}",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": class_name}}
        | properties,
    }


class TestShapes:
    def test_an_outline_is_a_region_of_its_own(self) -> None:
        made = combine(SQUARE, {"points": [[0, 0], [10, 0], [0, 10]]}, "new")
        assert (area(made.polygons), made.joined) == (50.0, False)

    def test_an_outline_that_crosses_itself_keeps_all_it_goes_round(self) -> None:
        made = combine(None, {"points": [[0, 0], [10, 10], [10, 0], [0, 10]]}, "new")
        assert area(made.polygons) == pytest.approx(50.0)
        assert all(shapely.is_valid(Polygon(rings[0])) for rings in made.polygons)

    def test_a_brush_paints_as_wide_as_it_is(self) -> None:
        made = combine(None, {"points": [[0, 0], [1000, 0]], "radius": 50}, "join")
        assert area(made.polygons) == pytest.approx(1000 * 100 + math.pi * 50**2, rel=0.01)

    def test_a_click_with_the_brush_paints_a_disc(self) -> None:
        made = combine(None, {"points": [[5, 5]], "radius": 30}, "join")
        assert area(made.polygons) == pytest.approx(math.pi * 900, rel=0.02)

    def test_a_long_stroke_has_few_corners(self) -> None:
        way = [[x / 2, 40 * math.sin(x / 200)] for x in range(4000)]
        made = combine(None, {"points": way, "radius": 60}, "join")
        assert len(made.polygons[0][0]) < 250

    def test_what_touches_the_region_joins_it(self) -> None:
        made = combine(SQUARE, {"points": [[90, 50], [150, 50]], "radius": 10}, "join")
        assert made.joined
        assert len(made.polygons) == 1
        assert area(made.polygons) == pytest.approx(10_000 + 50 * 20 + math.pi * 50, rel=0.001)

    def test_what_does_not_is_a_region_of_its_own(self) -> None:
        made = combine(SQUARE, {"points": [[200, 50], [250, 50]], "radius": 10}, "join")
        assert not made.joined
        assert area(made.polygons) < 2000

    def test_the_rest_of_a_region_keeps_its_exact_corners(self) -> None:
        made = combine(SQUARE, {"points": [[50, 50]], "radius": 10}, "cut")
        (rings,) = made.polygons
        assert sorted(map(tuple, rings[0][:-1])) == [(0, 0), (0, 100), (100, 0), (100, 100)]
        assert len(rings) == 2

    def test_cutting_all_of_it_leaves_nothing(self) -> None:
        outline = {"points": [[-1, -1], [101, -1], [101, 101], [-1, 101]]}
        assert combine(SQUARE, outline, "cut").polygons == []

    @pytest.mark.parametrize(
        "base, shape, mode",
        [
            (None, {"points": [[0, 0], [1, 1]]}, "new"),
            (None, {"points": [[0, 0], [1, 1], [2, math.inf]]}, "new"),
            (None, {"points": [[0, 0], [1, 1], [2, "3"]]}, "new"),
            (None, {"points": [[0, 0], [1, 1], [2, True]]}, "new"),
            (None, {"points": [[0, 0]], "radius": 0}, "join"),
            (None, {"points": [[0, 0]], "radius": 1e300}, "join"),
            (None, {"points": []}, "new"),
            (None, None, "new"),
            ([[]], {"points": [[0, 0], [1, 1], [2, 0]]}, "add"),
            ([[[[0, 0], [1, 1]]]], {"points": [[0, 0], [1, 1], [2, 0]]}, "add"),
            (7, {"points": [[0, 0], [1, 1], [2, 0]]}, "add"),
            (None, {"points": [[0, 0], [1, 1], [2, 0]]}, "eval"),
        ],
    )
    def test_what_is_no_shape_is_refused(self, base: Any, shape: Any, mode: str) -> None:
        with pytest.raises(SettingsError):
            combine(base, shape, mode)


class TestFiles:
    def test_what_was_saved_is_read_back_as_it_was(self, tmp_path: Path) -> None:
        file = tmp_path / "deep" / "a.geojson"
        features = [a_feature(), a_feature(600, "DCIS", name="links, Präparat 2")]
        saved = save_drawings(file, features, None)
        assert read_drawings(file) == saved
        assert saved.features == features
        assert file.read_bytes().isascii()
        assert read_annotations(file).classes == ("IDC", "DCIS")

    def test_every_version_before_is_kept(self, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        contents, version = [], None
        for left in (0, 10, 20, 30):
            version = save_drawings(file, [a_feature(left)], version).version
            contents.append(file.read_bytes())
        kept = sorted((tmp_path / "previous").iterdir())
        assert [path.name for path in kept] == [f"a-{number:04d}.geojson" for number in (1, 2, 3)]
        assert [path.read_bytes() for path in kept] == contents[:3]

    def test_versions_of_slides_whose_names_begin_alike_are_apart(self, tmp_path: Path) -> None:
        for name in ("a", "a-0007"):
            version = save_drawings(tmp_path / f"{name}.geojson", [a_feature()], None).version
            save_drawings(tmp_path / f"{name}.geojson", [a_feature(9)], version)
        names = sorted(path.name for path in (tmp_path / "previous").iterdir())
        assert names == ["a-0001.geojson", "a-0007-0001.geojson"]

    def test_saving_the_same_again_makes_no_version(self, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        version = save_drawings(file, [a_feature()], None).version
        assert save_drawings(file, [a_feature()], version).version == version
        assert not (tmp_path / "previous").exists()

    @pytest.mark.parametrize("stale", [None, "0" * 64, 7])
    def test_what_someone_else_saved_is_not_overwritten(self, tmp_path: Path, stale: Any) -> None:
        file = tmp_path / "a.geojson"
        save_drawings(file, [a_feature()], None)
        before = file.read_bytes()
        with pytest.raises(ChangedMeanwhileError, match="reload the page"):
            save_drawings(file, [a_feature(50)], stale)
        assert file.read_bytes() == before

    def test_what_else_is_in_a_file_stays_in_it(self, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}
        collection = {"type": "FeatureCollection", "features": [a_feature(), point], "by": "QuPath"}
        file.write_text(json.dumps(collection))
        drawings = read_drawings(file)
        assert drawings.features == [a_feature(), point]
        save_drawings(file, [a_feature(5), point], drawings.version)
        assert json.loads(file.read_text()) == collection | {"features": [a_feature(5), point]}

    def test_a_list_of_features_and_one_alone_are_read_too(self, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        for content in ([a_feature()], a_feature()):
            file.write_text(json.dumps(content))
            assert read_drawings(file).features == [a_feature()]

    @pytest.mark.parametrize(
        "features",
        [
            "x",
            [1],
            [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0]]]}}],
            [{"type": "Feature", "geometry": {"type": "Cube"}}],
        ],
    )
    def test_what_could_not_be_read_again_is_not_written(
        self, tmp_path: Path, features: Any
    ) -> None:
        with pytest.raises(AnnotationError):
            save_drawings(tmp_path / "a.geojson", features, None)
        assert not list(tmp_path.iterdir())

    def test_a_file_that_is_damaged_is_said_and_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        file.write_text('{"type": "FeatureCollection", "features": [')
        with pytest.raises(AnnotationError, match=r"a\.geojson"):
            read_drawings(file)
        with pytest.raises(ChangedMeanwhileError):
            save_drawings(file, [a_feature()], None)

    def test_a_place_that_cannot_be_written_names_the_option(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="--annotations"):
            save_drawings(tmp_path / "file" / "a.geojson", [a_feature()], None)


class TestAnswers:
    @pytest.fixture
    def client(self, mapped: MappedSlide, tmp_path: Path) -> Iterator[TestClient]:
        settings = ViewSettings(annotations=tmp_path)
        with TestClient(make_app(list_slides([mapped.slide], settings)), base_url=HERE) as client:
            client.headers["origin"] = HERE
            yield client

    def test_from_nothing_to_a_file_and_back(self, client: TestClient, tmp_path: Path) -> None:
        address = "/api/slides/mapped/drawings"
        assert client.get(address).json() == {
            "file": "mapped.geojson",
            "features": [],
            "version": None,
        }
        saved = client.post(address, json={"features": [a_feature()], "version": None}).json()
        assert client.get(address).json() == saved
        assert saved["features"] == [a_feature()]
        assert (tmp_path / "mapped.geojson").exists()
        stale = client.post(address, json={"features": [], "version": None})
        assert stale.status_code == 409
        assert "reload" in stale.json()["error"]

    def test_shapes_are_combined(self, client: TestClient) -> None:
        sent = {"base": SQUARE, "shape": {"points": [[50, 50]], "radius": 10}, "mode": "cut"}
        made = client.post("/api/combine", json=sent).json()
        assert made["joined"]
        assert area(made["polygons"]) == pytest.approx(10_000 - math.pi * 100, rel=0.001)

    @pytest.mark.parametrize("content", ["", "[]", "7", "{", '{"mode": NaN}', "[" * 100_000])
    @pytest.mark.parametrize("address", ["/api/combine", "/api/slides/mapped/drawings"])
    def test_what_is_no_request_is_refused(
        self, client: TestClient, tmp_path: Path, address: str, content: str
    ) -> None:
        headers = {"content-type": "application/json"}
        answer = client.post(address, content=content, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert not list(tmp_path.iterdir())

    def test_too_much_is_refused(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsi_idc.view.app._MOST_SENT", 1000)
        sent = {"features": [a_feature(name="x" * 2000)], "version": None}
        assert client.post("/api/slides/mapped/drawings", json=sent).status_code == 413


def test_what_was_saved_labels_patches(mapped: MappedSlide, tmp_path: Path) -> None:
    """The loop from correction to retraining: `tile --annotations` takes the folder as it is."""
    drawn = tmp_path / "annotations"
    version = save_drawings(drawn / "mapped.geojson", [a_feature()], None).version
    save_drawings(drawn / "mapped.geojson", [a_feature(1000)], version)
    arguments = ["tile", mapped.slide, "-o", tmp_path / "patches", "--annotations", drawn]
    arguments += ["--tissue", "none"]
    result = CliRunner().invoke(command_line, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    positive = sorted(path.name for path in (tmp_path / "patches" / "mapped" / "1").iterdir())
    # 500 by 400 px at 2 µm/px are 125 by 100 target pixels from x 250 on: patches of 50.
    assert positive == [f"mapped_x{x}_y{y}_class1.png" for x in (251, 301) for y in (1, 51)]
