"""Outputs on a disk that is full or only to be read: one clear error, finished slides whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import small_cohorts

from wsi_idc.cohort.records import read_records

SLIDES = 5


def own_mounts(*command: str) -> list[str]:
    """A command that may mount file systems which no other process sees, and end with it."""
    return ["unshare", "--map-root-user", "--mount", *command]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    mount = own_mounts("mount", "-t", "tmpfs", "none", "/mnt")
    return subprocess.run(mount, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="a small file system has to be mounted")


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    for number in range(SLIDES):
        small_cohorts.write_section(folder / f"s{number}.tif", number)
    return folder


@pytest.mark.slow
def test_a_full_disk_a_read_only_one_and_other_settings(slides: Path, tmp_path: Path) -> None:
    """Room for two slides of 450 kB only; the same command, with more room, does the rest.

    Whether there is room for the tables then is chance: what is known of each slide is not lost.
    """
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    run = f"{sys.executable} -c '{small_cohorts.COMMAND}' tile {slides} -o {disk}/out"
    script = f"""
        mount -t tmpfs -o size=1000k none {disk}
        {run} 2> {kept}/full.txt; echo full $?
        cp -r {disk}/out {kept}/full
        mount -o remount,size=20m {disk}
        {run} 2> {kept}/rest.txt; echo rest $?
        cp -r {disk}/out {kept}/rest
        mount -o remount,ro {disk}
        {run} --workers 0 2> {kept}/read-only.txt; echo read-only $?
        mount -o remount,rw {disk}
        {run} --workers 0 --stride 25 2> {kept}/other.txt; echo other $?
        cp -r {disk}/out {kept}/other
    """
    ran = subprocess.run(own_mounts("sh", "-c", script), capture_output=True, text=True)
    told = {path.stem: path.read_text() for path in kept.glob("*.txt")}
    assert ran.stdout.split("\n") == ["full 1", "rest 0", "read-only 1", "other 4", ""], (ran, told)

    assert told["full"].count("error: ") == 1
    assert "No space left on device; make room, or choose another place" in told["full"]
    rest = small_cohorts.files_below(kept / "rest")
    full = small_cohorts.files_below(kept / "full")
    assert [name for name in full if full[name] != rest[name]] == []
    said = re.search(rf"(\d) of {SLIDES} slides are done; the same command goes on", told["full"])
    assert said is not None
    # The one that filled the disk may have ended the run before a finished one was told of.
    finished = len(read_records(kept / "full"))
    assert 0 < int(said[1]) <= finished <= told["rest"].count("done before") < SLIDES
    assert len(pd.read_csv(kept / "rest" / "cohort.csv")) == SLIDES

    assert told["read-only"].count("error: ") == 1 == len(told["read-only"].splitlines())
    assert "Read-only file system; choose another place with --output" in told["read-only"]

    assert told["other"].count("settings.stride was 50 and is 25; replace it with --over") == SLIDES
    assert small_cohorts.files_below(kept / "other") == rest
    # What was refused left its results as they were, and what is known of them.
    assert (kept / "other" / "cohort.csv").read_bytes() == (
        kept / "rest" / "cohort.csv"
    ).read_bytes()
