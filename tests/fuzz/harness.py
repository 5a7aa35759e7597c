"""One child process that tries cases after each other, and is replaced when one ends it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fuzz.bases import Bases
from fuzz.cases import Case, Kind
from fuzz.corpus import KINDS

from wsi_idc.fresh_process import command_of

# A child that is busy is judged by its processor time; this is for one that waits for ever, on a
# machine that does other things as well.
_MOST_S = 120.0


@dataclass(frozen=True)
class Verdict:
    """What came of a case.

    Attributes
    ----------
    about : the hostile input in words.
    fault : why the case fails; empty where it does not.
    refused : whether it ended in an error of wsi-idc, which said `said`.
    """

    case: Case
    about: str
    fault: str
    refused: bool = False
    said: str = ""
    cpu_s: float = 0.0
    peak_mib: float = 0.0

    def __str__(self) -> str:
        return f"{self.case}: {self.about}\n{self.fault}"


class Harness:
    """Tries cases in a child process that cannot take the run down.

    Parameters
    ----------
    bases : the sound files that cases start from.
    work : a folder of its own, for the case that is tried.
    most_s : seconds after which a child that does not answer is ended; of kinds that may take
        more processor time than others, as many more.
    """

    def __init__(self, bases: Bases, work: Path, most_s: float = _MOST_S) -> None:
        self._bases, self._work, self._most_s = bases, work, most_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def has_real(self) -> bool:
        """Whether there are real slides to start from."""
        return self._bases.real is not None

    def judge(self, case: Case) -> Verdict:
        """Try a case."""
        child = self._running()
        assert child.stdin and child.stdout
        with contextlib.suppress(BrokenPipeError):  # it is told below how the child ended
            child.stdin.write(f"{case}\n".encode())
            child.stdin.flush()
        kind = KINDS[case.kind]
        most_s = self._most_s * max(1.0, kind.cpu_s / Kind.cpu_s)
        answer = self._answer(child, most_s)
        if answer is None:
            return Verdict(case, "?", self._ending(child, most_s))
        told = json.loads(answer)
        verdict = Verdict(case, **told)
        if not verdict.fault and verdict.cpu_s > kind.cpu_s:
            told["fault"] = f"it took {verdict.cpu_s:.1f} s of processor time, not {kind.cpu_s:g}"
        elif not verdict.fault and verdict.peak_mib > kind.peak_mib:
            told["fault"] = f"it took {verdict.peak_mib:,.0f} MiB, not {kind.peak_mib:g}"
        return Verdict(case, **told)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            places = map(str, (self._bases.folder, self._bases.real or "", self._work))
            self._child = subprocess.Popen(
                command_of("fuzz.child", *places),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                # What a case starts in its turn ends with it.
                start_new_session=True,
            )
        return self._child

    def _answer(self, child: subprocess.Popen[bytes], most_s: float) -> bytes | None:
        """The child's line; None where it ends, or has to be ended, before there is one."""
        assert child.stdout
        answer = b""
        deadline = time.monotonic() + most_s
        while not answer.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                return None
            part = os.read(child.stdout.fileno(), 2**16)
            if not part:
                return None
            answer += part
        return answer

    def _ending(self, child: subprocess.Popen[bytes], most_s: float) -> str:
        """In words, how the child ended; it is gone afterwards."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=1)
        status = child.poll()
        self._errors.seek(0)
        printed = self._errors.read().decode(errors="replace")[-1500:]
        self.end()
        if status is None:
            return f"no answer within {most_s:g} s"
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"it ended the process ({how}): {printed}"

    def end(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._errors.close()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        shutil.rmtree(self._work, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
        self._errors.close()
