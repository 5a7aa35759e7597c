"""Reading annotation files: which format a file is, told by its content, and read safely.

Nothing in a file is executed, and XML with a document type, entities or references to other files
is refused.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from wsi_idc.annotations import asap_xml, imagescope_xml
from wsi_idc.annotations.annotation_set import AnnotationSet, annotation_set
from wsi_idc.annotations.geojson import parse_geojson
from wsi_idc.annotations.regions import ParsedFile
from wsi_idc.archives import leads_out
from wsi_idc.errors import AnnotationError, reason

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_BYTES = 256 * 2**20
"""Larger files are refused, unpacked or packed. A whole section drawn by hand has some megabytes;
parsed JSON takes ten to twenty times its size in memory."""

SUFFIXES = (".geojson", ".json", ".xml", ".geojson.gz", ".json.gz", ".geojson.zip", ".zip")
"""Endings that an annotation file may have in a folder, the first that is found being taken."""

_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_NO_ARCHIVE = (
    *(zlib.error, gzip.BadGzipFile, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError, EOFError),
)
# Vertices of ImageScope lie six deep.
_DEEPEST = 20
_KNOWN = "give QuPath GeoJSON, ASAP XML or ImageScope XML"


def read_annotations(path: str | Path) -> AnnotationSet:
    """Read an annotation file of any known format.

    Parameters
    ----------
    path : QuPath GeoJSON (also in a .zip or .gz), ASAP XML or ImageScope XML.

    Raises
    ------
    AnnotationError
        If the file is missing, too large, damaged, unsafe, of another format, or holds a region
        that cannot be an area; the message names the file and the region.
    """
    try:
        return annotation_set(_parsed(_unpacked(_read(Path(path)))))
    except AnnotationError as error:
        raise AnnotationError(f"{path}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            _refuse_size()
        return path.read_bytes()
    except FileNotFoundError as error:
        raise AnnotationError("there is no such annotation file; check the path") from error
    except OSError as error:
        raise AnnotationError(f"cannot be read ({reason(error)}); check the path") from error


def _unpacked(content: bytes) -> bytes:
    try:
        if content.startswith(_GZIP):
            return _gunzipped(content)
        if content.startswith(_ZIP):
            return _only_member(content)
    except _NO_ARCHIVE as error:
        raise AnnotationError(f"cannot be unpacked ({error}); export it again") from error
    return content


def _gunzipped(content: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return _whole(file)
    except EOFError as error:
        raise AnnotationError("the gzip file ends too soon; export it again") from error


def _whole(packed: gzip.GzipFile | IO[bytes]) -> bytes:
    """All of a packed file, if it is not too large: what a header says of that may be a lie."""
    plain = packed.read(MOST_BYTES + 1)
    if len(plain) > MOST_BYTES:
        _refuse_size()
    return plain


def _only_member(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(map(leads_out, archive.infolist())):
            raise AnnotationError(
                "the zip file holds links or places outside of it, which may do harm; unpack it "
                "with care, and give the file with the annotations"
            )
        members = [
            member
            for member in archive.infolist()
            if member.filename.lower().endswith((".json", ".geojson", ".xml"))
            and not member.filename.startswith("__MACOSX/")
        ]
        if len(members) != 1:
            raise AnnotationError(
                f"the zip file holds {len(members)} annotation files, and it must hold one; "
                "unpack it and give the right one"
            )
        try:
            with archive.open(members[0]) as file:
                return _whole(file)
        except AnnotationError:  # a ValueError, too
            raise
        except (ValueError, OSError, struct.error, lzma.LZMAError) as error:
            # Places and lengths that the directory tells are taken at their word.
            raise zipfile.BadZipFile(str(error)) from error


def _parsed(content: bytes) -> ParsedFile:
    if not content.strip(b"\x00 \t\r\n\xef\xbb\xbf\xfe\xff"):
        raise AnnotationError("the file is empty; export the annotations again")
    start = content[:200].decode(json.detect_encoding(content), errors="replace")
    match start.lstrip("\ufeff \t\r\n")[:1]:
        case "{" | "[":
            return parse_geojson(_json(content))
        case "<":
            return _parsed_xml(_xml(content))
    raise AnnotationError(f"is neither JSON nor XML; {_KNOWN}")


def _json(content: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AnnotationError(
            f"holds the number {constant}, which no place on a slide has; export it again"
        )

    try:
        return json.loads(content, parse_constant=refuse)
    except AnnotationError:  # a ValueError, too
        raise
    except RecursionError as error:
        raise AnnotationError("is nested too deep for GeoJSON; export it again") from error
    except ValueError as error:
        raise AnnotationError(f"is no whole JSON ({error}); export it again") from error


def _xml(content: bytes) -> Element:
    import defusedxml
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise AnnotationError(
            "the XML declares a document type or entities, which no annotation needs and which "
            "may do harm; export it again without"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise AnnotationError(f"is no whole XML ({error}); export it again") from error
    if _is_deeper(root, _DEEPEST):
        raise AnnotationError("is nested too deep for annotations; export it again")
    return root


def _is_deeper(root: Element, most: int) -> bool:
    """Whether elements lie in each other more than so deep.

    Areas are looked for below each area, so what a file of nothing but nested ones takes grows
    with the square of its size.
    """
    level = [root]
    for _ in range(most):
        level = [child for element in level for child in element]
    return bool(level)


def _parsed_xml(root: Element) -> ParsedFile:
    if root.tag == asap_xml.ROOT:
        return asap_xml.parse_asap(root)
    if root.tag == imagescope_xml.ROOT:
        return imagescope_xml.parse_imagescope(root)
    raise AnnotationError(f"is XML of the kind {str(root.tag)[:60]!r}; {_KNOWN}")


def _refuse_size() -> NoReturn:
    raise AnnotationError(
        f"is larger than {MOST_BYTES // 2**20} MiB, the most that is read; export the drawn "
        "annotations only, without cells and tiles"
    )
