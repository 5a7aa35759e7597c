"""`wsi-idc info`: what a slide is, and what reading it at a given µm/px will do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsi_idc.cli.console import start_log, user_errors
from wsi_idc.cli.options import Reader, ReaderOption, SlideMppOption
from wsi_idc.errors import MissingMppError

if TYPE_CHECKING:
    from wsi_idc.slides.info import SlideInfo


@user_errors
def info(
    slide: Annotated[Path, typer.Argument(help="A slide file.", show_default=False)],
    mpp: Annotated[
        float, typer.Option("--mpp", help="Tell what reading at this many µm/px will do.")
    ] = 8.0,
    reader: ReaderOption = Reader.AUTO,
    slide_mpp: SlideMppOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a slide's size, levels, µm/px and reader."""
    start_log()
    from wsi_idc.slides.levels import check_mpp_range

    check_mpp_range(mpp)
    known, has_mpp = _look_at(slide, reader.value, slide_mpp)
    if as_json:
        typer.echo(json.dumps(_as_json(known, mpp, has_mpp), indent=2, ensure_ascii=False))
        return
    for name, value in [*_lines(known, has_mpp), _reading_line(known, mpp, has_mpp)]:
        typer.echo(f"{name:14}{value}")


def _look_at(slide: Path, reader: str, slide_mpp: float | None) -> tuple[SlideInfo, bool]:
    """What the slide is, and whether it says its µm/px; the other facts hold either way."""
    from wsi_idc.slides import open_slide

    try:
        with open_slide(slide, reader=reader, slide_mpp=slide_mpp) as opened:
            return opened.info, True
    except MissingMppError:
        with open_slide(slide, reader=reader, slide_mpp=1.0) as opened:
            return opened.info, False


def _lines(known: SlideInfo, has_mpp: bool) -> list[tuple[str, str]]:
    size, scale = f"{known.width:,} x {known.height:,} px", "not stated"
    if has_mpp:
        guess = " (a guess: check it, or give --slide-mpp)" if known.mpp_is_guess else ""
        size += f", {known.width_mm:.2f} x {known.height_mm:.2f} mm"
        scale = f"{known.mpp_x:.5g} x {known.mpp_y:.5g}, from {known.mpp_source}{guess}"
    lines = [
        ("slide", known.path.name),
        ("reader", f"{known.reader} ({known.vendor})"),
        ("size", size),
        ("µm/px", scale),
        ("objective", f"{known.objective_power:g}x" if known.objective_power else "not stated"),
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


def _reading_line(known: SlideInfo, mpp: float, has_mpp: bool) -> tuple[str, str]:
    from wsi_idc.slides import describe_read

    name = f"at {mpp:g} µm/px"
    if not has_mpp:
        return name, "cannot be read: give --slide-mpp (often 0.25 for a 40x, 0.5 for a 20x scan)"
    reading = describe_read(known, mpp)
    way = (
        "UPSAMPLED: the slide has no pixels so fine"
        if reading.is_upsampling
        else f"level {reading.level.index}, reduced {reading.reduction:.4g} times"
    )
    return name, f"{reading.width:,} x {reading.height:,} px, {way}"


def _as_json(known: SlideInfo, mpp: float, has_mpp: bool) -> dict[str, Any]:
    from wsi_idc.slides import describe_read, info_json

    told = info_json(known)
    if not has_mpp:
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
