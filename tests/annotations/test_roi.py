from __future__ import annotations

from pathlib import Path

import pytest
from annotations.drawn import feature, square, write_geojson
from tiling.plans import slide_info

from wsi_idc.annotations.roi import RegionOfInterest, parse_roi
from wsi_idc.errors import AnnotationError, SettingsError
from wsi_idc.slides.info import Bounds


def test_a_rectangle_or_a_path() -> None:
    assert parse_roi("1,2.5, 300,4e2") == (1.0, 2.5, 300.0, 400.0)
    assert parse_roi("rois/slide,1.geojson") == Path("rois/slide,1.geojson")


@pytest.mark.parametrize(
    "text", ["1,2,3", "1,2,3,4,5", "0,0,0,10", "0,0,10,-1", "nan,0,1,1", "0,nan,9,9", "0,0,9,inf"]
)
def test_numbers_that_are_no_rectangle_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="X,Y,WIDTH,HEIGHT"):
        parse_roi(text)


def test_a_file_s_areas_are_one_region_whatever_their_class(tmp_path: Path) -> None:
    file = write_geojson(
        tmp_path / "r.geojson",
        feature(square(0, 0, 100), name="ROI"),
        feature(square(50, 0, 100), name=None),
    )
    area, warnings = RegionOfInterest(file).area(slide_info())
    assert area.area_px() == 15_000 and warnings == ()
    empty = write_geojson(tmp_path / "none.geojson")
    with pytest.raises(AnnotationError, match="holds no area"):
        RegionOfInterest(empty).area(slide_info())


def test_a_file_counts_from_the_bounds_where_asked_and_a_rectangle_never(tmp_path: Path) -> None:
    info = slide_info(40_000, 40_000, bounds=Bounds(5_000, 6_000, 16_000, 8_000))
    file = write_geojson(tmp_path / "r.geojson", feature(square(0, 0, 100)))
    area, _ = RegionOfInterest(file, "bounds").area(info)
    assert area.geometry.bounds == (5_000, 6_000, 5_100, 6_100)
    area, _ = RegionOfInterest((5_000, 6_000, 9, 9), "bounds").area(info)
    assert area.geometry.bounds == (5_000, 6_000, 5_009, 6_009)


def test_a_region_off_the_slide_is_an_error() -> None:
    with pytest.raises(AnnotationError, match=r"99999,0,10,10 lies off the slide slide\.tif"):
        RegionOfInterest((99_999, 0, 10, 10)).area(slide_info())
