"""Microns per pixel: which of a slide's statements to believe, and what to say aloud. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsi_idc.errors import MissingMppError, SettingsError
from wsi_idc.slides.scale_statements import Statement, scale_statements

# Microscope scanners lie well inside; a TIFF that says 72 dpi claims 352.8, and some files 0.0.
MIN_SLIDE_MPP = 0.05
MAX_SLIDE_MPP = 20.0

# "40x" scanners differ by some 15 % from 0.25 µm/px; what differs by more is another scale.
_CONFLICT_RATIO = 1.25


@dataclass(frozen=True)
class Microns:
    """The scale of a slide: microns per level-0 pixel, and how it is known.

    Attributes
    ----------
    x, y : microns per level-0 pixel.
    source : where they come from, in words for people.
    is_guess : True where they were inferred and not stated as µm/px.
    conflict : what to say where another place of the slide says otherwise, else None.
    """

    x: float
    y: float
    source: str
    is_guess: bool
    conflict: str | None = None


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
    for one axis alone stands for both. Another source that differs by more than a quarter is
    named in `conflict`.

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
    statements = list(scale_statements(properties, tags_name))
    known = [found for statement in statements if (found := _plausible(statement))]
    if slide_mpp is not None:
        known.insert(0, _given(slide_mpp))
    if not known:
        raise MissingMppError(_missing(path, statements))
    used, *others = known
    return Microns(used.x, used.y, used.source, used.is_guess, _conflict(used, others))


def parse_slide_mpp(text: str) -> tuple[float, float]:
    """Read `0.25`, or `0.25,0.26` for x and y, as microns per pixel (x, y).

    Raises
    ------
    SettingsError
        If it is neither, or outside 0.05 to 20.

    Examples
    --------
    >>> parse_slide_mpp("0.25")
    (0.25, 0.25)
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 2):
        raise SettingsError(
            f"--slide-mpp must be microns per pixel, as 0.25 or as 0.25,0.26 (x,y), not {text!r}"
        )
    given = _given((values[0], values[-1]))
    return given.x, given.y


def origin(source: str) -> str:
    """A source of µm/px as it stands in a sentence."""
    return source if source.startswith("given") else f"from the {source}"


def _given(slide_mpp: float | tuple[float, float]) -> Microns:
    x, y = slide_mpp if isinstance(slide_mpp, tuple) else (slide_mpp, slide_mpp)
    if not (_is_plausible(x) and _is_plausible(y)):
        raise SettingsError(
            f"--slide-mpp must be within {MIN_SLIDE_MPP} to {MAX_SLIDE_MPP} µm/px, "
            f"not {_in_words(x, y)}"
        )
    return Microns(float(x), float(y), source="given by --slide-mpp", is_guess=False)


def _plausible(statement: Statement) -> Microns | None:
    x, y = (
        value if value is not None and _is_plausible(value) else None
        for value in (statement.x, statement.y)
    )
    first = x if x is not None else y
    if first is None:
        return None
    return Microns(first, y if y is not None else first, statement.source, statement.is_guess)


def _is_plausible(mpp: float) -> bool:
    return MIN_SLIDE_MPP <= mpp <= MAX_SLIDE_MPP


def _conflict(used: Microns, others: Sequence[Microns]) -> str | None:
    """In words, which other sources say something else; None where they agree."""
    differing = {
        other.source: f"{_in_words(other.x, other.y)} (from the {other.source})"
        for other in reversed(others)
        if _ratio(used.x, other.x) > _CONFLICT_RATIO or _ratio(used.y, other.y) > _CONFLICT_RATIO
    }
    if not differing:
        return None
    return (
        f"{_in_words(used.x, used.y)} µm/px, {origin(used.source)}, was used, but the slide also "
        f"says {' and '.join(reversed(differing.values()))}; if that is right, give it with "
        "--slide-mpp"
    )


def _ratio(a: float, b: float) -> float:
    return max(a / b, b / a)


def _in_words(x: float, y: float) -> str:
    x_text, y_text = (f"{v:.4g}" if v < 1e4 else f"{v:,.0f}" for v in (x, y))
    return x_text if x == y else f"{x_text} x {y_text}"


def _missing(path: Path, statements: Sequence[Statement]) -> str:
    absurd = [
        f"{_in_words(statement.x or statement.y or 0, statement.y or statement.x or 0)} from the "
        f"{statement.source}"
        for statement in statements
        if statement.x or statement.y
    ]
    said = f" ({absurd[0]} is none that a microscope has)" if absurd else ""
    return (
        f"{path}: the slide does not say how many microns a pixel is{said}; "
        "give it with --slide-mpp (often 0.25 for a 40x and 0.5 for a 20x scan)"
    )
