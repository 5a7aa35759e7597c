"""Locks: one holder at a time, and those of processes that are no more are taken over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wsi_idc.cohort.locks import STALE_S, locked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="asks for POSIX processes")

_HOLD = (
    "import sys, time; from pathlib import Path; from wsi_idc.cohort.locks import locked\n"
    "with locked(Path(sys.argv[1])) as holder:\n"
    "    print(holder, flush=True)\n"
    "    time.sleep(60)\n"
)


def holding(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "None\n"
    return process


def test_a_lock_of_a_living_process_holds_until_that_is_no_more(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    with holding(path) as other:
        with locked(path) as holder:
            assert holder == f"process {other.pid} on {os.uname().nodename}"
        other.kill()
        other.wait()
    assert path.exists()
    with locked(path) as holder:
        assert holder is None
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def test_a_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    """Numbers are used again, after a restart of the machine above all."""
    path = tmp_path / "a.lock"
    with locked(path):
        content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "started": "1"}))
    with locked(path) as holder:
        assert holder is None


def test_a_machine_that_is_no_more_loses_its_locks_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locked(path):
        content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "host": "elsewhere"}))
    with locked(path) as holder:
        assert holder is not None and "on elsewhere" in holder
    long_ago = time.time() - STALE_S - 10
    os.utime(path, (long_ago, long_ago))
    with locked(path) as holder:
        assert holder is None


def test_of_many_that_take_a_stale_lock_over_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holding(path) as dead:
        dead.kill()
    race = (
        "import sys, time; from pathlib import Path; from wsi_idc.cohort.locks import locked\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "with locked(Path(sys.argv[1])) as holder:\n"
        "    print(holder is None, flush=True)\n"
        "    time.sleep(2)\n"
    )
    start = str(time.time() + 1.5)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", race, str(path), start], stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    won = [racer.communicate()[0].strip() for racer in racers]
    assert sorted(won) == ["False"] * 5 + ["True"]
