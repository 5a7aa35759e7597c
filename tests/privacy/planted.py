"""Slides of every format that tests can make, full of what must not leave them.

Wherever a file can say who was scanned, when, by whom and on which device it says so, in words
that stand nowhere else; label and macro image are of a colour that no tissue has.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

PATIENT = "NOWAKOWSKAEWA"
"""Who was scanned: in every place of a file, and in the names of its folders."""
NUMBER = "QX19550417"
"""The number of the case."""
SERIAL = "SN70043981"
"""The scanner's."""
WHO = f"{PATIENT} {NUMBER} {SERIAL}"
PLANTED = (PATIENT, NUMBER, SERIAL)

LABEL_COLOUR = (0, 255, 40)
"""No stain and no colour of a picture of this program comes near it."""

COLUMNS, ROWS, MPP = 300, 260, 8.0

Pixels = NDArray[np.uint8]


def tissue(seed: int = 1) -> Pixels:
    """A section of 300 by 260 px at 8 µm/px: pink in the middle, glass around it."""
    rng = np.random.default_rng(seed)
    pixels = np.full((ROWS, COLUMNS, 3), 243, np.uint8)
    inside = pixels[40:-40, 40:-40]
    inside[:] = (215, 150, 190)
    inside -= rng.integers(0, 30, inside.shape[:2], np.uint8)[..., None]
    return pixels


def label() -> Pixels:
    """What must be in no picture."""
    pixels = np.full((120, 100, 3), LABEL_COLOUR, np.uint8)
    pixels[::8] = 0
    return pixels


