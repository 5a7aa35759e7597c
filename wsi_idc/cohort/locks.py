"""Locks that several processes and machines share through the files of an output folder.

A lock is a file that tells who holds it. It is created whole or not at all, by linking, which
network file systems do in one step too. Whoever finds a lock of a process of this machine that
is no more takes it over at once. A machine that is no more cannot be asked: holders touch their
locks every half minute, and one that was not touched for five is taken over as well.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wsi_idc.errors import OutputError
from wsi_idc.files import cannot_write, make_folder
from wsi_idc.unfinished import unfinished

TOUCH_S = 30.0
STALE_S = 300.0


@contextmanager
def locked(path: Path) -> Iterator[str | None]:
    """Hold a lock for a while.

    Yields
    ------
    None where the lock is held; else, in words, who holds it.

    Raises
    ------
    OutputError
        If the lock's file cannot be written.
    """
    mine = json.dumps({**_myself(), "token": uuid.uuid4().hex})
    try:
        make_folder(path.parent)
        holder = _acquire(path, mine)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(cannot_write(path, error)) from error
    if holder is not None:
        yield holder
        return
    released = threading.Event()
    threading.Thread(target=_keep_fresh, args=(path, released), daemon=True).start()
    try:
        with unfinished(lambda: _release(path, mine), last=True):
            yield None
    finally:
        released.set()
        _release(path, mine)


@contextmanager
def waited_for(path: Path, patience_s: float) -> Iterator[None]:
    """Hold a lock that others hold for a moment only.

    Raises
    ------
    OutputError
        If it does not come free, or cannot be written.
    """
    deadline = time.monotonic() + patience_s
    while True:
        with locked(path) as holder:
            if holder is None:
                yield
                return
        if time.monotonic() > deadline:
            raise OutputError(f"{path} is held by {holder}; if that is gone, remove the file")
        time.sleep(0.1)


def _release(path: Path, mine: str) -> None:
    # Whoever took it over, believing this machine dead, keeps it.
    if _content(path) == mine:
        with suppress(OSError):
            path.unlink()


def _acquire(path: Path, mine: str) -> str | None:
    """Create the lock; in words, who holds it if that does not succeed."""
    while not _created(path, mine):
        before = _content(path)
        if before is None:
            continue  # released meanwhile
        if not _is_stale(path, before):
            return _in_words(before)
        _remove_stale(path, before)
    return None


def _created(path: Path, content: str) -> bool:
    """Create a file with its content, in one step; False where it exists."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        aside.write_text(content, encoding="utf-8")
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError:
        if not aside.exists():
            raise
        return _created_without_links(path, content)
    finally:
        aside.unlink(missing_ok=True)
    return True


def _created_without_links(path: Path, content: str) -> bool:
    """The same on file systems without links; a kill in between leaves an empty lock."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _is_stale(path: Path, content: str) -> bool:
    try:
        holder: dict[str, Any] = json.loads(content)
    except ValueError:
        holder = {}
    me = _myself()
    if os.name == "posix" and all(holder.get(key) == me[key] for key in ("host", "boot", "pids")):
        pid = holder.get("pid")
        return not isinstance(pid, int) or _started(pid) != holder.get("started")
    return _seconds_untouched(path) > STALE_S


def _remove_stale(path: Path, content: str) -> None:
    """Remove a stale lock, but not the one of a process that was quicker to replace it."""
    with _one_at_a_time(path.parent / ".taking-over"):
        if _content(path) == content:
            path.unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Keep two processes from removing a stale lock at one time, where the system can."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with path.open("w") as file:
        with suppress(OSError):  # not every network file system has such locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _seconds_untouched(path: Path) -> float:
    """By the clock of the file system, which is not that of any one machine."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _keep_fresh(path: Path, released: threading.Event) -> None:
    while not released.wait(TOUCH_S):
        with suppress(OSError):
            os.utime(path)


def _myself() -> dict[str, Any]:
    """Who this process is, among all machines that may share a folder."""
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "boot": _boot(),
        "pids": _process_space(),
        "pid": pid,
        "started": _started(pid),
    }


def _boot() -> str | None:
    """Which start of the machine this is; process numbers begin anew with each."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _process_space() -> str | None:
    """Containers of one machine may each count processes from 1."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """When a process of this machine started, since numbers are used again; None if it is gone."""
    if os.name != "posix":  # asking would end the process there
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    else:
        return None if fields[0] in "ZX" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "running"


def _in_words(content: str) -> str:
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
