"""What the places of a file say of its scale: each place's own words as µm/px. Pure.

A slide's properties carry OpenSlide's names; readers that do not go through OpenSlide hand
over the same names (`tiff.XResolution`, `tiff.ImageDescription`, ...).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import SupportsFloat

# A 10x objective gives about 1 µm/px on the cameras scanners use: 20x about 0.5, 40x about 0.25.
MPP_TIMES_POWER = 10.0

_UNITS_UM = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **{"pm": 1e-6, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "dm": 1e5, "m": 1e6},
    **{"thou": 25.4, "in": 25_400.0, "inch": 25_400.0},
    "centimeter": 1e4,
}
"""Microns in a unit of length, as OME-XML, ImageJ and TIFF write it; lower case."""

# Vendors' own names for what OpenSlide passes on as `openslide.mpp-*`, with the microns in
# their unit: of use where OpenSlide does not pass it on, or passes on nonsense.
_VENDOR_MPP: tuple[tuple[str, str, float], ...] = (
    ("aperio.MPP", "aperio.MPP", 1.0),
    ("ventana.ScanRes", "ventana.ScanRes", 1.0),
    (
        "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_X",
        "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_Y",
        1.0,
    ),
    ("zeiss.Scaling.Items.X.Value", "zeiss.Scaling.Items.Y.Value", 1e6),
    # DICOM tells the row spacing, which is y, first.
    *(
        (f"dicom.{place}PixelSpacing[1]", f"dicom.{place}PixelSpacing[0]", 1e3)
        for place in ("", "SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].")
    ),
)

_POWER_NAMES = (
    "openslide.objective-power",
    "aperio.AppMag",
    "hamamatsu.SourceLens",
    "leica.objective",
    "mirax.GENERAL.OBJECTIVE_MAGNIFICATION",
    "ventana.Magnification",
    "trestle.Objective Power",
    "sakura.NominalLensMagnification",
    "dicom.OpticalPathSequence[0].ObjectiveLensPower",
)

# Trestle writes µm/px into the resolution tags, whatever their unit says.
_TAGS_ARE_NO_RESOLUTION = ("trestle",)
# MIRAX scanners magnify once more between objective and camera: 20x and 0.23 µm/px is usual.
_POWER_TELLS_NO_SCALE = ("mirax",)


@dataclass(frozen=True)
class Statement:
    """The scale that one place of a file states; µm/px as written, plausible or not.

    `source` is in words for people; `is_guess` is True where the place is not meant for it.
    """

    x: float | None
    y: float | None
    source: str
    is_guess: bool


def scale_statements(
    properties: Mapping[str, str], tags_name: str = "TIFF resolution tags"
) -> Iterator[Statement]:
    """All that a slide's properties say of its scale, the most trustworthy first.

    Parameters
    ----------
    properties : names and values, as OpenSlide gives them.
    tags_name : what to call the resolution tags of this file.
    """
    vendor = properties.get("openslide.vendor", "")
    description = properties.get("tiff.ImageDescription", "")
    own = number(properties.get("openslide.mpp-x")), number(properties.get("openslide.mpp-y"))
    # For a generic TIFF, OpenSlide's µm/px are no more than the resolution tags.
    is_from_tags = vendor == "generic-tiff"
    if not is_from_tags:
        yield Statement(*own, "slide metadata", is_guess=False)
    for x, y in _vendor_microns(properties):
        yield Statement(x, y, "slide metadata", is_guess=False)
    yield Statement(*_ome_microns(description), "OME-XML", is_guess=False)
    yield Statement(*_imagej_microns(properties), "ImageJ description", is_guess=False)
    yield Statement(*_described_microns(description), "image description", is_guess=False)
    if vendor not in _TAGS_ARE_NO_RESOLUTION:
        yield Statement(*_tag_microns(properties), tags_name, is_guess=True)
    if is_from_tags:
        yield Statement(*own, tags_name, is_guess=True)
    power = objective_power(properties)
    if power and vendor not in _POWER_TELLS_NO_SCALE:
        mpp = MPP_TIMES_POWER / power
        yield Statement(mpp, mpp, f"objective power {power:g}x", is_guess=True)


def objective_power(properties: Mapping[str, str]) -> float | None:
    """The scanner's objective, 40.0 for 40x, or None where the slide does not say."""
    for name in _POWER_NAMES:
        power = number(properties.get(name, "").strip().rstrip("xX"))
        if power:
            return power
    found = re.search(
        r"""\bNominalMagnification=["']([^"']+)["']""", properties.get("tiff.ImageDescription", "")
    )
    return number(found.group(1)) if found else None


