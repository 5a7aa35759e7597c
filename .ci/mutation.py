"""Change the pure rooms in small ways, one at a time, and see whether a test notices each.

Runs mutmut as `[tool.mutmut]` in pyproject.toml says, then compares the changes that no test
noticed with those that docs/testing.md explains.

Exit status: 1 where one is not explained there, or where tests fail without any change.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

EXPLAINED = Path("docs/testing.md")
# What becomes of a change: a test fails, or never ends; the rest went unnoticed.
NOTICED = ("killed", "timeout", "caught by type check")
# A result of mutmut, as `    wsi_idc.splits.x_split_path__mutmut_3: survived`.
_RESULT = re.compile(r"^\s+(\S+__mutmut_\d+): (.+)$", re.MULTILINE)


def main() -> int:
    """Run, and tell."""
    # What an earlier run found need not hold any more.
    shutil.rmtree("mutants", ignore_errors=True)
    # Threads of linear algebra do not pay for arrays of a hundred numbers.
    quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run([*_MUTMUT, "run", "--max-children", "2"], env=os.environ | quiet)
    if ran.returncode:
        return 1
    results = _RESULT.findall(_told("results", "--all", "true"))
    lines, status = report(results, EXPLAINED.read_text(encoding="utf-8"), changed_line)
    print("\n".join(lines))
    return status


def report(
    results: list[tuple[str, str]], explained: str, change_of: Callable[[str], str]
) -> tuple[list[str], int]:
    """What to print and the exit status.

    Parameters
    ----------
    results : of each mutant its name and what became of it.
    explained : the page that explains mutants; each stands in it as its changed line, in backticks.
    change_of : the changed line of a mutant.
    """
    count = Counter(result for _, result in results)
    unnoticed = {name: change_of(name) for name, result in results if result not in NOTICED}
    open_ones = {name: line for name, line in unnoticed.items() if f"`{line}`" not in explained}
    noticed = sum(count[result] for result in NOTICED)
    lines = [f"{noticed} of {len(results)} mutants killed ({dict(count)})"]
    if not results:
        lines.append("no mutants: look at [tool.mutmut] in pyproject.toml")
    if open_ones:
        lines.append(f"not killed, and not explained in {EXPLAINED}:")
        lines += [f"  {name}: {line}" for name, line in open_ones.items()]
    elif unnoticed:
        lines.append(f"the other {len(unnoticed)} are explained in {EXPLAINED}")
    return lines, 1 if open_ones or not results else 0


def changed_line(name: str) -> str:
    """The line that a mutant has in place of the right one, or `without` the one that it lacks."""
    diff = _told("show", name).splitlines()
    added, removed = (
        " ".join(
            line[1:].strip() for line in diff if line.startswith(sign) and line[1:3] != sign * 2
        )
        for sign in "+-"
    )
    return added or f"without {removed}"


_MUTMUT = (sys.executable, "-m", "mutmut")


def _told(*command: str) -> str:
    done = subprocess.run([*_MUTMUT, *command], capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
