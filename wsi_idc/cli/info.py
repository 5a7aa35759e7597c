"""`wsi-idc info`: what a slide is, and what reading it at a given µm/px will do."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsi_idc.cli.console import start_log, user_errors
from wsi_idc.cli.options import (
    IccOption,
    JsonOption,
    Reader,
    ReaderOption,
    SlideMppOption,
    slide_mpp_given,
)
from wsi_idc.errors import MissingMppError

if TYPE_CHECKING:
    from wsi_idc.slides.info import SlideInfo

_NAME_WIDTH = 14
_LINE_WIDTH = 100


@user_errors
def info(
    slide: Annotated[Path, typer.Argument(help="A slide file.", show_default=False)],
    mpp: Annotated[
        float, typer.Option("--mpp", help="Tell what reading at this many µm/px will do.")
    ] = 8.0,
    reader: ReaderOption = Reader.AUTO,
    slide_mpp: SlideMppOption = None,
    icc: IccOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a slide's size, levels, µm/px and reader."""
    start_log()
    from wsi_idc.slides.levels import check_mpp_range

    check_mpp_range(mpp)
    look = _look_at(slide, reader.value, slide_mpp_given(slide_mpp), icc)
    if as_json:
        typer.echo(json.dumps(_as_json(look, mpp), indent=2, ensure_ascii=False))
        return
    known = look.info
    for name, value in [
        *_lines(look),
        _reading_line(look, mpp),
        *(("warning", _wrapped(warning)) for warning in known.warnings),
    ]:
        typer.echo(f"{name:{_NAME_WIDTH}}{value}")


@dataclass(frozen=True)
class _Look:
    """What a look at a slide shows.

    Attributes
    ----------
    info : what the slide is.
    no_mpp : why its µm/px are not known; None where they are.
    profile : which ICC profile it has; None where it has none.
    """

    info: SlideInfo
    no_mpp: str | None
    profile: str | None


def _look_at(slide: Path, reader: str, slide_mpp: tuple[float, float] | None, icc: bool) -> _Look:
    """Look at a slide; its other facts hold where it does not say its µm/px, too."""
    from wsi_idc.slides import open_slide
    from wsi_idc.slides.colours import profile_name

    no_mpp = None
    try:
        opened = open_slide(slide, reader=reader, slide_mpp=slide_mpp, icc=icc)
    except MissingMppError as error:
        no_mpp = str(error)
        opened = open_slide(slide, reader=reader, slide_mpp=1.0, icc=icc)
    with opened:
        profile = opened.icc_profile
        name = None if profile is None else profile_name(profile) or "of a name of its own"
        return _Look(opened.info, no_mpp, name)


def _wrapped(text: str) -> str:
    """Break a text into lines that stand under each other."""
    return textwrap.fill(
        text, _LINE_WIDTH, subsequent_indent=" " * _NAME_WIDTH, initial_indent=" " * _NAME_WIDTH
    ).lstrip()


def _lines(look: _Look) -> list[tuple[str, str]]:
    from wsi_idc.slides.microns import origin

    known, has_mpp = look.info, look.no_mpp is None
    size, scale = f"{known.width:,} x {known.height:,} px", "not stated"
    if has_mpp:
        guess = " (a guess)" if known.mpp_is_guess else ""
        size += f", {known.width_mm:.2f} x {known.height_mm:.2f} mm"
        scale = f"{known.mpp_x:.5g} x {known.mpp_y:.5g}, {origin(known.mpp_source)}{guess}"
    lines = [
        ("slide", known.path.name),
        ("reader", f"{known.reader} ({known.vendor})"),
        ("size", size),
        ("µm/px", scale),
        ("objective", f"{known.objective_power:g}x" if known.objective_power else "not stated"),
        ("colours", _colours(look)),
    ]
    bounds = known.bounds
    if (bounds.width, bounds.height) != (known.width, known.height):
        scan = f"{bounds.width:,} x {bounds.height:,} px at {bounds.x:,}, {bounds.y:,}"
        lines.append(("scan", scan))
    for level in known.levels:
        scale = f"{known.mpp_x * level.downsample_x:.4g} µm/px" if has_mpp else "µm/px unknown"
        label = "levels" if level is known.levels[0] else ""
        lines.append((label, f"{level.index}: {level.width:,} x {level.height:,} px, {scale}"))
    return lines


def _colours(look: _Look) -> str:
    if look.profile is None:
        return "as stored; no ICC profile"
    if look.info.icc_applied:
        return f"converted to sRGB by the ICC profile ({look.profile})"
    return f"as stored; --icc converts them by the ICC profile ({look.profile})"


def _reading_line(look: _Look, mpp: float) -> tuple[str, str]:
    from wsi_idc.slides import describe_read

    known = look.info
    name = f"at {mpp:g} µm/px"
    if look.no_mpp is not None:
        return name, _wrapped(f"cannot be read: {look.no_mpp.partition(': ')[2]}")
    reading = describe_read(known, mpp)
    way = (
        "UPSAMPLED: the slide has no pixels so fine"
        if reading.is_upsampling
        else f"level {reading.level.index}, reduced {reading.reduction:.4g} times"
    )
    return name, f"{reading.width:,} x {reading.height:,} px, {way}"


def _as_json(look: _Look, mpp: float) -> dict[str, Any]:
    from wsi_idc.slides import describe_read, info_json

    known = look.info
    told = info_json(known) | {"warnings": list(known.warnings)}
    if look.no_mpp is not None:
        unknown = ("width_mm", "height_mm", "mpp_x", "mpp_y", "mpp_source", "mpp_is_guess")
        for level in told["levels"]:
            level.update(mpp_x=None, mpp_y=None)
        return told | dict.fromkeys(unknown) | {"reading": None}
    reading = describe_read(known, mpp)
    told["reading"] = {
        "mpp": mpp,
        "level": reading.level.index,
        "level_mpp_x": reading.level_mpp_x,
        "level_mpp_y": reading.level_mpp_y,
        "reduction": reading.reduction,
        "width_px": reading.width,
        "height_px": reading.height,
        "is_upsampling": reading.is_upsampling,
    }
    return told