def _profile() -> bytes:
    """A colour profile that is named by a patient, by as many letters as its own name has."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    own = "sRGB built-in".encode("utf-16-be")
    return profile.replace(own, PATIENT.encode("utf-16-be"))


# Tags of TIFF, with which EXIF has many in common: document name, description, maker, model,
# software, time, artist, host, copyright.
_TEXT_TAGS = (269, 271, 272, 305, 306, 315, 316, 33432)


def _tags(description: str | None = None) -> list[tuple[int, int, int, Any, bool]]:
    tags = [(tag, 2, 0, WHO, True) for tag in _TEXT_TAGS]
    tags.append((34675, 7, 0, _profile(), True))
    if description is not None:
        tags.append((270, 2, 0, description, True))
    return tags


def aperio(path: Path) -> None:
    size = f"{COLUMNS}x{ROWS}"
    properties = {
        "AppMag": "20",
        "MPP": f"{MPP}",
        "Filename": WHO,
        "Title": WHO,
        "User": WHO,
        "Patient": WHO,
        "ScanScope ID": WHO,
        "Date": WHO,
        "Barcode": WHO,
    }
    said = "|".join(f"{name} = {value}" for name, value in properties.items())
    with tifffile.TiffWriter(path) as tiff:
        common = {"metadata": None, "software": False, "photometric": "rgb"}

        def write(pixels: Pixels, description: str, **how: Any) -> None:
            tags = _tags(f"Aperio Image Library v12 {WHO}\r\n{description}|{said}")
            tiff.write(pixels, extratags=tags, **common, **how)

        tiled = {"tile": (256, 256), "compression": "adobe_deflate"}
        write(tissue(), f"{size} [0,0 {size}] (256x256)", **tiled)
        write(tissue()[::4, ::4], "thumbnail", rowsperstrip=16)
        write(label(), "label 100x120", subfiletype=1, rowsperstrip=16)
        write(label(), "macro 100x120", subfiletype=9, rowsperstrip=16)


def generic_tiff(path: Path) -> None:
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(
            tissue(2),
            tile=(256, 256),
            photometric="rgb",
            compression="adobe_deflate",
            metadata=None,
            software=False,
            resolution=(1e4 / MPP, 1e4 / MPP),
            resolutionunit="CENTIMETER",
            extratags=_tags(f"{WHO} MPP = {MPP} {WHO}"),
        )
        tiff.write(label(), photometric="rgb", metadata=None, software=False, subfiletype=1)


def ome_tiff(path: Path) -> None:
    pixels = (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="{COLUMNS}" '
        f'SizeY="{ROWS}" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="{MPP}" '
        f'PhysicalSizeY="{MPP}"><Channel ID="Channel:0:0" Name="{WHO}" SamplesPerPixel="3"/>'
        '<TiffData IFD="0" PlaneCount="1"/></Pixels>'
    )
    of_label = (
        '<Pixels ID="Pixels:1" DimensionOrder="XYCZT" Type="uint8" SizeX="100" SizeY="120" '
        'SizeC="3" SizeZ="1" SizeT="1"><Channel ID="Channel:1:0" SamplesPerPixel="3"/>'
        '<TiffData IFD="1" PlaneCount="1"/></Pixels>'
    )
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'Creator="{WHO}"><Experimenter ID="Experimenter:0" LastName="{WHO}"/>'
        f'<Instrument ID="Instrument:0"><Microscope SerialNumber="{WHO}"/></Instrument>'
        f'<Image ID="Image:0" Name="{WHO}"><AcquisitionDate>1955-04-17T00:00:00</AcquisitionDate>'
        f"<Description>{WHO}</Description>{pixels}</Image>"
        f'<Image ID="Image:1" Name="label {WHO}">{of_label}</Image>'
        f'<StructuredAnnotations><MapAnnotation ID="A:0"><Value><M K="patient">{WHO}</M>'
        "</Value></MapAnnotation></StructuredAnnotations></OME>"
    )
    with tifffile.TiffWriter(path) as tiff:
        common = {"photometric": "rgb", "metadata": None, "software": False}
        compression = "adobe_deflate"
        tags = _tags()
        tiff.write(
            tissue(3),
            tile=(256, 256),
            description=xml,
            compression=compression,
            extratags=tags,
            **common,
        )
        tiff.write(label(), extratags=tags, **common)


def jpeg(path: Path) -> None:
    exif = Image.Exif()
    for tag in (270, *_TEXT_TAGS):
        exif[tag] = WHO
    details = exif.get_ifd(0x8769)
    details |= {0x9286: b"ASCII\0\0\0" + WHO.encode(), 0xA431: WHO, 0xA430: WHO, 0x927C: WHO}
    image = Image.fromarray(tissue(4))
    dpi = 25400 / MPP
    image.save(
        path,
        quality=92,
        dpi=(dpi, dpi),
        exif=exif,
        comment=WHO.encode(),
        icc_profile=_profile(),
        xmp=f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{WHO}</x:xmpmeta>".encode(),
    )


def png(path: Path) -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("Author", WHO)
    said.add_text("Comment", WHO, zip=True)
    said.add_itxt("Description", WHO, zip=True)
    dpi = 25400 / MPP
    exif = Image.Exif()
    exif[315] = WHO
    profile = _profile()
    Image.fromarray(tissue(5)).save(
        path, pnginfo=said, dpi=(dpi, dpi), exif=exif, icc_profile=profile
    )


def dicom(path: Path) -> None:
    """A slide as DICOM has it, and beside it the label of the same series."""
    _write_dicom(path, tissue(6), "VOLUME", 1)
    _write_dicom(path.with_name("label.dcm"), label(), "LABEL", 2)


def _write_dicom(path: Path, pixels: Pixels, kind: str, number: int) -> None:
    encoded = BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=95, subsampling="4:2:2")
    rows, columns = pixels.shape[:2]
    series, frame = "1.2.826.0.1.3680043.2.1", "1.2.826.0.1.3680043.2.3"
    uid = f"1.2.826.0.1.3680043.2.2.{number}"
    of_slides = "1.2.840.10008.5.1.4.1.1.77.1.6"
    syntax = "1.2.840.10008.1.2.4.50"
    spacing = _element(0x0028, 0x0030, "DS", f"{MPP / 1000}\\{MPP / 1000}")
    measures = _sequence(0x0028, 0x9110, spacing)
    colour_path = _sequence(
        0x0048,
        0x0105,
        _element(0x0028, 0x2000, "OB", _profile())
        + _element(0x0048, 0x0106, "SH", "1")
        + _element(0x0048, 0x0112, "DS", "20"),
    )
    image_type = f"ORIGINAL\\PRIMARY\\{kind}\\NONE"
    body = b"".join(
        [
            _element(0x0008, 0x0008, "CS", image_type),
            _element(0x0008, 0x0016, "UI", of_slides),
            _element(0x0008, 0x0018, "UI", uid),
            _element(0x0008, 0x0020, "DA", "19550417"),
            _element(0x0008, 0x0050, "SH", NUMBER),
            _element(0x0008, 0x0060, "CS", "SM"),
            _element(0x0008, 0x0070, "LO", WHO),
            _element(0x0008, 0x0080, "LO", WHO),
            _element(0x0008, 0x0090, "PN", WHO),
            _element(0x0008, 0x103E, "LO", WHO),
            _element(0x0008, 0x1090, "LO", WHO),
            _element(0x0010, 0x0010, "PN", PATIENT),
            _element(0x0010, 0x0020, "LO", NUMBER),
            _element(0x0018, 0x1000, "LO", SERIAL),
            _element(0x0020, 0x000D, "UI", series + ".9"),
            _element(0x0020, 0x000E, "UI", series),
            _element(0x0020, 0x0013, "IS", str(number)),
            _element(0x0020, 0x0052, "UI", frame),
            _element(0x0020, 0x9311, "CS", "TILED_FULL"),
            _element(0x0028, 0x0002, "US", 3),
            _element(0x0028, 0x0004, "CS", "YBR_FULL_422"),
            _element(0x0028, 0x0006, "US", 0),
            _element(0x0028, 0x0008, "IS", "1"),
            _element(0x0028, 0x0010, "US", rows),
            _element(0x0028, 0x0011, "US", columns),
            _element(0x0028, 0x0100, "US", 8),
            _element(0x0028, 0x0101, "US", 8),
            _element(0x0028, 0x0102, "US", 7),
            _element(0x0028, 0x0103, "US", 0),
            _element(0x0040, 0x0512, "LO", NUMBER),
            _element(0x0048, 0x0006, "UL", columns),
            _element(0x0048, 0x0007, "UL", rows),
            colour_path,
            _element(0x0048, 0x0303, "UL", 1),
            _sequence(0x5200, 0x9229, measures),
        ]
    )
    meta = b"".join(
        [
            _element(0x0002, 0x0001, "OB", b"\0\1"),
            _element(0x0002, 0x0002, "UI", of_slides),
            _element(0x0002, 0x0003, "UI", uid),
            _element(0x0002, 0x0010, "UI", syntax),
            _element(0x0002, 0x0012, "UI", "1.2.826.0.1.3680043.2"),
            _element(0x0002, 0x0016, "AE", SERIAL),
        ]
    )
    frame_bytes = encoded.getvalue() + b"\0" * (len(encoded.getvalue()) % 2)
    data = (
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE000, len(frame_bytes))
        + frame_bytes
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )
    length = _element(0x0002, 0x0000, "UL", len(meta))
    path.write_bytes(b"\0" * 128 + b"DICM" + length + meta + body + data)


def _element(group: int, element: int, kind: str, value: str | int | bytes) -> bytes:
    """A DICOM element, explicit VR, little-endian."""
    if isinstance(value, int):
        value = struct.pack({"US": "<H", "UL": "<I"}[kind], value)
    elif isinstance(value, str):
        value = value.encode("ascii")
        value += (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", group, element, kind.encode())
    if kind in ("OB", "SQ"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def _sequence(group: int, element: int, item: bytes) -> bytes:
    inside = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    return _element(group, element, "SQ", inside)


FORMATS: dict[str, Callable[[Path], None]] = {
    "aperio.svs": aperio,
    "generic.tif": generic_tiff,
    "ome.ome.tif": ome_tiff,
    "plain.jpg": jpeg,
    "plain.png": png,
    "wsi.dcm": dicom,
}
"""What writes a slide, by the end of its file's name."""


def plant(folder: Path, *, name: str) -> list[Path]:
    """Write a slide of each format, each in a folder of its own, named by the patient.

    Parameters
    ----------
    folder : gets the patient's folder.
    name : what file names begin with.
    """
    slides = []
    for ending, write in FORMATS.items():
        place = folder / f"{PATIENT}, {NUMBER}" / ending.partition(".")[2]
        place.mkdir(parents=True)
        slides.append(place / f"{name}-{ending}")
        write(slides[-1])
    return slides
