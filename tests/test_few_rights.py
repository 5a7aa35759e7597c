"""What SECURITY.md says of rights: no network, one folder to write to, is enough."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import small_cohorts

# A process that is root in a world of its own: no network, a file system that is read-only but for
# one folder, and then not even a root's rights.
_ENTER = """
    mount --bind "$ALLOWED" "$ALLOWED"
    while read -r _ place _; do
        case $place in "$ALLOWED" | /proc | /proc/* | /sys | /sys/* | /dev/*) ;;
            *) mount -o remount,bind,ro "$place" 2> /dev/null ;;
        esac
    done < /proc/self/mounts
    for place in "$FORBIDDEN" /; do touch "$place/x" 2> /dev/null && exit 99; done
    cd "$ALLOWED" && exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def shut_in(allowed: Path, forbidden: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "--net", "sh", "-c", _ENTER, "sh", *command],
        env=os.environ
        | {"ALLOWED": str(allowed), "FORBIDDEN": str(forbidden), "TMPDIR": str(allowed / "tmp")}
        | {"MPLCONFIGDIR": str(allowed / "tmp"), "KERAS_HOME": str(allowed / "tmp")}
        | {"HOME": "/nowhere"},
        capture_output=True,
        text=True,
    )


def can_shut_in() -> bool:
    with tempfile.TemporaryDirectory() as allowed, tempfile.TemporaryDirectory() as forbidden:
        try:
            return shut_in(Path(allowed), Path(forbidden), "true").returncode == 0
        except FileNotFoundError:
            return False


@pytest.mark.skipif(not can_shut_in(), reason="needs Linux namespaces")
@pytest.mark.parametrize("command", ["tile", pytest.param("heatmap", marks=pytest.mark.long)])
def test_that_is_enough(command: str, tmp_path: Path) -> None:
    allowed, slides = tmp_path / "allowed", tmp_path / "slides"
    (allowed / "tmp").mkdir(parents=True)
    slides.mkdir()
    small_cohorts.write_section(slides / "s.tif", 0)
    program = [sys.executable, "-c", small_cohorts.COMMAND]
    done = shut_in(allowed, slides, *program, command, str(slides), "-o", "out")
    assert done.returncode == 0, done.stderr
    assert (allowed / "out" / "cohort.csv").read_text().count("\n") == 2
    assert [path.name for path in slides.iterdir()] == ["s.tif"]
