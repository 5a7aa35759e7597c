"""The allow-list of what is taken over from a slide file's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.privacy import allowed_properties, known_profile, reason_of
from wsi_idc.slides import scale_statements
from wsi_idc.slides.describe import describe_slide
from wsi_idc.slides.scale_statements import scale_statements as statements_of

WHO = "DOE^JANE 19551204"


def test_what_is_not_listed_stays_in_the_file() -> None:
    said = {
        "aperio.User": WHO,
        "aperio.ScanScope ID": "SS4711",
        "openslide.comment": WHO,
        "tiff.Artist": WHO,
        "dicom.PatientName": WHO,
        "hamamatsu.NDP.S/N": "700123",
        "aperio.AppMag": "20",
    }
    assert allowed_properties(said) == {"aperio.AppMag": "20"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aperio.MPP", WHO),
        ("aperio.MPP", f"0.25 {WHO}"),
        ("aperio.AppMag", "19551204"),
        ("openslide.mpp-x", "of Jane Doe"),
        ("openslide.vendor", WHO),
        ("openslide.background-color", WHO),
        ("tiff.ResolutionUnit", WHO),
        ("tiff.ImageDescription", WHO),
        ("openslide.region[0].x", WHO),
    ],
)
def test_a_listed_property_with_another_content_stays_too(name: str, value: str) -> None:
    assert allowed_properties({name: value}) == {}


@pytest.mark.parametrize(
    ("description", "scale"),
    [
        (f"ImageJ=1.53\nunit=micron\nInfo={WHO}\n", "ImageJ=\nunit=micron"),
        (f"Some Scanner|User = {WHO}|MPP = 0.2527|{WHO}", "MPP = 0.2527"),
        (
            f'<OME><Instrument SN="{WHO}"><Objective NominalMagnification="40"/></Instrument>'
            f'<Image Name="{WHO}"><Pixels ID="{WHO}" PhysicalSizeX="0.25" PhysicalSizeXUnit="µm"'
            f' SizeX="10"/></Image><!-- {WHO} --></OME>',
            'NominalMagnification="40"\n<Pixels PhysicalSizeX="0.25" PhysicalSizeXUnit="µm">',
        ),
        (f'<Pixels PhysicalSizeXUnit="{"x" * 30}{WHO}"/>', "<Pixels >"),
    ],
)
def test_of_a_description_its_scale_is_left(description: str, scale: str) -> None:
    assert allowed_properties({"tiff.ImageDescription": description}) == {
        "tiff.ImageDescription": scale
    }


def test_a_reduced_description_tells_the_same_scale() -> None:
    for description in (
        "ImageJ=1.53\nimages=1\nunit=\\u00B5m\nhyperstack=true",
        "Aperio-like|AppMag = 20|MPP = 0.4990|Date = 12/29/09",
        "<a:OME xmlns:a='b'><a:Image><a:Pixels SizeX='2' PhysicalSizeX='250' "
        "PhysicalSizeXUnit='nm' PhysicalSizeY='251'/></a:Image><a:Pixels PhysicalSizeX='9'/>",
    ):
        whole = {"tiff.ImageDescription": description, "tiff.XResolution": "4"}
        told = list(statements_of(allowed_properties(whole)))
        assert told == list(statements_of(whole))
        assert any(statement.x for statement in told)


def test_every_property_that_tells_a_scale_is_allowed() -> None:
    names = [name for *pair, _ in scale_statements._VENDOR_MPP for name in pair]
    numbers = dict.fromkeys([*names, *scale_statements._POWER_NAMES], "0.25")
    assert allowed_properties(numbers) == numbers


def test_a_slide_is_described_without_its_own_words() -> None:
    info = describe_slide(
        Path("/scans/x.svs"),
        {
            "aperio.MPP": "0.25",
            "aperio.AppMag": "40",
            "aperio.User": WHO,
            "tiff.ImageDescription": f"Aperio|{WHO}",
            "openslide.background-color": WHO,
            "openslide.bounds-x": WHO,
            "openslide.region[0].x": WHO,
            "dicom.TotalPixelMatrixFocalPlanes": WHO,
        },
        [(100, 80)],
        None,
        reader="openslide",
        vendor="aperio",
    )
    assert (info.mpp_x, info.objective_power) == (0.25, 40.0)
    assert "JANE" not in repr(info)


def test_profiles_and_errors_are_told_without_the_files_own_words() -> None:
    assert known_profile(None) is None
    assert known_profile(f"sRGB of {WHO}") == "sRGB"
    assert known_profile(WHO) is None
    said = OSError(f'bad attribute "{WHO}" in ‘{WHO}’\nat byte 7')
    assert reason_of(said) == "bad attribute … in … at byte 7"
    assert len(reason_of(OSError("no room " * 1000))) < 250
