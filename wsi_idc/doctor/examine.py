"""All checks, each in a child process: what one of them crashes is told as its finding."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from wsi_idc.doctor.checks import CHECKS, REINSTALL
from wsi_idc.doctor.findings import Finding, State
from wsi_idc.fresh_process import end_in_words

TIMEOUT_S = 180
"""Of one check; TensorFlow's first import from a slow network folder takes a minute."""

Check = Callable[[Path], list[Finding]]


def examine(
    output: Path, checks: Iterable[Check] = CHECKS, timeout_s: float = TIMEOUT_S
) -> Iterator[Finding]:
    """Yield what the checks find, as they find it.

    Parameters
    ----------
    output : the folder that results will go to; need not exist.
    checks : functions that a child process can import.
    timeout_s : seconds that one of them may take.
    """
    for check in checks:
        yield from _in_child(check, output, timeout_s)


def _in_child(check: Check, output: Path, timeout_s: float) -> list[Finding]:
    spawning = get_context("spawn")
    here, there = spawning.Pipe(duplex=False)
    child = spawning.Process(target=_run, args=(check, output, there), daemon=True)
    with _not_interrupted():
        child.start()
    there.close()
    try:
        if here.poll(timeout_s):
            found: list[Finding] = here.recv()
            return found
        told = f"no end after {timeout_s:.0f} s"
    except EOFError:  # it ended without a word
        child.join()
        ended = end_in_words(child.exitcode or 0)
        told = f"its check was ended by {'signal ' if ended.startswith('SIG') else ''}{ended}"
        if ended == "SIGILL":
            told += ": a library needs a newer processor (AVX)"
    finally:
        here.close()
        child.kill()
        child.join()
    return [Finding(State.PROBLEM, _about(check), told, REINSTALL)]


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Have a child that is started now leave Ctrl-C to its parent, from its first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(check: Check, output: Path, answer: Connection) -> None:
    """In the child: do one check, and make a finding of its error."""
    try:
        found = check(output)
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        remedy = REINSTALL if isinstance(error, ImportError) else ""
        found = [Finding(State.PROBLEM, _about(check), told, remedy)]
    answer.send(found)


def _about(check: Check) -> str:
    if isinstance(check, partial):
        return f"{_about(check.func)} {' '.join(map(str, check.args))}"
    return check.__name__.removeprefix("check_").replace("_", " ")
