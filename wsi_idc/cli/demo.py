"""`wsi-idc demo`: the whole job on made slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsi_idc.cli.console import ProgressBar, start_log, user_errors
from wsi_idc.cli.options import DeviceOption, LogFileOption


@user_errors
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for everything the demo makes.")
    ] = Path("demo"),
    device: DeviceOption = "auto",
    log_file: LogFileOption = None,
) -> None:
    """Make slides with known truth, tile, train and map them: some minutes, no data needed.

    Trains on three small phantom sections and maps a fourth that it has not seen.
    """
    start_log(log_file)
    from wsi_idc.demo import HELD_OUT, run_demo

    with ProgressBar("demo", "step") as bar:
        result = run_demo(output, device=device, progress=bar, say=bar.write)
    cells = result.cells
    typer.echo(
        f"{HELD_OUT.name}, against its truth: Dice {cells.dice or 0:.3f}, "
        f"ROC AUC {cells.auc or 0:.3f} over {cells.cells:,} cells of 200 µm; "
        f"IDC {cells.predicted_mm2:.1f} mm² mapped, {cells.true_mm2:.1f} mm² true "
        f"({sum(result.seconds.values()):.0f} s)"
    )
    for picture in result.pictures:
        typer.echo(f"  {picture}")
