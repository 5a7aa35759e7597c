"""The probability map as OME-TIFF, and its way back.

One float32 plane, the probabilities as they are, NaN where nothing was assessed; the physical
pixel size is that of a cell. Where the map lies on the slide stands in a map annotation under
the namespace below, every number written so that it reads back as the same float: `origin_x`,
`origin_y`, `cell_width`, `cell_height` in level-0 pixels, `mpp_x`, `mpp_y` in microns per
level-0 pixel.
"""

from __future__ import annotations

import hashlib
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsi_idc.errors import ResultFolderError
from wsi_idc.files import whole_file
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import Placement

PLACEMENT_NAMESPACE = "wsi-idc/probability-map/placement"

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


def write_ome_tiff(path: Path, probability: ProbabilityMap, name: str) -> None:
    """Write a probability map, values untouched, as OME-TIFF.

    Equal maps and names give equal bytes: the file's UUID is derived from them, and it holds
    no date.

    Parameters
    ----------
    path : the file to write, by custom `….ome.tif` or `….ome.tiff`.
    probability : the map.
    name : the image's name in the file; the slide's name.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    values = np.ascontiguousarray(probability.values, dtype="<f4")
    with whole_file(path) as temporary:
        tifffile.imwrite(
            temporary,
            values,
            byteorder="<",
            photometric="minisblack",
            compression="zlib",
            description=_ome_xml(values, probability.placement, name),
            metadata=None,
            software=False,
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
            values = tiff.pages[0].asarray()
            placement = _read_placement(tiff.pages[0].description)
    # Decoders of damaged files raise what they come upon, from KeyError to zlib.error.
    except Exception as error:
        raise ResultFolderError(
            f"{path} is no probability map of wsi-idc, or is damaged ({error}); {again}"
        ) from error
    if values.ndim != 2 or values.dtype != np.float32:
        raise ResultFolderError(
            f"{path} holds {values.dtype} values of shape {values.shape}, not one plane of "
            f"float32 probabilities; {again}"
        )
    return ProbabilityMap(values, placement)


def _ome_xml(values: NDArray[np.float32], placement: Placement, name: str) -> bytes:
    """Describe the file in OME-XML, as ASCII (µ as a character reference): TIFF texts are ASCII."""
    rows, columns = values.shape
    place = {key: repr(float(getattr(placement, at))) for key, at in _PLACEMENT_KEYS.items()}
    content = "\n".join(
        [name, repr(values.shape), repr(place), hashlib.sha256(values.tobytes()).hexdigest()]
    )
    identity = uuid.uuid5(uuid.NAMESPACE_URL, content)
    root = ET.Element(
        "OME",
        {
            "xmlns": _OME,
            "xmlns:xsi": _XSI,
            "xsi:schemaLocation": f"{_OME} {_OME}/ome.xsd",
            "UUID": f"urn:uuid:{identity}",
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
            "Type": "float",
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
    channel = {"ID": "Channel:0:0", "Name": "IDC probability", "SamplesPerPixel": "1"}
    ET.SubElement(pixels, "Channel", channel)
    ET.SubElement(pixels, "TiffData", {"IFD": "0", "PlaneCount": "1"})
    ET.SubElement(image, "AnnotationRef", {"ID": "Annotation:0"})
    annotations = ET.SubElement(root, "StructuredAnnotations")
    note = ET.SubElement(
        annotations, "MapAnnotation", {"ID": "Annotation:0", "Namespace": PLACEMENT_NAMESPACE}
    )
    entries = ET.SubElement(note, "Value")
    for key, text in place.items():
        ET.SubElement(entries, "M", {"K": key}).text = text
    xml: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return xml


def _read_placement(description: str) -> Placement:
    root = ET.fromstring(description)
    path = f".//{{{_OME}}}MapAnnotation[@Namespace='{PLACEMENT_NAMESPACE}']//{{{_OME}}}M"
    found = {str(entry.get("K")): str(entry.text) for entry in root.iterfind(path)}
    if missing := [key for key in _PLACEMENT_KEYS if key not in found]:
        raise ValueError(f"its place on the slide lacks {', '.join(missing)}")
    return Placement(**{at: float(found[key]) for key, at in _PLACEMENT_KEYS.items()})
