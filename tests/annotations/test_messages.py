"""What is wrong with a file of annotations is said in words that help."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from annotations.drawn import feature, square, write_geojson
from slide_factory import position_slide
from told_messages import check_told

from wsi_idc.annotations import reading
from wsi_idc.annotations.geojson import parse_geojson
from wsi_idc.annotations.reading import read_annotations
from wsi_idc.annotations.roi import RegionOfInterest, parse_roi
from wsi_idc.slides import open_slide
from wsi_idc.slides.info import SlideInfo
from wsi_idc.tiling.annotated import AnnotationLabels


def polygon(coordinates: object) -> str:
    return json.dumps({"type": "Polygon", "coordinates": coordinates})


def nested(depth: int) -> str:
    one = feature(square(0, 0, 9))
    for _ in range(depth):
        one = {**feature(square(0, 0, 9)), "properties": {"childObjects": [one]}}
    return json.dumps(one)


ASAP = (
    "<ASAP_Annotations><Annotations><Annotation Type='Polygon'><Coordinates>"
    "<Coordinate Order='0' X='1,5' Y='2'/></Coordinates></Annotation></Annotations>"
    "</ASAP_Annotations>"
)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("the file is empty; export the annotations again", " \r\n"),
        (
            "is neither JSON nor XML; give QuPath GeoJSON, ASAP XML or ImageScope XML",
            "x,y\n1,2",
        ),
        ("is XML of the kind …; give QuPath GeoJSON, ASAP XML or ImageScope XML", "<svg/>"),
        ("is no whole XML (…); export it again", "<ASAP_Annotations>"),
        ("is no whole JSON (…); export it again", '{"type": "Feature"'),
        ("is nested too deep for GeoJSON; export it again", "[" * 100_000),
        (
            "is nested too deep for annotations; export it again",
            "<Annotations>"
            + "<Annotation>" * 100_000
            + "</Annotation>" * 100_000
            + "</Annotations>",
        ),
        (
            "holds the number …, which no place on a slide has; export it again",
            polygon([[[0, 0], [9, 0], [0, float("nan")]]]),
        ),
        (
            "the XML declares a document type or entities, which no annotation needs and which may "
            "do harm; export it again without",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        ),
        (
            "it is JSON of type …, and not a FeatureCollection, Feature or geometry; export it as "
            "GeoJSON",
            '{"type": "Topology"}',
        ),
        (
            "it is a FeatureCollection without features; export it again",
            '{"type": "FeatureCollection"}',
        ),
        ("… is nested more than … deep; export it again", nested(200)),
        ("… is no GeoJSON feature; export the file again", "[1]"),
        (
            "… has properties that are no object; export the file again",
            json.dumps({**feature(square(0, 0, 9)), "properties": ["Tumor"]}),
        ),
        (
            "… has a geometry of type …; export the file again",
            json.dumps({"type": "Feature", "geometry": {"type": "Circle"}}),
        ),
        ("… has a geometry without coordinates; export the file again", polygon([])),
        ("… has no list of points; export the file again", polygon([7])),
        ("… has a point …, which is no x and y; export the file again", polygon([[["1", 2]]])),
        (
            "… has a point at …, …, which lies on no slide; delete it or draw it again",
            polygon([[[0, 0], [9, 0], [0, 1e12]]]),
        ),
        (
            "… has … different points, and an outline needs 3; delete it or draw it again",
            polygon([[[0, 0], [9, 0], [0, 0]]]),
        ),
        (
            "… encloses no area: its outline runs back on itself; delete it or draw it again",
            polygon([[[0, 0], [9, 0], [4, 0], [0, 0]]]),
        ),
        ("… has a point whose … is …, which is no number; export the file again", ASAP),
    ],
)
def test_content(message: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "drawn"
    file.write_text(text)
    check_told(message, lambda: read_annotations(file))


def outside(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../drawn.geojson", "{}")


def two_in_one(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.geojson", "{}")
        archive.writestr("b.geojson", "{}")


@pytest.mark.parametrize(
    ("message", "write"),
    [
        ("there is no such annotation file; check the path", lambda file: None),
        ("cannot be read (…); check the path", lambda file: file.mkdir()),
        (
            "the gzip file ends too soon; export it again",
            lambda file: file.write_bytes(gzip.compress(b"{}" * 99)[:-9]),
        ),
        (
            "cannot be unpacked (…); export it again",
            lambda file: file.write_bytes(b"PK\x03\x04" + bytes(99)),
        ),
        (
            "the zip file holds links or places outside of it, which may do harm; unpack it with "
            "care, and give the file with the annotations",
            outside,
        ),
        (
            "the zip file holds … annotation files, and it must hold one; unpack it and give the "
            "right one",
            two_in_one,
        ),
    ],
)
def test_files(message: str, write: Callable[[Path], object], tmp_path: Path) -> None:
    file = tmp_path / "drawn"
    write(file)
    check_told(message, lambda: read_annotations(file))


def test_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    (tmp_path / "drawn").write_bytes(bytes(101))
    check_told(
        "is larger than … MiB, the most that is read; export the drawn annotations only, without "
        "cells and tiles",
        lambda: read_annotations(tmp_path / "drawn"),
    )


def test_what_is_no_geojson_at_all() -> None:
    told = "it is JSON, but no GeoJSON object; export it as GeoJSON"
    check_told(told, lambda: parse_geojson("text"))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("--roi … has … numbers; give X,Y,WIDTH,HEIGHT in level-0 pixels", "1,2,3"),
        (
            "--roi … is no rectangle on a slide; give X,Y,WIDTH,HEIGHT in level-0 pixels, width "
            "and height above 0",
            "1,2,0,4",
        ),
    ],
)
def test_regions_of_the_command_line(message: str, text: str) -> None:
    check_told(message, lambda: parse_roi(text))


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> SlideInfo:
    file, _ = position_slide(tmp_path_factory.mktemp("slide"), 300, 200, 0.5, (1,))
    with open_slide(file) as opened:
        return opened.info


@pytest.mark.parametrize(
    ("message", "roi"),
    [
        (
            "the region … lies off the slide …, which is … x … px; give level-0 pixels with --roi",
            (900, 900, 10, 10),
        ),
        (
            "… holds no area that --roi could mean; draw the region, and export it again",
            {"type": "Point", "coordinates": [1, 2]},
        ),
        (
            "…: all it holds lies off the slide … (… x … px); is it of another slide, or not in "
            "level-0 pixels?",
            feature(square(900, 900, 10)),
        ),
    ],
)
def test_regions_of_a_slide(message: str, roi: object, slide: SlideInfo, tmp_path: Path) -> None:
    if not isinstance(roi, tuple):
        file = tmp_path / "roi.geojson"
        file.write_text(json.dumps(roi))
        roi = file
    check_told(message, lambda: RegionOfInterest(roi).area(slide))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "drawn", "positive", "ignored"),
    [
        (
            "… has no annotations; add them, or say with --unannotated-negative that slides "
            "without them have no IDC",
            None,
            (),
            (),
        ),
        (
            "… has no area of the class …; its classes are: …; say with --positive-class which is "
            "IDC, or with --unannotated-negative that such a slide has none",
            "Stroma",
            ("IDC",),
            (),
        ),
        (
            "…: the class … is both positive and ignored; give it to --positive-class or to "
            "--ignore-class",
            "IDC",
            ("IDC",),
            ("idc",),
        ),
    ],
)
def test_classes(
    message: str,
    drawn: str | None,
    positive: tuple[str, ...],
    ignored: tuple[str, ...],
    slide: SlideInfo,
    tmp_path: Path,
) -> None:
    file = None
    if drawn is not None:
        file = write_geojson(tmp_path / "drawn.geojson", feature(square(0, 0, 99), name=drawn))
    labels = AnnotationLabels(file, positive, ignored, "slide", False)
    check_told(message, lambda: labels.truth(slide))
