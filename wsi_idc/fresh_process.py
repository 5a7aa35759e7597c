"""Child processes of our own: how one is started, talks to its parent, and ended.

A fresh interpreter, and not a fork: native libraries and TensorFlow leave threads and locks
behind that a fork copies half. Not `multiprocessing` either: it runs the caller's script again
in the child, and daemonic processes, such as a cluster's workers, may not use it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
from typing import BinaryIO

from wsi_idc.errors import one_line

# Ctrl-C reaches children, too, and so does what a batch system sends to all processes of a job;
# their parents decide what becomes of them.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from wsi_idc.fresh_process import run; run(sys.argv[2])"
)


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that runs `main()` of a module in a fresh interpreter.

    `arguments` are the last of its `sys.argv`.
    """
    return [sys.executable, "-P", "-c", _START, json.dumps(sys.path), module, *arguments]


def run(module: str) -> None:
    """Run `main()` of a module; what ends it is told in one line, unless WSI_IDC_DEBUG is set."""
    try:
        importlib.import_module(module).main()
    except Exception as error:
        if os.environ.get("WSI_IDC_DEBUG"):
            raise
        sys.exit(f"error: {one_line(error)} (in a child process; WSI_IDC_DEBUG=1 tells more)")


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The child's pipes from and to its parent, out of reach of libraries that print."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def end_in_words(status: int) -> str:
    """How a process ended: the name of the signal, or its exit status."""
    if status < 0:
        with contextlib.suppress(ValueError):  # a signal without a name
            return signal.Signals(-status).name
    return f"exit status {status}"


def usable_processors() -> int:
    """How many processors this process may use: on a cluster, fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
