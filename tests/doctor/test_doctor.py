"""What doctor finds on a sound installation, and on several that are not."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.doctor import checks
from wsi_idc.doctor.checks import READER_NAMES, check_packages, check_places, check_reader
from wsi_idc.doctor.examine import examine
from wsi_idc.doctor.findings import Finding, State
from wsi_idc.slides.opening import READERS


@pytest.mark.slow
def test_this_installation_is_sound(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["doctor", "--json", "-o", str(tmp_path / "new" / "folder")])
    assert told.exit_code == 0, told.output
    found = {finding["about"]: finding for finding in json.loads(told.stdout)}
    assert {f"reader {name}" for name in READERS} < set(found)
    for about in ("TensorFlow", "model", "scoring", "packages", "output folder"):
        assert found[about]["state"] == State.OK, found[about]
    assert not list(tmp_path.iterdir())  # it leaves nothing


def test_all_readers_are_checked() -> None:
    assert set(READER_NAMES) == set(READERS)


def ends_by_a_signal(_: Path) -> list[Finding]:
    os.kill(os.getpid(), signal.SIGILL)
    raise AssertionError


def ends_by_a_signal_without_a_name(_: Path) -> list[Finding]:
    os.kill(os.getpid(), signal.SIGRTMIN + 3)
    raise AssertionError


def check_that_hangs(_: Path) -> list[Finding]:
    time.sleep(60)
    raise AssertionError


def check_without_library(_: Path) -> list[Finding]:
    raise ImportError("libjpeg.so.8: cannot open\nshared object file")


def check_of_a_sound_thing(_: Path) -> list[Finding]:
    return [Finding(State.OK, "it", "is there")]


def check_who_hears_of_ctrl_c(_: Path) -> list[Finding]:
    return [Finding(State.OK, "Ctrl-C", signal.Handlers(signal.getsignal(signal.SIGINT)).name)]


def test_checks_leave_ctrl_c_to_their_parent(tmp_path: Path) -> None:
    """Each would print a traceback of its own."""
    before = signal.getsignal(signal.SIGINT)
    (found,) = examine(tmp_path, [check_who_hears_of_ctrl_c])
    assert found.told == "SIG_IGN"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_crash_is_a_finding_and_the_next_check_goes_on(tmp_path: Path) -> None:
    crash, other = examine(tmp_path, [ends_by_a_signal, check_of_a_sound_thing])
    assert crash.state == State.PROBLEM
    assert "SIGILL: a library needs a newer processor" in crash.told
    assert other == Finding(State.OK, "it", "is there")


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="all signals have names here")
def test_a_signal_without_a_name_is_a_finding(tmp_path: Path) -> None:
    (crash,) = examine(tmp_path, [ends_by_a_signal_without_a_name])
    assert crash.told == f"its check was ended by exit status -{signal.SIGRTMIN + 3}"


def test_a_check_that_hangs_is_a_finding(tmp_path: Path) -> None:
    (hanging,) = examine(tmp_path, [check_that_hangs], timeout_s=3)
    assert (hanging.state, hanging.about) == (State.PROBLEM, "that hangs")
    assert hanging.told == "no end after 3 s"


def test_an_error_is_told_in_a_line_with_a_remedy(tmp_path: Path) -> None:
    (finding,) = examine(tmp_path, [check_without_library])
    assert finding.told == "ImportError: libjpeg.so.8: cannot open shared object file"
    assert finding.remedy.startswith("pip install")


def test_packages_that_are_missing_or_old_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["numpy>=1000", "no-such-package>1", "typer>=0.1", "cupy; extra == 'gpu'"]
    monkeypatch.setattr(metadata, "requires", lambda name: asked)
    (finding,) = check_packages(tmp_path)
    assert finding.state == State.PROBLEM
    assert finding.told == (
        f"numpy {metadata.version('numpy')} is not >=1000; no-such-package is missing"
    )


def test_a_reader_that_reads_wrongly_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_reader("image", tmp_path)[0].state == State.OK
    monkeypatch.setattr(checks, "_TOLERANCE", -1)
    (finding,) = check_reader("image", tmp_path)
    assert (finding.state, finding.about) == (State.PROBLEM, "reader image")
    assert "wrongly, by 0 grey levels" in finding.told


def test_a_place_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (finding,) = examine(tmp_path / "file" / "maps", [check_places])
    assert (finding.state, finding.about) == (State.PROBLEM, "places")
    assert f"cannot write {tmp_path / 'file'}" in finding.told


def test_little_room_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_LEAST_DISK_GB", 1e9)
    output, _ = check_places(tmp_path)
    assert (output.state, output.remedy) == (State.NOTE, "make room before a long run")


def test_a_problem_gives_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Finding(State.PROBLEM, "disk", "full", "make room"), Finding(State.NOTE, "GPU", "no")]
    monkeypatch.setattr("wsi_idc.doctor.examine.examine", lambda output: found)
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 1
    assert "problem  disk" in told.stdout
    assert "-> make room" in told.stdout
    assert told.stdout.endswith("1 problem, 1 note\n")
