"""Microns per pixel: where a slide's scale comes from, and how far to trust it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wsi_idc.errors import MissingMppError, SettingsError

# Microscope scanners lie well inside; a TIFF that says 72 dpi claims 352.8, and some files 0.0.
MIN_SLIDE_MPP = 0.05
MAX_SLIDE_MPP = 20.0

# A 10x objective gives about 1 µm/px on the cameras scanners use: 20x about 0.5, 40x about 0.25.
MPP_TIMES_POWER = 10.0

_MICRONS_PER_UNIT = {"inch": 25_400.0, "centimeter": 10_000.0}
_OME_UNITS = {"µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 0.001, "mm": 1000.0}


@dataclass(frozen=True)
class Microns:
    """The scale of a slide: microns per level-0 pixel, and how it is known.

    `source` is in words for people; `is_guess` is True where the scale was inferred.
    """

    x: float
    y: float
    source: str
    is_guess: bool


def find_microns(
    path: Path,
    properties: Mapping[str, str],
    slide_mpp: float | tuple[float, float] | None = None,
    *,
    tags_name: str = "TIFF resolution tags",
) -> Microns:
    """Find a slide's µm/px, from the most to the least trustworthy source.

    In this order: what the user gave; what the slide's metadata states; the resolution tags
    of the file; the objective power. A value outside 0.05 to 20 counts as missing. A value
    for one axis alone stands for both.

    Parameters
    ----------
    path : the slide, for messages.
    properties : OpenSlide's names and values (`openslide.mpp-x`, `tiff.XResolution`, ...).
    slide_mpp : microns per level-0 pixel, one number or (x, y), given by the user.
    tags_name : what to call the resolution tags of this file.

    Raises
    ------
    SettingsError
        If `slide_mpp` is outside 0.05 to 20.
    MissingMppError
        If nothing tells the scale.
    """
    if slide_mpp is not None:
        return _given(slide_mpp)
    # For a generic TIFF, OpenSlide's µm/px are no more than the resolution tags.
    is_from_tags = properties.get("openslide.vendor") == "generic-tiff"
    stated = None if is_from_tags else _openslide_microns(properties)
    stated = stated or _vendor_microns(properties)
    if stated:
        return Microns(*stated, source="slide metadata", is_guess=False)
    tags = _tag_microns(properties) or (_openslide_microns(properties) if is_from_tags else None)
    if tags:
        return Microns(*tags, source=tags_name, is_guess=True)
    power = objective_power(properties)
    if power:
        mpp = MPP_TIMES_POWER / power
        if _is_plausible(mpp):
            return Microns(mpp, mpp, source=f"objective power {power:g}x", is_guess=True)
    raise MissingMppError(
        f"{path}: the slide does not say how many microns a pixel is; "
        "give it with --slide-mpp (often 0.25 for a 40x and 0.5 for a 20x scan)"
    )


def objective_power(properties: Mapping[str, str]) -> float | None:
    """The scanner's objective, 40.0 for 40x, or None where the slide does not say."""
    for name in ("openslide.objective-power", "aperio.AppMag"):
        power = _number(properties.get(name))
        if power:
            return power
    return None


def _given(slide_mpp: float | tuple[float, float]) -> Microns:
    x, y = slide_mpp if isinstance(slide_mpp, tuple) else (slide_mpp, slide_mpp)
    if not (_is_plausible(x) and _is_plausible(y)):
        raise SettingsError(
            f"--slide-mpp must be within {MIN_SLIDE_MPP} to {MAX_SLIDE_MPP} µm/px, not {slide_mpp}"
        )
    return Microns(float(x), float(y), source="given by --slide-mpp", is_guess=False)


def _openslide_microns(properties: Mapping[str, str]) -> tuple[float, float] | None:
    return _plausible_pair(
        _number(properties.get("openslide.mpp-x")), _number(properties.get("openslide.mpp-y"))
    )


def _vendor_microns(properties: Mapping[str, str]) -> tuple[float, float] | None:
    """What vendors state in their own properties, where OpenSlide does not pass it on."""
    aperio = _number(properties.get("aperio.MPP"))
    description = properties.get("tiff.ImageDescription", "")
    return (
        _plausible_pair(aperio, aperio)
        or _philips_microns(properties.get("philips.DICOM_PIXEL_SPACING", ""))
        or _ome_microns(description)
        or _described_microns(description)
    )


def _philips_microns(spacing: str) -> tuple[float, float] | None:
    """DICOM pixel spacing: millimetres, the row spacing (y) first."""
    values = re.findall(r"[\d.]+(?:[eE][-+]?\d+)?", spacing)
    if len(values) != 2:
        return None
    y, x = (_number(value) for value in values)
    return _plausible_pair(x and x * 1000, y and y * 1000)


def _ome_microns(description: str) -> tuple[float, float] | None:
    """`PhysicalSizeX` and `PhysicalSizeY` of OME-XML, whose default unit is the micron."""
    sizes = []
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', description)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', description)
        scale = _OME_UNITS.get(unit.group(1), 0.0) if unit else 1.0
        value = _number(size.group(1)) if size else None
        sizes.append(value * scale if value else None)
    return _plausible_pair(sizes[0], sizes[1])


def _described_microns(description: str) -> tuple[float, float] | None:
    """`MPP = 0.25` in an Aperio-like description that some converters keep."""
    found = re.search(r"\bMPP\s*=\s*([\d.]+)", description)
    mpp = _number(found.group(1)) if found else None
    return _plausible_pair(mpp, mpp)


def _tag_microns(properties: Mapping[str, str]) -> tuple[float, float] | None:
    unit = _MICRONS_PER_UNIT.get(properties.get("tiff.ResolutionUnit", ""))
    if unit is None:
        return None
    x = _number(properties.get("tiff.XResolution"))
    y = _number(properties.get("tiff.YResolution"))
    return _plausible_pair(unit / x if x else None, unit / y if y else None)


def _plausible_pair(x: float | None, y: float | None) -> tuple[float, float] | None:
    x = x if x is not None and _is_plausible(x) else None
    y = y if y is not None and _is_plausible(y) else None
    if x is None and y is None:
        return None
    return (x if x is not None else y, y if y is not None else x)  # type: ignore[return-value]


def _is_plausible(mpp: float) -> bool:
    return MIN_SLIDE_MPP <= mpp <= MAX_SLIDE_MPP


def _number(text: str | None) -> float | None:
    """A positive, finite number, or None; some scanners write a decimal comma."""
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
