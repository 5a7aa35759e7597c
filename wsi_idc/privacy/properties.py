"""The allow-list: what is taken over from a slide file's own words. All else stays in the file.

Scanners write into a slide who was scanned, when, by whom and on which device: in properties
of their own, in free descriptions, in the names of colour profiles. So nothing is passed on
because it is not known to identify anybody; passed on is what stands here, and of that only
what has the form of a number or is one of few words. Every reader describes its slide through
`allowed_properties` (`wsi_idc.slides.describe`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_NUMBER = re.compile(r"[-+]?[\d.,]{1,30}(?:[eE][-+]?\d{1,3})?\s*[xX]?")
_POWER = re.compile(r"\d{1,3}(?:[.,]\d{1,4})?\s*[xX]?")
_TWO_NUMBERS = re.compile(r'["\d.eE+ -]{1,80}')
_COLOUR = re.compile(r"[0-9A-Fa-f]{6}")
# Names of formats, such as `generic-tiff`, and of units: words of the libraries, not of the file.
_WORD = re.compile(r"[a-z]{2,12}(?:-[a-z]{2,12})?")

# What descriptions say of the scale, each as it is written; see `wsi_idc.slides.scale_statements`.
_SCALES = (
    re.compile(r"\AImageJ="),
    re.compile(r"^unit=[\w\\µμ]{1,12}$", re.MULTILINE),
    re.compile(r"\bMPP\s*=\s*[\d.]{1,30}"),
    re.compile(r"""\bNominalMagnification=(["'])\d{1,3}(?:[.,]\d{1,4})?[xX]?\1"""),
)
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_PHYSICAL_SIZE = re.compile(r"""\bPhysicalSize[XY](?:Unit)?=(?:"[^"<>]{1,24}"|'[^'<>]{1,24}')""")


def _if_like(form: re.Pattern[str]) -> Callable[[str], str | None]:
    def kept(value: str) -> str | None:
        return value if form.fullmatch(value.strip()) else None

    return kept


def _scales_of(description: str) -> str | None:
    """What a description says of the scale, and nothing else of it."""
    found = [match.group() for form in _SCALES for match in form.finditer(description)]
    if pixels := _PIXELS.search(description):
        sizes = (match.group() for match in _PHYSICAL_SIZE.finditer(pixels.group()))
        found.append(f"<Pixels {' '.join(sizes)}>")
    return "\n".join(found) or None


_number, _word = _if_like(_NUMBER), _if_like(_WORD)
_DICOM_SPACING = "dicom.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing"
_MIRAX_MICRONS = "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL"

ALLOWED: dict[str, Callable[[str], str | None]] = {
    "openslide.vendor": _word,
    "openslide.background-color": _if_like(_COLOUR),
    "tiff.ResolutionUnit": _word,
    "tiff.ImageDescription": _scales_of,
    "philips.DICOM_PIXEL_SPACING": _if_like(_TWO_NUMBERS),
    **dict.fromkeys(
        (
            *("openslide.mpp-x", "openslide.mpp-y"),
            *(f"openslide.bounds-{name}" for name in ("x", "y", "width", "height")),
            *("openslide.level[0].width", "openslide.level[0].height"),
            *("tiff.XResolution", "tiff.YResolution"),
            "aperio.MPP",
            *("hamamatsu.PhysicalWidth", "hamamatsu.PhysicalHeight"),
            *(f"{_MIRAX_MICRONS}_X", f"{_MIRAX_MICRONS}_Y"),
            "ventana.ScanRes",
            *("zeiss.Scaling.Items.X.Value", "zeiss.Scaling.Items.Y.Value"),
            "zeiss.Information.Image.SizeZ",
            *(
                f"{name}[{axis}]"
                for name in ("dicom.PixelSpacing", _DICOM_SPACING)
                for axis in "01"
            ),
            "dicom.TotalPixelMatrixFocalPlanes",
        ),
        _number,
    ),
    **dict.fromkeys(
        (
            *("openslide.objective-power", "aperio.AppMag", "hamamatsu.SourceLens"),
            *("leica.objective", "mirax.GENERAL.OBJECTIVE_MAGNIFICATION"),
            *("sakura.NominalLensMagnification", "trestle.Objective Power"),
            *("ventana.Magnification", "dicom.OpticalPathSequence[0].ObjectiveLensPower"),
        ),
        _if_like(_POWER),
    ),
}
"""What a property may hold to be taken over, by its name as OpenSlide gives it; of the scanned
regions, whose number is told, `openslide.region[N].x` is taken over as well."""

_REGION = re.compile(r"openslide\.region\[\d+\]\.x")

KNOWN_PROFILES = ("sRGB", "Adobe RGB", "Display P3", "ScanScope", "Aperio", "Hamamatsu", "Leica")
"""Beginnings of the names of colour profiles that are told."""


def allowed_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """Those of a slide's properties, and that of their values, which may be taken over.

    Examples
    --------
    >>> allowed_properties({"aperio.MPP": "0.2527", "aperio.User": "b414003d"})
    {'aperio.MPP': '0.2527'}
    """
    found = {}
    # Not by `items`: OpenSlide finds no value under a name whose letters it could not decode.
    for name in properties:
        keep = _number if _REGION.fullmatch(name) else ALLOWED.get(name)
        kept = None if keep is None else keep(str(properties[name]))
        if kept is not None:
            found[name] = kept
    return found


def known_profile(name: str | None) -> str | None:
    """What may be told of a colour profile's name; None where it is none that is known.

    Examples
    --------
    >>> known_profile("sRGB built-in"), known_profile("Scanner 4711 of the ward")
    ('sRGB', None)
    """
    return next((known for known in KNOWN_PROFILES if (name or "").startswith(known)), None)


# In quotation marks libraries give what they found in the file.
_QUOTED = re.compile(r"""(["'`“‘«]).*?["'`”’»]""")
_LONGEST_REASON = 200


def reason_of(error: Exception) -> str:
    """What a library says is wrong with a file, in a line, without what it quotes of the file.

    Examples
    --------
    >>> reason_of(ValueError("invalid literal for int() with base 10: 'DOE^JANE'"))
    'invalid literal for int() with base 10: …'
    """
    text = _QUOTED.sub("…", " ".join(str(error).split()))
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"
