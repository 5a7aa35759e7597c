"""`wsi-idc info`: what a slide is, and what reading it at a given µm/px will do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.console import start_log, user_errors
from wsi_idc.cli.options import Reader, ReaderOption, SlideMppOption

if TYPE_CHECKING:
    from wsi_idc.slides import ReadDescription
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
    from wsi_idc.slides import describe_read, info_json, open_slide

    with open_slide(slide, reader=reader.value, slide_mpp=slide_mpp) as opened:
        known = opened.info
        reading = describe_read(known, mpp)
    if as_json:
        typer.echo(
            json.dumps({**info_json(known), "reading": _reading_json(reading, mpp)}, indent=2)
        )
        return
    for name, value in _lines(known, reading, mpp):
        typer.echo(f"{name:14}{value}")


def _lines(known: SlideInfo, reading: ReadDescription, mpp: float) -> list[tuple[str, str]]:
    guess = " (a guess: check it, or give --slide-mpp)" if known.mpp_is_guess else ""
    power = f"{known.objective_power:g}x" if known.objective_power else "not stated"
    lines = [
        ("slide", known.path.name),
        ("reader", f"{known.reader} ({known.vendor})"),
        (
            "size",
            f"{known.width:,} x {known.height:,} px, "
            f"{known.width_mm:.2f} x {known.height_mm:.2f} mm",
        ),
        ("µm/px", f"{known.mpp_x:.5g} x {known.mpp_y:.5g}, from {known.mpp_source}{guess}"),
        ("objective", power),
    ]
    bounds = known.bounds
    if (bounds.width, bounds.height) != (known.width, known.height):
        lines.append(
            ("scan", f"{bounds.width:,} x {bounds.height:,} px at {bounds.x:,}, {bounds.y:,}")
        )
    for level in known.levels:
        label = "levels" if level.index == known.levels[0].index else ""
        lines.append(
            (
                label,
                f"{level.index}: {level.width:,} x {level.height:,} px, "
                f"{known.mpp_x * level.downsample_x:.4g} µm/px",
            )
        )
    way = (
        "UPSAMPLED: the slide has no pixels so fine"
        if reading.is_upsampling
        else f"level {reading.level.index}, reduced {reading.reduction:.4g} times"
    )
    lines.append((f"at {mpp:g} µm/px", f"{reading.width:,} x {reading.height:,} px, {way}"))
    return lines


def _reading_json(reading: ReadDescription, mpp: float) -> dict[str, object]:
    return {
        "mpp": mpp,
        "level": reading.level.index,
        "level_mpp_x": reading.level_mpp_x,
        "level_mpp_y": reading.level_mpp_y,
        "reduction": reading.reduction,
        "width": reading.width,
        "height": reading.height,
        "is_upsampling": reading.is_upsampling,
    }
