from __future__ import annotations

import math
from pathlib import Path

import pytest
from annotations.drawn import areas, region, square, write_asap, write_imagescope
from hypothesis import given, settings
from hypothesis import strategies as st

from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError


def test_asap_areas_are_classed_by_their_group(tmp_path: Path) -> None:
    path = write_asap(
        tmp_path / "a.xml",
        ("Polygon", "IDC", square(0, 0, 10)),
        ("Rectangle", "IDC", square(100, 0, 10)),
        ("Rectangle", "IDC", [(200, 0), (220, 10)]),
        ("Spline", "stroma & fat", square(0, 100, 20)),
        ("Polygon", "None", square(0, 200, 5)),
        ("Dot", "IDC", [(1, 1)]),
        ("PointSet", "IDC", [(1, 1), (2, 2)]),
        ("Measurement", "None", [(1, 1), (2, 2)]),
    )
    annotations = read_annotations(path)
    assert areas(annotations) == {"IDC": 400.0, "stroma & fat": 400.0, "unclassified": 25.0}
    assert annotations.skipped == {"points": 2, "lines": 1}
    assert annotations.format == "ASAP XML"


def test_asap_points_go_by_their_order(tmp_path: Path) -> None:
    path = write_asap(tmp_path / "a.xml", ("Polygon", "IDC", square(0, 0, 10)))
    text = path.read_text()
    # 10 comes after 2: numbers and not letters are sorted.
    swapped = text.replace('Order="1"', 'Order="10"').replace('Order="3"', 'Order="11"')
    path.write_text(swapped)
    annotations = read_annotations(path)
    assert annotations.repaired == 1  # 0, 2, 10, 11: a bow tie
    assert areas(annotations)["IDC"] == 50.0


def test_imagescope_regions_subtract_within_their_layer(tmp_path: Path) -> None:
    path = write_imagescope(
        tmp_path / "i.xml",
        ("Tumor", [region(square(0, 0, 100)), region(square(10, 10, 50), negative=1)]),
        ("Stroma", [region(square(0, 0, 100))]),
    )
    assert areas(read_annotations(path)) == {"Tumor": 7500.0, "Stroma": 10_000.0}


def test_imagescope_rectangles_and_ellipses(tmp_path: Path) -> None:
    corners = [(10.0, 20.0), (50.0, 40.0)]
    path = write_imagescope(
        tmp_path / "i.xml",
        ("Box", [region(corners, kind=1)]),
        ("Four", [region(square(0, 0, 10), kind=1)]),
        ("Ellipse", [region(corners, kind=2)]),
        ("On it", [region([(10, 30), (30, 20), (50, 30), (30, 40)], kind=2)]),
        ("Else", [region(corners, kind=3), region(corners, kind=4), region(corners[:1], kind=5)]),
    )
    annotations = read_annotations(path)
    found = areas(annotations)
    ellipse = math.pi * 20 * 10
    assert found["Box"] == 800.0 and found["Four"] == 100.0
    assert found["Ellipse"] == pytest.approx(ellipse, rel=1e-9)
    assert found["On it"] == pytest.approx(ellipse, rel=1e-9)
    left, top, right, bottom = annotations.union(["Ellipse"]).geometry.bounds
    assert (left, top, right, bottom) == pytest.approx((10, 20, 50, 40), abs=0.01)
    assert annotations.skipped == {"lines": 2, "points": 1}


@pytest.mark.parametrize(
    ("layer", "description", "text", "expected"),
    [
        ("Tumor", "", "look here", "Tumor"),
        ("", "", "Tumor", "Tumor"),
        ("Layer 1", "", "Tumor", "Tumor"),
        ("Layer 1", "IDC", "look here", "IDC"),
        ("Layer 1", "", "", "Layer 1"),
        ("", "", "", "unclassified"),
    ],
)
def test_imagescope_classes(
    tmp_path: Path, layer: str, description: str, text: str, expected: str
) -> None:
    regions = [region(square(0, 0, 10), text=text)]
    path = write_imagescope(tmp_path / "i.xml", (layer, regions), description=description)
    assert read_annotations(path).classes == (expected,)


@pytest.mark.parametrize("number", ["nan", "inf", "-1e300", "", "1,5", "1.000,5"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, number: str) -> None:
    path = write_asap(
        tmp_path / "a.xml",
        ("Polygon", "IDC", square(0, 0, 10)),
        ("Polygon", "IDC", square(0, 0, 77)),
    )
    path.write_text(path.read_text().replace('X="77"', f'X="{number}"'))
    with pytest.raises(AnnotationError, match="annotation 2"):
        read_annotations(path)


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
ELSEWHERE = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'


@pytest.mark.parametrize("head", [BOMB, EXTERNAL, ELSEWHERE, "<!DOCTYPE x>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_and_document_types_are_refused(tmp_path: Path, head: str, encoding: str) -> None:
    path = tmp_path / "evil.xml"
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    path.write_bytes(f"{declared}{head}<Annotations>&c;</Annotations>".encode(encoding))
    with pytest.raises(AnnotationError, match="document type or entities") as caught:
        read_annotations(path)
    assert "evil.xml" in str(caught.value) and "\n" not in str(caught.value)


_NAMES = st.sampled_from(
    ["Annotations", "Annotation", "Regions", "Region", "Vertices", "Vertex", "Coordinate"]
)
_TEXT = st.text(alphabet="0123456789.e-naif xPolygon", max_size=6)


@settings(max_examples=100, deadline=None)
@given(
    root=st.sampled_from(["ASAP_Annotations", "Annotations"]),
    elements=st.lists(
        st.tuples(_NAMES, st.dictionaries(st.sampled_from(["X", "Y", "Type", "Order"]), _TEXT)),
        max_size=12,
    ),
)
def test_any_xml_is_read_or_refused_with_a_message(
    tmp_path_factory: pytest.TempPathFactory, root: str, elements: list[tuple[str, dict[str, str]]]
) -> None:
    opened = (
        " ".join([f"<{name}", *(f"{key}='{value}'" for key, value in attributes.items())]) + ">"
        for name, attributes in elements
    )
    inside = "".join(opened) + "".join(f"</{name}>" for name, _ in reversed(elements))
    path = tmp_path_factory.getbasetemp() / "any.xml"
    path.write_text(f"<{root}>{inside}</{root}>")
    try:
        read_annotations(path)
    except AnnotationError as error:
        assert "any.xml" in str(error)
