"""The probability map as OME-TIFF, and its way back.

One float32 plane, the probabilities as they are, NaN where nothing was assessed; the physical
pixel size is that of a cell, the plane's position that of the map's corner on the slide. Exactly
where the map lies stands in a map annotation under the namespace below, every number written
so that it reads back as the same float: `origin_x`, `origin_y`, `cell_width`, `cell_height` in
level-0 pixels, `mpp_x`, `mpp_y` in microns per level-0 pixel, and `columns`, `rows`.

Larger maps have a pyramid in SubIFDs, each level the mean of the assessed ones of two by two
cells. Readers take a level's scale from its size, so a map is filled up with NaN to a multiple
of the coarsest level's cells: every level is then exactly twice as coarse as the one before and
none drifts. `columns` and `rows` tell the map's own size.

With 8 bits, 0 is not assessed and 1 to 255 are the probabilities 0 to 1: (value - 1) / 254.
"""

from __future__ import annotations

import hashlib
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import defusedxml.ElementTree as defused
import numpy as np
import tifffile
from numpy.typing import NDArray

from wsi_idc.errors import ResultFolderError, reason
from wsi_idc.files import whole_file
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.info import FARTHEST_PX
from wsi_idc.slides.raster import Placement

PLACEMENT_NAMESPACE = "wsi-idc/probability-map/placement"
SCALE_NAMESPACE = "wsi-idc/probability-map/scale"

# A cell for every 25 pixels of the largest slides is a tenth of that.
_MOST_CELLS = 2**28

# Side of a tile; a map that fits into one needs no pyramid.
_TILE = 256

_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_PLACEMENT_KEYS = {
    "origin_x": "origin_x",
    "origin_y": "origin_y",
    "cell_width": "pixel_width",
    "cell_height": "pixel_height",
    "mpp_x": "mpp_x",
    "mpp_y": "mpp_y",
}


