"""Where µm/px come from, on properties as slides have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.errors import MissingMppError, SettingsError
from wsi_idc.slides.microns import find_microns

PATH = Path("case.svs")
OPENSLIDE = {"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.26"}
TAGS = {
    "tiff.ResolutionUnit": "centimeter",
    "tiff.XResolution": "40000",
    "tiff.YResolution": "20000",
}


@pytest.mark.parametrize(
    ("properties", "x", "y", "source", "is_guess"),
    [
        (OPENSLIDE | TAGS, 0.25, 0.26, "slide metadata", False),
        ({"openslide.mpp-x": "0.25"}, 0.25, 0.25, "slide metadata", False),
        (OPENSLIDE | {"openslide.mpp-y": "352.8"}, 0.25, 0.25, "slide metadata", False),
        ({"openslide.mpp-x": "0.0", "aperio.MPP": "0,499"}, 0.499, 0.499, "slide metadata", False),
        (
            {"philips.DICOM_PIXEL_SPACING": '"0.000260" "0.000250"'},
            0.25, 0.26, "slide metadata", False,
        ),
        (
            {
                "openslide.vendor": "generic-tiff",
                "tiff.ImageDescription": '<OME><Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" '
                'PhysicalSizeY="0.5"/></OME>',
            } | TAGS,
            0.25, 0.5, "slide metadata", False,
        ),
        ({"tiff.ImageDescription": "A|MPP = 0.2527|B"}, 0.2527, 0.2527, "slide metadata", False),
        (TAGS, 0.25, 0.5, "TIFF resolution tags", True),
        (
            OPENSLIDE | {"openslide.vendor": "generic-tiff"},
            0.25, 0.26, "TIFF resolution tags", True,
        ),
        (
            {"tiff.ResolutionUnit": "inch", "tiff.XResolution": "101600",
             "openslide.objective-power": "20"},
            0.25, 0.25, "TIFF resolution tags", True,
        ),
        (
            {"tiff.ResolutionUnit": "inch", "tiff.XResolution": "72",
             "tiff.YResolution": "72", "openslide.objective-power": "40"},
            0.25, 0.25, "objective power 40x", True,
        ),
    ],
)  # fmt: skip
def test_the_most_trustworthy_source_wins(
    properties: dict[str, str], x: float, y: float, source: str, is_guess: bool
) -> None:
    microns = find_microns(PATH, properties)
    assert (microns.x, microns.y) == pytest.approx((x, y))
    assert (microns.source, microns.is_guess) == (source, is_guess)


def test_what_the_user_gives_outranks_the_slide() -> None:
    microns = find_microns(PATH, OPENSLIDE, (0.5, 0.51))
    assert (microns.x, microns.y, microns.is_guess) == (0.5, 0.51, False)
    assert microns.source == "given by --slide-mpp"


@pytest.mark.parametrize("given", [0.0, -0.25, 352.8, float("nan"), (0.25, 0.0)])
def test_an_absurd_given_value_is_refused(given: float | tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match=r"--slide-mpp must be within 0.05 to 20"):
        find_microns(PATH, OPENSLIDE, given)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"openslide.mpp-x": "0.0", "openslide.mpp-y": "0.0"},
        {"openslide.mpp-x": "352.8", "openslide.mpp-y": "nan"},
        {"openslide.mpp-x": "inf", "aperio.MPP": "unknown", "openslide.objective-power": "0"},
        {"tiff.ResolutionUnit": "none", "tiff.XResolution": "40000", "tiff.YResolution": "40000"},
    ],
)
def test_without_a_plausible_source_the_error_names_the_option(properties: dict[str, str]) -> None:
    with pytest.raises(MissingMppError, match=r"case\.svs: .*--slide-mpp"):
        find_microns(PATH, properties)
