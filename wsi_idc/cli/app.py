"""The `wsi-idc` application: its commands and what is common to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

import wsi_idc
from wsi_idc.cli import demo, doctor, evaluate, heatmap, info, model, render, tile, train, view
from wsi_idc.cli.config import Command, DebugOption, with_common_options
from wsi_idc.cli.console import Verbosity, set_verbosity
from wsi_idc.cli.usage import Group

app = typer.Typer(
    cls=Group,
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
    debug: DebugOption = False,
) -> None:
    """Take the options that come before the command."""
    set_verbosity(Verbosity.DEBUG if debug else None)


def _add(to: typer.Typer, command: Callable[..., None], **options: Any) -> None:
    to.command(cls=Command, **options)(with_common_options(command))


# In the order of a day's work, which is the order of --help.
_add(app, demo.demo)
_add(app, info.info, no_args_is_help=True)
_add(app, tile.tile, no_args_is_help=True)
_add(app, train.train, no_args_is_help=True)
_add(app, heatmap.heatmap, no_args_is_help=True)
_add(app, render.render, no_args_is_help=True)
_add(app, view.view, no_args_is_help=True)
_add(app, evaluate.evaluate, no_args_is_help=True)
models = typer.Typer(cls=Group, help=model.__doc__, no_args_is_help=True, rich_markup_mode=None)
_add(models, model.pack, no_args_is_help=True)
_add(models, model.info, no_args_is_help=True)
_add(models, model.verify, no_args_is_help=True)
app.add_typer(models, name="model")
_add(app, doctor.doctor)

COMMANDS = sorted(
    [one.callback.__name__ for one in app.registered_commands if one.callback] + ["model"]
)
"""The names of the commands, for tables in files of options."""