def write_ome_tiff(
    path: str | Path, probability: ProbabilityMap, name: str, *, eight_bit: bool = False
) -> None:
    """Write a probability map as tiled, pyramidal OME-TIFF; as floats its values are untouched.

    Equal maps and names give equal bytes: the file's UUID is derived from them, and it holds
    no date.

    Parameters
    ----------
    path : the file to write, by custom `….ome.tif` or `….ome.tiff`.
    probability : the map.
    name : the image's name in the file; the slide's name.
    eight_bit : write 0 for not assessed and 1 to 255 for 0 to 1, for viewers that show no floats.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    floats = _pyramid(probability.values)
    levels = [_eight_bit(level) for level in floats] if eight_bit else floats
    content = np.ascontiguousarray(probability.values, dtype="<f4").tobytes()
    description = _ome_xml(
        levels[0], probability, name, identity=hashlib.sha256(content).hexdigest()
    )
    with whole_file(Path(path)) as temporary, tifffile.TiffWriter(temporary, byteorder="<") as tiff:
        for index, level in enumerate(levels):
            tiff.write(
                level,
                photometric="minisblack",
                compression="zlib",
                tile=(_TILE, _TILE),
                metadata=None,
                software=False,
                **(
                    {"subfiletype": 1}
                    if index
                    else {"subifds": len(levels) - 1, "description": description}
                ),
            )


def _pyramid(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The map, filled up, and its coarser levels until one fits into a tile; little-endian."""
    halvings = max(0, (max(values.shape) - 1) // _TILE).bit_length()
    unit = 2**halvings
    fill = [(0, -side % unit) for side in values.shape]
    levels = [np.pad(values.astype("<f4"), fill, constant_values=np.nan)]
    for _ in range(halvings):
        levels.append(_halved(levels[-1]))
    return levels


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the finite ones of two by two cells; NaN where there is none."""
    rows, columns = values.shape
    blocks = values.astype(np.float64).reshape(rows // 2, 2, columns // 2, 2)
    finite = np.isfinite(blocks)
    count = finite.sum(axis=(1, 3))
    total = np.where(finite, blocks, 0.0).sum(axis=(1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype("<f4")


def _eight_bit(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.where(np.isfinite(values), np.rint(1 + 254 * np.nan_to_num(values)), 0).astype(
        np.uint8
    )


def read_ome_tiff(path: Path) -> ProbabilityMap:
    """Read a map that `write_ome_tiff` wrote: the same values, the same placement.

    Raises
    ------
    ResultFolderError
        If the file is missing, damaged, or no map of wsi-idc.
    """
    again = "run `wsi-idc heatmap` on the slide again"
    if not path.is_file():
        raise ResultFolderError(f"no probability map at {path}; run `wsi-idc heatmap` on the slide")
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            if page.imagewidth * page.imagelength > _MOST_CELLS:
                raise ValueError(f"it says it has {page.imagewidth} x {page.imagelength} cells")
            values = page.asarray()
            placement, shape = _read_placement(page.description)
    # Decoders of damaged files raise what they come upon, from KeyError to zlib.error.
    except Exception as error:
        raise ResultFolderError(
            f"{path} is no probability map of wsi-idc, or is damaged ({reason(error)}); {again}"
        ) from error
    if values.ndim != 2 or values.dtype != np.float32:
        raise ResultFolderError(
            f"{path} holds {values.dtype} values of shape {values.shape}, not one plane of "
            f"float32 probabilities; {again}"
        )
    # Infinite ones would be left out of the picture and counted as tumour.
    if ((values < 0) | (values > 1)).any():
        raise ResultFolderError(
            f"{path} holds values from {np.nanmin(values):g} to {np.nanmax(values):g}, which are "
            f"no probabilities; {again}"
        )
    if shape is not None:
        values = np.ascontiguousarray(values[: shape[0], : shape[1]])
    return ProbabilityMap(values, placement)


def _ome_xml(
    values: NDArray[np.float32] | NDArray[np.uint8],
    probability: ProbabilityMap,
    name: str,
    identity: str,
) -> bytes:
    """Describe the file in OME-XML, as ASCII (µ as a character reference): TIFF texts are ASCII."""
    rows, columns = values.shape
    placement = probability.placement
    place = {key: repr(float(getattr(placement, at))) for key, at in _PLACEMENT_KEYS.items()}
    own_rows, own_columns = probability.values.shape
    place |= {"columns": str(own_columns), "rows": str(own_rows)}
    content = "\n".join([name, values.dtype.name, repr(place), identity])
    file_uuid = uuid.uuid5(uuid.NAMESPACE_URL, content)
    root = ET.Element(
        "OME",
        {
            "xmlns": _OME,
            "xmlns:xsi": _XSI,
            "xsi:schemaLocation": f"{_OME} {_OME}/ome.xsd",
            "UUID": f"urn:uuid:{file_uuid}",
            "Creator": "wsi-idc",
        },
    )
    image = ET.SubElement(root, "Image", {"ID": "Image:0", "Name": name})
    pixels = ET.SubElement(
        image,
        "Pixels",
        {
            "ID": "Pixels:0",
            "DimensionOrder": "XYCZT",
            "Type": "float" if values.dtype.kind == "f" else "uint8",
            "BigEndian": "false",
            "SizeX": str(columns),
            "SizeY": str(rows),
            "SizeC": "1",
            "SizeZ": "1",
            "SizeT": "1",
            "PhysicalSizeX": repr(float(placement.pixel_width_um)),
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": repr(float(placement.pixel_height_um)),
            "PhysicalSizeYUnit": "µm",
        },
    )
    named = f"{probability.class_name} probability"
    channel = {"ID": "Channel:0:0", "Name": named, "SamplesPerPixel": "1"}
    ET.SubElement(pixels, "Channel", channel)
    ET.SubElement(pixels, "TiffData", {"IFD": "0", "PlaneCount": "1"})
    position = {
        "TheZ": "0",
        "TheT": "0",
        "TheC": "0",
        "PositionX": repr(float(placement.origin_x * placement.mpp_x)),
        "PositionXUnit": "µm",
        "PositionY": repr(float(placement.origin_y * placement.mpp_y)),
        "PositionYUnit": "µm",
    }
    ET.SubElement(pixels, "Plane", position)
    notes = {PLACEMENT_NAMESPACE: place}
    if values.dtype == np.uint8:
        notes[SCALE_NAMESPACE] = {"not_assessed": "0", "probability": "(value - 1) / 254"}
    for number in range(len(notes)):
        ET.SubElement(image, "AnnotationRef", {"ID": f"Annotation:{number}"})
    annotations = ET.SubElement(root, "StructuredAnnotations")
    for number, (namespace, entries) in enumerate(notes.items()):
        note = ET.SubElement(
            annotations, "MapAnnotation", {"ID": f"Annotation:{number}", "Namespace": namespace}
        )
        value = ET.SubElement(note, "Value")
        for key, text in entries.items():
            ET.SubElement(value, "M", {"K": key}).text = text
    xml: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return xml


def _read_placement(description: str) -> tuple[Placement, tuple[int, int] | None]:
    """Placement of a map and its own (rows, columns); None where the file is of before these."""
    root = defused.fromstring(description, forbid_dtd=True)
    path = f".//{{{_OME}}}MapAnnotation[@Namespace='{PLACEMENT_NAMESPACE}']//{{{_OME}}}M"
    found = {str(entry.get("K")): str(entry.text) for entry in root.iterfind(path)}
    if missing := [key for key in _PLACEMENT_KEYS if key not in found]:
        raise ValueError(f"its place on the slide lacks {', '.join(missing)}")
    at = {name: float(found[key]) for key, name in _PLACEMENT_KEYS.items()}
    for name, value in at.items():
        is_place = name.startswith("origin") or value > 0
        if not (is_place and abs(value) <= FARTHEST_PX):
            raise ValueError(f"its place on the slide has the {name} {value:g}")
    shape = (int(found["rows"]), int(found["columns"])) if "rows" in found else None
    if shape is not None and min(shape) < 1:
        raise ValueError(f"it says it has {shape[1]} x {shape[0]} cells")
    return Placement(**at), shape
