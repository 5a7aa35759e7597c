"""Commands run in this process, and what they must keep to: one line where they refuse."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wsi_idc.errors import WsiIdcError

_STATUSES = (0, 1, 2, 3, 4)


class RefusedError(WsiIdcError):
    """What a command said when it ended with an exit status other than 0."""


@dataclass(frozen=True)
class Ran:
    """What a command printed, whatever library printed it, and its exit status."""

    status: int
    out: str
    err: str


def run(*words: str | Path) -> Ran:
    """Run `wsi-idc` with some words."""
    from wsi_idc.cli.app import app

    status = 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _into(1, out.fileno()), _into(2, err.fileno()):
            try:
                app([str(word) for word in words], prog_name="wsi-idc")
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", errors="surrogateescape"))
    return Ran(status, *texts)


def checked(*words: str | Path) -> Ran:
    """Run a command that is to work, or to refuse in one line.

    Raises
    ------
    RefusedError
        If it refused, with what it said.
    AssertionError
        If it did neither.
    """
    ran = run(*words, "--quiet")
    told = f"status {ran.status}: {ran.err[-1500:]}"
    assert ran.status in _STATUSES, told
    assert "Traceback" not in ran.err + ran.out, told
    assert "fault of wsi-idc" not in ran.err, told
    if ran.status == 0:
        return ran
    errors = [line for line in ran.err.splitlines() if line.lower().startswith("error:")]
    usage = ran.err.startswith("Usage:")  # the parser's own three lines
    assert len(errors) == 1 and (usage or len(ran.err.splitlines()) == 1), told
    assert not any(ord(character) < 32 for character in errors[0]), told
    raise RefusedError(errors[0])


@contextmanager
def _into(descriptor: int, file: int) -> Iterator[None]:
    """Have a file take what is written to a descriptor."""
    before = os.dup(descriptor)
    os.dup2(file, descriptor)
    try:
        yield
    finally:
        os.dup2(before, descriptor)
        os.close(before)
