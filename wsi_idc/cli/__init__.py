"""The command line: one module a command, which parses, calls and prints.

`wsi-idc --help` must answer at once, so nothing here imports more than typer at the top;
what a command needs it imports when it runs.
"""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line; the entry point of `wsi-idc`."""
    from wsi_idc.cli.interruption import EXIT_INTERRUPTED, interruptible

    try:
        with interruptible():
            _run()
    except KeyboardInterrupt:  # before a command could see to it
        sys.exit(EXIT_INTERRUPTED)
    finally:
        # Nothing is left to be told: who is tired of waiting for threads gets no traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run() -> None:
    try:
        from wsi_idc.cli.app import app
        from wsi_idc.cli.console import tell_end, tell_of_threads
    except ImportError as error:
        sys.exit(
            f"error: this installation is not whole ({error}); "
            "pip install --force-reinstall wsi-idc"
        )
    tell_of_threads()
    try:
        app(prog_name="wsi-idc")
    except Exception as error:  # typer's own ends, and usage errors, are none of these
        sys.exit(tell_end(error))
