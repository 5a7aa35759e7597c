"""What runs in the harness's child: make a case's input, try it, and tell what came of it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from fuzz.bases import Bases
from fuzz.cases import Attempt, Case
from fuzz.corpus import KINDS

from wsi_idc.errors import WsiIdcError
from wsi_idc.fresh_process import private_pipes

# What a case may take at all: a machine must not begin to swap before the harness sees why.
_ADDRESS_SPACE = 12 * 2**30
# What one file may take on the disk: a case that copies what has no end is to end itself.
_FILE_BYTES = 2**30
# A message is a line for people, whatever stood in the file.
_LONGEST = 1500


def main() -> None:
    """Try the cases that come in, a line of text each; answer each with a line of JSON."""
    folder, real, work = (Path(word) if word else None for word in sys.argv[-3:])
    assert folder is not None and work is not None
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bases = Bases(folder, real)
    requests, answers = private_pipes()
    for line in requests:
        case = Case.parse(line.decode().strip())
        answers.write(json.dumps(tried(case, bases, work)).encode() + b"\n")
        answers.flush()


def tried(case: Case, bases: Bases, work: Path) -> dict[str, Any]:
    """Make and run a case; `fault` is empty where it went as it should."""
    folder = work / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    attempt = KINDS[case.kind].make(bases, folder, case.random())
    before, began = _memory("VmRSS"), _processor_time()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    told = {"about": attempt.about, **_outcome(attempt)}
    told["cpu_s"] = _processor_time() - began
    told["peak_mib"] = max(0.0, _memory("VmHWM") - before)
    return told


def _outcome(attempt: Attempt) -> dict[str, Any]:
    try:
        attempt.run()
    except WsiIdcError as error:
        said = str(error)
        return {"refused": True, "said": said, "fault": wrong_with(said, attempt.names)}
    except BaseException as error:
        kept = traceback.format_exception(error, limit=-6)
        return {"refused": False, "said": "", "fault": "".join(kept)[-3000:]}
    return {"refused": False, "said": "", "fault": ""}


def wrong_with(message: str, names: tuple[str, ...]) -> str:
    """What keeps a message from being one clear line; empty where nothing does."""
    if not message.strip():
        return "the error says nothing"
    if len(message) > _LONGEST:
        return f"the error is {len(message):,} characters long: {message[:300]} …"
    if names and not any(name in message for name in names):
        return f"the error names none of {', '.join(names)}: {message}"
    return ""


def _memory(name: str) -> float:
    """A figure of this process, MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {name} in /proc/self/status")


def _processor_time() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
