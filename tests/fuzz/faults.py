"""What a program under test may do wrong, for tests of the harness itself: in no run's cases."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind

from wsi_idc.errors import SettingsError


def _kind(run: Callable[[], object], **limits: float) -> Kind:
    def make(bases: Bases, folder: Path, rng: Random) -> Attempt:
        return Attempt(run, ("input.txt",), "a fault")

    return Kind(make, 0, 0, **limits)  # type: ignore[arg-type]


def _raises(error: BaseException) -> Callable[[], object]:
    def run() -> None:
        raise error

    return run


def _busy() -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


def _takes_memory() -> int:
    return sum(bytearray(b"x") * (80 * 2**20))


KINDS = {
    "harness-works": _kind(lambda: None),
    "harness-refuses": _kind(_raises(SettingsError("input.txt: is none"))),
    "harness-unnamed": _kind(_raises(SettingsError("something is wrong"))),
    "harness-mute": _kind(_raises(SettingsError(""))),
    "harness-endless": _kind(_raises(SettingsError("input.txt " * 1000))),
    "harness-other-error": _kind(_raises(KeyError("a fault of the program"))),
    "harness-exits": _kind(lambda: os._exit(7)),
    "harness-segfault": _kind(lambda: ctypes.string_at(0)),
    "harness-killed": _kind(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "harness-hangs": _kind(lambda: time.sleep(1000)),
    "harness-busy": _kind(_busy, cpu_s=0.2),
    "harness-memory": _kind(_takes_memory, peak_mib=60),
    "harness-all-memory": _kind(lambda: bytearray(2**40)),
}
