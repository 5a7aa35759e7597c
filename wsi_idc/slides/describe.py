"""From what a file says to what wsi-idc knows of it: the same way for every reader. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wsi_idc.errors import SlideReadError
from wsi_idc.privacy import allowed_properties
from wsi_idc.slides.info import WHITE, Bounds, Rgb, SlideInfo
from wsi_idc.slides.levels import make_levels
from wsi_idc.slides.microns import find_microns
from wsi_idc.slides.scale_statements import objective_power


def describe_slide(
    path: Path,
    properties: Mapping[str, str],
    sizes: Sequence[tuple[int, int]],
    slide_mpp: float | tuple[float, float] | None,
    *,
    reader: str,
    vendor: str,
    tags_name: str = "TIFF resolution tags",
    has_icc_profile: bool = False,
    notes: Sequence[str] = (),
) -> SlideInfo:
    """Describe a slide by its properties and the sizes of its levels.

    Of the file's own words no more is taken over than `wsi_idc.privacy.properties` allows.

    Parameters
    ----------
    path : the slide.
    properties : names and values as OpenSlide gives them; a reader that goes another way
        hands over the same names.
    sizes : (width, height) of each level in pixels, level 0 first.
    slide_mpp : microns per level-0 pixel given by the user, one number or (x, y).
    reader, vendor, has_icc_profile : as in `SlideInfo`.
    tags_name : what to call the resolution tags of this file.
    notes : what the reader itself has to say; a conflict of scales comes first.

    Raises
    ------
    MissingMppError
        If the slide does not tell its µm/px and none were given.
    SettingsError
        If `slide_mpp` is outside 0.05 to 20.
    SlideReadError
        If level 0 has no pixels.
    """
    if not sizes or min(sizes[0]) < 1:
        raise SlideReadError(
            f"{path}: its finest level has no pixels; the file is damaged: copy it again, or leave "
            "it out"
        )
    properties = allowed_properties(properties)
    microns = find_microns(path, properties, slide_mpp, tags_name=tags_name)
    width, height = sizes[0]
    return SlideInfo(
        path=path,
        name=path.stem,
        reader=reader,
        vendor=vendor,
        width=width,
        height=height,
        mpp_x=microns.x,
        mpp_y=microns.y,
        mpp_source=microns.source,
        mpp_is_guess=microns.is_guess,
        objective_power=objective_power(properties),
        levels=make_levels(sizes),
        bounds=find_bounds(properties, width, height),
        background=find_background(properties),
        has_icc_profile=has_icc_profile,
        notes=(*([microns.conflict] if microns.conflict else []), *notes),
    )


def find_bounds(properties: Mapping[str, str], width: int, height: int) -> Bounds:
    """The scanned part of level 0, clipped to it; all of it where the slide does not say."""
    try:
        x, y, bounds_width, bounds_height = (
            int(properties[f"openslide.bounds-{name}"]) for name in ("x", "y", "width", "height")
        )
    except (KeyError, ValueError):
        return Bounds(0, 0, width, height)
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + bounds_width), min(height, y + bounds_height)
    if left >= right or top >= bottom:
        return Bounds(0, 0, width, height)
    return Bounds(left, top, right - left, bottom - top)


def find_background(properties: Mapping[str, str]) -> Rgb:
    """The slide's background colour, RGB; white where the slide does not say."""
    try:
        red, green, blue = bytes.fromhex(properties.get("openslide.background-color", ""))
    except ValueError:
        return WHITE
    return (red, green, blue)


def planes_and_scenes(properties: Mapping[str, str]) -> list[str]:
    """What to say of a slide of which OpenSlide reads one focal plane, or several scenes."""
    said = []
    for name in ("dicom.TotalPixelMatrixFocalPlanes", "zeiss.Information.Image.SizeZ"):
        planes = properties.get(name, "")
        if planes.isdecimal() and int(planes) > 1:
            said.append(
                f"the slide has {planes} focal planes; the one that OpenSlide shows is read"
            )
    scenes = sum(
        name.startswith("openslide.region[") and name.endswith("].x") for name in properties
    )
    if scenes > 1:
        said.append(f"the slide has {scenes} scanned regions; all are read, where they lie")
    return said
