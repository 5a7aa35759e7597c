"""Phantoms drawn in several processes at a time, which end with the one that asks for them."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from wsi_idc.errors import WsiIdcError
from wsi_idc.fresh_process import command_of, private_pipes
from wsi_idc.phantom.sections import PhantomSlide, PhantomSpec, make_phantom
from wsi_idc.unfinished import clear_unfinished

_CLEARING_UP_S = 0.5


def make_phantoms(shares: Sequence[Sequence[PhantomSpec]], folder: Path) -> list[PhantomSlide]:
    """Draw phantoms into a folder, each share of them in a process of its own.

    Raises
    ------
    WsiIdcError
        As `make_phantom`, or if a process ends before it has drawn its share.
    """
    with ExitStack() as running:
        children = [running.enter_context(_child(share, folder)) for share in shares]
        return [phantom for child in children for phantom in _answer(child)]


@contextmanager
def _child(share: Sequence[PhantomSpec], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(command_of(__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    try:
        with contextlib.suppress(OSError):  # a child that ended is noticed by its answer
            pickle.dump((share, folder), child.stdin)
            child.stdin.flush()
        yield child
    finally:
        with contextlib.suppress(OSError):
            child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_CLEARING_UP_S)
        child.kill()
        child.wait()
        child.stdout.close()


def _answer(child: subprocess.Popen[bytes]) -> list[PhantomSlide]:
    assert child.stdout
    try:
        answer = pickle.load(child.stdout)
    except (EOFError, pickle.UnpicklingError) as error:
        raise WsiIdcError(
            f"the process that draws phantoms ended (exit status {child.wait()}); what it said "
            "stands above; if memory ran out, close other programs"
        ) from error
    if isinstance(answer, Exception):
        raise answer
    phantoms: list[PhantomSlide] = answer
    return phantoms


def main() -> None:
    """Draw what the parent asks for, unless it closes the pipe before."""
    requests, answers = private_pipes()
    share, folder = pickle.load(requests)
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()
    answer: list[PhantomSlide] | WsiIdcError
    try:
        answer = [make_phantom(spec, folder) for spec in share]
    except WsiIdcError as error:
        answer = error
    pickle.dump(answer, answers)
    answers.flush()


def _end_with_parent(requests: BinaryIO) -> None:
    requests.read()
    clear_unfinished()
    os._exit(0)
