"""The `wsi-idc` application: its commands and what is common to them."""

from __future__ import annotations

from typing import Annotated

import typer

import wsi_idc
from wsi_idc.cli import demo, doctor, evaluate, heatmap, info, model, render, tile, train, view

app = typer.Typer(
    help=(
        "Find invasive ductal carcinoma (IDC) in breast whole-slide images.\n\n"
        "For research use only. Not for diagnosis."
    ),
    epilog="wsi-idc COMMAND --help tells the options. Try wsi-idc demo first.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"wsi-idc {wsi_idc.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Take the options that come before the command."""


# In the order of a day's work, which is the order of --help.
app.command()(demo.demo)
app.command(no_args_is_help=True)(info.info)
app.command(no_args_is_help=True)(tile.tile)
app.command(no_args_is_help=True)(train.train)
app.command(no_args_is_help=True)(heatmap.heatmap)
app.command(no_args_is_help=True)(render.render)
app.command(no_args_is_help=True)(view.view)
app.command(no_args_is_help=True)(evaluate.evaluate)
app.add_typer(model.app, name="model")
app.command()(doctor.doctor)