_TIFF_UNITS = {1: "none", 2: "inch", 3: "centimeter"}


def resolution_properties(unit: object, x: object, y: object) -> dict[str, str]:
    """TIFF resolution tags under OpenSlide's names.

    Parameters
    ----------
    unit : 1 none, 2 inch, 3 centimetre.
    x, y : pixels per unit: numbers, or rationals as (numerator, denominator). What is neither,
        as in a damaged file, is as good as nothing.
    """
    known = _TIFF_UNITS.get(unit, "none") if isinstance(unit, int) else "none"
    found = {"tiff.ResolutionUnit": known}
    for axis, value in (("X", x), ("Y", y)):
        if isinstance(value, tuple) and len(value) == 2:
            numerator, denominator = value
            value = numerator / denominator if denominator else None
        if isinstance(value, SupportsFloat):
            found[f"tiff.{axis}Resolution"] = repr(float(value))
    return found


def number(text: str | None) -> float | None:
    """A positive, finite number, or None; some scanners write a decimal comma."""
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _vendor_microns(
    properties: Mapping[str, str],
) -> Iterator[tuple[float | None, float | None]]:
    for name_x, name_y, microns in _VENDOR_MPP:
        x, y = number(properties.get(name_x)), number(properties.get(name_y))
        yield x and x * microns, y and y * microns
    spacing = re.findall(
        r"[\d.]+(?:[eE][-+]?\d+)?", properties.get("philips.DICOM_PIXEL_SPACING", "")
    )
    if len(spacing) == 2:
        y, x = (number(value) for value in spacing)
        yield x and x * 1e3, y and y * 1e3
    # Hamamatsu's VMS index tells the width of the image in nanometres.
    width_nm = number(properties.get("hamamatsu.PhysicalWidth"))
    height_nm = number(properties.get("hamamatsu.PhysicalHeight"))
    width = number(properties.get("openslide.level[0].width"))
    height = number(properties.get("openslide.level[0].height"))
    if width_nm and width and height_nm and height:
        yield width_nm / width / 1e3, height_nm / height / 1e3


def _ome_microns(description: str) -> tuple[float | None, float | None]:
    """`PhysicalSizeX` and `PhysicalSizeY` of the first image of OME-XML; µm where no unit is."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", description)
    if pixels is None:
        return None, None

    def attribute(name: str) -> str | None:
        found = re.search(rf"""\b{name}=(?:"([^"]*)"|'([^']*)')""", pixels.group())
        return html.unescape(found.group(1) or found.group(2) or "") if found else None

    def microns(axis: str) -> float | None:
        size, unit = number(attribute(f"PhysicalSize{axis}")), attribute(f"PhysicalSize{axis}Unit")
        # `pixel` and `reference frame` are no lengths.
        scale = 1.0 if unit is None else _UNITS_UM.get(unit.strip().lower())
        return size * scale if size and scale else None

    return microns("X"), microns("Y")


def _imagej_microns(properties: Mapping[str, str]) -> tuple[float | None, float | None]:
    """ImageJ names the unit in its description and puts pixels per unit into the tags."""
    description = properties.get("tiff.ImageDescription", "")
    unit = re.search(r"^unit=(.*)$", description, re.MULTILINE)
    if not description.startswith("ImageJ=") or unit is None:
        return None, None
    # It writes the micro sign as an escape, to keep its description ASCII.
    name = unit.group(1).strip().replace("\\u00B5", "µ").lower()
    return _per_unit(properties, _UNITS_UM.get(name))


def _described_microns(description: str) -> tuple[float | None, float | None]:
    """`MPP = 0.25` in an Aperio-like description that some converters keep."""
    found = re.search(r"\bMPP\s*=\s*([\d.]+)", description)
    mpp = number(found.group(1)) if found else None
    return mpp, mpp


def _tag_microns(properties: Mapping[str, str]) -> tuple[float | None, float | None]:
    return _per_unit(properties, _UNITS_UM.get(properties.get("tiff.ResolutionUnit", "")))


def _per_unit(
    properties: Mapping[str, str], unit_um: float | None
) -> tuple[float | None, float | None]:
    """Microns per pixel from the tags' pixels per unit."""
    if unit_um is None:
        return None, None
    x = number(properties.get("tiff.XResolution"))
    y = number(properties.get("tiff.YResolution"))
    return unit_um / x if x else None, unit_um / y if y else None
