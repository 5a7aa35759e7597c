"""The command line: one module a command, which parses, calls and prints.

`wsi-idc --help` must answer at once, so nothing here imports more than typer at the top;
what a command needs it imports when it runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; the entry point of `wsi-idc`."""
    from wsi_idc.cli.app import app

    app(prog_name="wsi-idc")
