"""What ends a command is told in one line; tracebacks are for `--debug` and the log file."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wsi_idc import cli
from wsi_idc.cli import info
from wsi_idc.cli.app import app
from wsi_idc.errors import FAULT, SettingsError, SlideReadError, WsiIdcError, one_line


def main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the entry point of `wsi-idc`, and give its exit status."""
    monkeypatch.setattr(sys, "argv", ["wsi-idc", *words])
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # put back afterwards
    monkeypatch.setattr("signal.signal", lambda *_: None)  # pytest has its own
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def plant(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have `wsi-idc info` end in an exception."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(info, "_look_at", fail)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyError("planted"), 1, f"error: KeyError: 'planted'; {FAULT}"),
        (AssertionError(), 1, f"error: AssertionError: no more is known; {FAULT}"),
        (ValueError("two\nlines"), 1, f"error: ValueError: two lines; {FAULT}"),
        (SlideReadError("a.svs: is damaged; copy it"), 1, "error: a.svs: is damaged; copy it"),
        (SettingsError("--mpp is odd; mend it"), 2, "error: --mpp is odd; mend it"),
        (PermissionError(13, "Permission denied", "/a/b"), 1, "error: /a/b: Permission denied"),
        (MemoryError(), 1, "error: memory ran out; close other programs, or ask for less"),
        (ModuleNotFoundError("No module named 'scipy'", name="scipy"), 1, "`wsi-idc doctor`"),
        (KeyboardInterrupt(), 130, "interrupted; what was finished is kept"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_one_line_and_a_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant(monkeypatch, error)
    assert main(monkeypatch, "info", "a.svs") == status
    printed = capsys.readouterr()
    (told,) = printed.err.splitlines()
    assert line in told
    assert printed.out == ""


@pytest.mark.parametrize(
    "words",
    [("--debug", "info", "a.svs"), ("info", "a.svs", "--debug"), ("info", "a.svs", "--verbose")],
)
def test_debug_tells_where_a_fault_came_from(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, KeyError("planted"))
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "this is a fault of wsi-idc" in done.stderr.splitlines()[0]
    assert "Traceback (most recent call last)" in done.stderr
    assert "in fail\n    raise error\nKeyError: 'planted'" in done.stderr
    assert "Traceback" not in CliRunner().invoke(app, ["info", "a.svs"]).output  # and is not kept
    in_environment = CliRunner().invoke(app, ["info", "a.svs"], env={"WSI_IDC_DEBUG": "1"})
    assert "Traceback" in in_environment.stderr


def test_debug_tells_of_the_file_of_options_too(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["info", "a", "--config", str(tmp_path / "absent"), "--debug"])
    assert done.exit_code == 2
    assert "FileNotFoundError" in done.stderr


def test_a_fault_outside_of_commands_is_told_alike(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("wsi_idc.cli.config.as_toml", fail)
    assert main(monkeypatch, "info", "a.svs", "--print-config") == 1
    assert capsys.readouterr().err == f"error: RuntimeError: planted; {FAULT}\n"


def test_a_fault_in_a_thread_is_told_alike(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(*_: object) -> None:
        thread = threading.Thread(target=lambda: [][1])
        thread.start()
        thread.join()
        raise SettingsError("the end")

    monkeypatch.setattr(info, "_look_at", look)
    assert main(monkeypatch, "info", "a.svs") == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: IndexError: list index out of range; {FAULT}",
        "error: the end",
    ]


def test_an_installation_that_is_not_whole_is_told_in_a_line(tmp_path: Path) -> None:
    """As where an upgrade was cut off: typer itself is of another version, or gone."""
    (tmp_path / "typer.py").write_text("raise ImportError('typer is cut off')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from wsi_idc.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "info"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "error: this installation is not whole (typer is cut off); "
        "pip install --force-reinstall wsi-idc\n"
    )


def test_a_child_process_ends_in_a_line_too(tmp_path: Path) -> None:
    from wsi_idc.fresh_process import command_of

    (tmp_path / "broken.py").write_text("def main():\n    raise KeyError('planted')\n")
    command = command_of("broken")
    command[4] = json.dumps([str(tmp_path), *sys.path])
    done = subprocess.run(command, capture_output=True, text=True, env={})
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "error: KeyError: 'planted' (in a child process; WSI_IDC_DEBUG=1" in done.stderr
    loud = subprocess.run(command, capture_output=True, text=True, env={"WSI_IDC_DEBUG": "1"})
    assert "Traceback" in loud.stderr


def test_an_interruption_before_any_command_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Ctrl-C while the command line itself is being imported."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    assert main(monkeypatch, "info", "a.svs") == 130
    assert capsys.readouterr() == ("", "")


def test_children_leave_ctrl_c_to_their_parent_from_the_start(tmp_path: Path) -> None:
    from wsi_idc.fresh_process import command_of

    text = "import signal\n\ndef main():\n    print(signal.getsignal(signal.SIGINT).name)\n"
    (tmp_path / "tells.py").write_text(text)
    command = command_of("tells")
    command[4] = json.dumps([str(tmp_path), *sys.path])
    assert subprocess.run(command, capture_output=True, text=True).stdout == "SIG_IGN\n"


def test_an_exception_in_one_line() -> None:
    assert one_line(WsiIdcError("a\n  b")) == "a b"
    assert one_line(WsiIdcError()) == "no more is known"
    assert one_line(MemoryError("3 GB")) == "memory ran out (3 GB)"
    assert one_line(OSError("odd")) == "OSError: odd"
