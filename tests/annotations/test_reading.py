from __future__ import annotations

import codecs
import gzip
import json
import zipfile
from pathlib import Path

import pytest
from annotations.drawn import feature, region, square, write_asap, write_geojson, write_imagescope

from wsi_idc.annotations import reading
from wsi_idc.annotations.reading import read_annotations
from wsi_idc.errors import AnnotationError

TEXT = json.dumps([feature(square(0, 0, 10), name="Tumör")], ensure_ascii=False)
BOMS = {"utf-8-sig": b"", "utf-16": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-8": b""}


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("name", ["slide.geojson", "slide.json", "slide.xml", "slide"])
def test_content_and_not_the_name_tells_the_format(
    tmp_path: Path, name: str, encoding: str
) -> None:
    path = tmp_path / name
    path.write_bytes(BOMS[encoding] + ("\r\n " + TEXT).encode(encoding))
    assert read_annotations(path).classes == ("Tumör",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_xml_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = write_imagescope(tmp_path / "slide.json", ("Tumör", [region(square(0, 0, 10))]))
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    path.write_bytes((head + path.read_text()).encode(encoding))
    assert read_annotations(path).classes == ("Tumör",)


def test_packed_files_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "slide.geojson.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert read_annotations(packed).classes == ("Tumör",)
    half = len(TEXT) // 2  # in members, as programs write it that pack or seek in parts
    packed.write_bytes(
        b"".join(gzip.compress(part.encode()) for part in (TEXT[:half], TEXT[half:], ""))
    )
    assert read_annotations(packed).classes == ("Tumör",)
    archive = tmp_path / "slide.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__MACOSX/slide.geojson", "x")
        file.writestr("slide.geojson", TEXT)
    assert read_annotations(archive).classes == ("Tumör",)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("other.geojson", TEXT)
    with pytest.raises(AnnotationError, match="holds 2 annotation files"):
        read_annotations(archive)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (codecs.BOM_UTF8 + b" \n", "is empty"),
        (b"x,y\n1,2\n", "neither JSON nor XML"),
        (b"\x89PNG\r\n\x1a\n", "neither JSON nor XML"),
        (TEXT.encode()[:-5], "no whole JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"type": "Polygon", "coordinates": "\xff"}', "no whole JSON"),
        (b"<ASAP_Annotations><Annotations>", "no whole XML"),
        (b"<annotations/>", "XML of the kind 'annotations'"),
        (b'<?xml version="1.0" encoding="klingon"?><Annotations/>', "no whole XML"),
        (b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 9, "cannot be unpacked"),
        (b"\x1f\x8b\x07" + bytes(9), "cannot be unpacked"),
        (b"\x1f\x8b\x08junk", "ends too soon"),
        (gzip.compress(TEXT.encode()) + gzip.compress(b"{"), "no whole JSON"),
        (gzip.compress(TEXT.encode())[:-12], "ends too soon"),
        (b"PK\x03\x04junk", "cannot be unpacked"),
    ],
)
def test_broken_files_are_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "broken.geojson"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=said) as caught:
        read_annotations(path)
    assert "broken.geojson" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such annotation file"):
        read_annotations(tmp_path / "none.geojson")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_annotations(tmp_path)


def test_files_beyond_the_limit_are_refused_packed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 2**20)
    large = json.dumps([]).encode() + b" " * 2**20
    for name, content in (("a.geojson", large), ("b.gz", gzip.compress(large))):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match="larger than 1 MiB"):
            read_annotations(path)
    archive = tmp_path / "c.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("slide.geojson", large)
    with pytest.raises(AnnotationError, match="larger than 1 MiB"):
        read_annotations(archive)


def test_the_same_areas_in_three_formats_are_the_same(tmp_path: Path) -> None:
    outlines = [square(1234.5678901234, 98765.4321098765, 333.3), square(99_990.1, 99_980.7, 9.9)]
    three = [
        write_geojson(tmp_path / "q.geojson", *[feature(points) for points in outlines]),
        write_asap(tmp_path / "a.xml", *[("Polygon", "Tumor", points) for points in outlines]),
        write_imagescope(tmp_path / "i.xml", ("Tumor", [region(points) for points in outlines])),
    ]
    digests = {read_annotations(path).union(["Tumor"]).sha256 for path in three}
    assert len(digests) == 1
