"""Where µm/px come from, on properties as slides have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.errors import MissingMppError, SettingsError
from wsi_idc.slides.microns import find_microns, parse_slide_mpp
from wsi_idc.slides.scale_statements import objective_power, resolution_properties

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
            0.25, 0.5, "OME-XML", False,
        ),
        (
            {"tiff.ImageDescription": "A|MPP = 0.2527|B"},
            0.2527, 0.2527, "image description", False,
        ),
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


def ome(x: str, y: str, unit: str | None) -> dict[str, str]:
    units = "" if unit is None else f'PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"'
    image = f'<Pixels ID="Pixels:0" PhysicalSizeX="{x}" {units} PhysicalSizeY="{y}" SizeX="9"/>'
    second = '<Image ID="Image:1"><Pixels PhysicalSizeX="7" PhysicalSizeY="7"/></Image>'
    return {"tiff.ImageDescription": f'<OME><Image ID="Image:0">{image}</Image>{second}</OME>'}


@pytest.mark.parametrize(
    ("unit", "per_micron"),
    [
        (None, 1), ("µm", 1), ("μm", 1), ("&#181;m", 1), ("&#xB5;m", 1), ("um", 1), ("micron", 1),
        ("nm", 1000), ("Å", 10_000), ("pm", 1e6), ("mm", 1e-3), ("cm", 1e-4), ("m", 1e-6),
        ("in", 1 / 25_400),
    ],
)  # fmt: skip
def test_every_unit_of_ome_xml(unit: str | None, per_micron: float) -> None:
    microns = find_microns(PATH, ome(repr(0.25 * per_micron), repr(0.5 * per_micron), unit))
    assert (microns.x, microns.y) == pytest.approx((0.25, 0.5))
    assert (microns.source, microns.is_guess) == ("OME-XML", False)


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_units_of_ome_xml_that_are_no_lengths(unit: str) -> None:
    with pytest.raises(MissingMppError):
        find_microns(PATH, ome("1", "1", unit))


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [
        ("micron", 4.0), ("\\u00B5m", 4.0), ("µm", 4.0), ("um", 4.0), ("nm", 0.004),
        ("mm", 4000.0), ("cm", 40_000.0), ("inch", 101_600.0),
    ],
)  # fmt: skip
def test_imagej_keeps_the_unit_in_its_description(unit: str, per_unit: float) -> None:
    tags = resolution_properties(1, (round(per_unit * 1e6), 1_000_000), per_unit / 2)
    tags["tiff.ImageDescription"] = f"ImageJ=1.54f\nimages=1\nunit={unit}\nmin=0.0"
    microns = find_microns(PATH, tags)
    assert (microns.x, microns.y) == pytest.approx((0.25, 0.5))
    assert (microns.source, microns.is_guess) == ("ImageJ description", False)


def test_an_imagej_scale_in_pixels_is_none() -> None:
    tags = resolution_properties(1, 4.0, 4.0)
    with pytest.raises(MissingMppError):
        find_microns(PATH, tags | {"tiff.ImageDescription": "ImageJ=1.54f\nunit=pixel\n"})


@pytest.mark.parametrize(
    ("properties", "x", "y"),
    [
        ({"aperio.MPP": "0.2527"}, 0.2527, 0.2527),
        ({"ventana.ScanRes": "0.2325"}, 0.2325, 0.2325),
        (
            {
                "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_X": "0.2325",
                "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_Y": "0.2330",
            },
            0.2325, 0.2330,
        ),
        (
            {"zeiss.Scaling.Items.X.Value": "2.2e-7", "zeiss.Scaling.Items.Y.Value": "2.3e-7"},
            0.22, 0.23,
        ),
        ({"dicom.PixelSpacing[0]": ".00026", "dicom.PixelSpacing[1]": ".00025"}, 0.25, 0.26),
        (
            {
                "hamamatsu.PhysicalWidth": "24000000", "openslide.level[0].width": "100000",
                "hamamatsu.PhysicalHeight": "12000000", "openslide.level[0].height": "48000",
            },
            0.24, 0.25,
        ),
    ],
)  # fmt: skip
def test_what_vendors_state_where_openslide_does_not_pass_it_on(
    properties: dict[str, str], x: float, y: float
) -> None:
    microns = find_microns(PATH, properties)
    assert (microns.x, microns.y) == pytest.approx((x, y))
    assert microns.source == "slide metadata"


def test_trestle_writes_microns_into_the_resolution_tags() -> None:
    stated = {"openslide.vendor": "trestle", "openslide.mpp-x": "0.5", "openslide.mpp-y": "0.5"}
    tags = {"tiff.XResolution": "0.5", "tiff.YResolution": "0.5", "tiff.ResolutionUnit": "inch"}
    microns = find_microns(PATH, stated | tags)
    assert (microns.x, microns.source, microns.conflict) == (0.5, "slide metadata", None)


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        (OPENSLIDE | {"openslide.objective-power": "20"}, "0.5 (from the objective power 20x)"),
        (OPENSLIDE | TAGS, "0.25 x 0.5 (from the TIFF resolution tags)"),
        (OPENSLIDE | {"aperio.MPP": "0.5"}, "0.5 (from the slide metadata)"),
    ],
)
def test_a_conflict_is_said_with_what_was_used(properties: dict[str, str], named: str) -> None:
    microns = find_microns(PATH, properties)
    assert (microns.x, microns.y) == (0.25, 0.26)
    assert microns.conflict is not None
    assert microns.conflict.startswith("0.25 x 0.26 µm/px, from the slide metadata, was used")
    assert named in microns.conflict


@pytest.mark.parametrize(
    "properties",
    [
        OPENSLIDE | {"openslide.objective-power": "40"},
        # 40x scanners differ by a sixth, and MIRAX magnifies behind the objective.
        {"openslide.mpp-x": "0.2204", "openslide.objective-power": "40"},
        {
            "openslide.vendor": "mirax", "openslide.mpp-x": "0.2325",
            "openslide.objective-power": "20",
        },
        # 72 dpi is no statement about microns.
        OPENSLIDE | resolution_properties(2, 72, 72),
    ],
)  # fmt: skip
def test_what_agrees_or_means_nothing_is_no_conflict(properties: dict[str, str]) -> None:
    assert find_microns(PATH, properties).conflict is None


def test_a_given_scale_unlike_the_slides_own_is_said() -> None:
    microns = find_microns(PATH, OPENSLIDE, 0.5)
    assert microns.conflict is not None
    assert "0.5 µm/px, given by --slide-mpp, was used" in microns.conflict
    assert find_microns(PATH, OPENSLIDE, 0.26).conflict is None


def test_the_error_tells_what_was_found_and_not_believed() -> None:
    with pytest.raises(MissingMppError, match=r"352\.8 from the TIFF resolution tags is none"):
        find_microns(PATH, resolution_properties(2, 72, 72))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.25", (0.25, 0.25)), ("0.25,0.26", (0.25, 0.26)), (" 0.25 , 0.26", (0.25, 0.26))],
)
def test_a_given_scale_is_one_number_or_two(text: str, expected: tuple[float, float]) -> None:
    assert parse_slide_mpp(text) == expected


@pytest.mark.parametrize("text", ["", "fine", "0.25,", "0.25,0.25,0.25", "0.25x0.26"])
def test_other_words_for_a_scale_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--slide-mpp must be microns per pixel, as 0\.25"):
        parse_slide_mpp(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("openslide.objective-power", "40"), ("aperio.AppMag", "40"),
        ("ventana.Magnification", "40"),
        ("hamamatsu.SourceLens", "40"), ("leica.objective", "40x"),
        ("tiff.ImageDescription", '<Objective ID="Objective:0" NominalMagnification="40.0"/>'),
    ],
)  # fmt: skip
def test_objective_power_in_every_vendors_words(name: str, value: str) -> None:
    assert objective_power({name: value}) == 40.0


def test_rationals_and_units_of_tags() -> None:
    assert resolution_properties(3, (400_000, 10), (1, 0)) == {
        "tiff.ResolutionUnit": "centimeter",
        "tiff.XResolution": "40000.0",
    }
    assert resolution_properties(1, None, 4) == {
        "tiff.ResolutionUnit": "none",
        "tiff.YResolution": "4.0",
    }
