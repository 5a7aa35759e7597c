"""Try cases by hand: `python -m fuzz.try_cases KIND:SEED ...`, or `KIND:FROM-TO`, or `KIND`.

Run it in `tests/`. A case that fails is told with its traceback; `--keep FOLDER` leaves the last
one's input there. Each case runs in a child, as in the tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from fuzz.bases import make_bases
from fuzz.cases import Case
from fuzz.corpus import KINDS, quick_cases
from fuzz.harness import Harness


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--keep", type=Path, help="leave the last case's input here")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell of every case")
    given = parser.parse_args()
    shared = Path(os.environ.get("WSI_IDC_SHARED") or Path(__file__).parents[3] / "shared")
    real = shared / "data" / "slides"
    failed = tried = refused = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place) / "work"
        bases = make_bases(Path(place) / "bases", real if real.is_dir() else None)
        with Harness(bases, work) as harness:
            for case in _cases(given.cases or list(KINDS)):
                verdict = harness.judge(case)
                tried, failed = tried + 1, failed + bool(verdict.fault)
                refused += verdict.refused
                if verdict.fault or given.verbose:
                    figures = f"{verdict.cpu_s:.2f} s, {verdict.peak_mib:.0f} MiB"
                    print(f"{verdict}\n  {verdict.said or 'works'} [{figures}]", flush=True)
            if given.keep and (work / "case").exists():
                shutil.copytree(work / "case", given.keep, dirs_exist_ok=True, symlinks=True)
    seconds = time.monotonic() - began
    print(f"{tried} cases, {refused} refused, {failed} failed, {seconds:.1f} s")


def _cases(words: list[str]) -> list[Case]:
    found = []
    for word in words:
        kind, _, seeds = word.partition(":")
        if not seeds:
            found += quick_cases(kind)
            continue
        first, _, last = seeds.partition("-")
        found += [Case(kind, seed) for seed in range(int(first), int(last or first) + 1)]
    return found


if __name__ == "__main__":
    main()
