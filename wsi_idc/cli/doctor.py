"""`wsi-idc doctor`: is this installation sound, and what to do if it is not."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.console import EXIT_ERROR, start_log, user_errors
from wsi_idc.cli.options import JsonOption

if TYPE_CHECKING:
    from wsi_idc.doctor.findings import Finding

_STATE_WIDTH, _ABOUT_WIDTH, _LINE_WIDTH = 9, 18, 100


@user_errors
def doctor(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder that results will go to.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Check this installation: readers, TensorFlow, GPU, model, fonts, disk.

    Exit status 1 where something is in the way of work.
    """
    start_log()
    from wsi_idc.doctor.examine import examine
    from wsi_idc.doctor.findings import State

    findings = []
    for finding in examine(output):
        findings.append(finding)
        if not as_json:
            typer.echo(_told(finding))
    count = {state: sum(finding.state == state for finding in findings) for state in State}
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        problems, notes = count[State.PROBLEM], count[State.NOTE]
        typer.echo(
            "\nall is well"
            if not problems + notes
            else f"\n{problems} problem{'s' * (problems != 1)}, {notes} note{'s' * (notes != 1)}"
        )
    if count[State.PROBLEM]:
        raise typer.Exit(EXIT_ERROR)


def _told(finding: Finding) -> str:
    indent = " " * (_STATE_WIDTH + _ABOUT_WIDTH)
    head = f"{finding.state:{_STATE_WIDTH}}{finding.about:{_ABOUT_WIDTH}}"
    lines = textwrap.wrap(
        finding.told,
        _LINE_WIDTH,
        initial_indent=head,
        subsequent_indent=indent,
        break_long_words=False,
    )
    if finding.remedy:
        lines.append(f"{indent}-> {finding.remedy}")
    return "\n".join(lines)
