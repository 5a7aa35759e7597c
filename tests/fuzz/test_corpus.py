"""Hostile input of every kind works or ends in one clear error, in bounded time and memory.

A case that fails is told as `KIND:SEED`; `fuzz.try_cases` tries it again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY
from fuzz.bases import make_bases
from fuzz.cases import Case
from fuzz.corpus import KINDS, long_cases, quick_cases
from fuzz.harness import Harness

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures by /proc")

_LEAST_QUICK, _LEAST_LONG = 300, 2000


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    folder = tmp_path_factory.mktemp("fuzz")
    shared = Path(os.environ.get("WSI_IDC_SHARED") or REPOSITORY.parent / "shared")
    real = shared / "data" / "slides"
    bases = make_bases(folder / "bases", real if real.is_dir() else None)
    with Harness(bases, folder / "work") as harness:
        yield harness


def check(harness: Harness, cases: list[Case], needs_real: bool) -> None:
    if needs_real and not harness.has_real:
        pytest.skip("real slides not found (set WSI_IDC_SHARED)")
    failed = [verdict for verdict in map(harness.judge, cases) if verdict.fault]
    told = "\n\n".join(map(str, failed))
    assert not failed, (
        f"{len(failed)} of {len(cases)} cases failed; to repeat one, in tests/: "
        f"python -m fuzz.try_cases {failed[0].case}\n\n{told}"
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].quick])
def test_hostile_input(harness: Harness, kind: str) -> None:
    check(harness, quick_cases(kind), KINDS[kind].needs_real)


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].long])
def test_more_hostile_input(harness: Harness, kind: str) -> None:
    check(harness, long_cases(kind), KINDS[kind].needs_real)


def test_there_are_enough_cases() -> None:
    made = [kind for kind in KINDS.values() if not kind.needs_real]
    assert sum(kind.quick for kind in made) >= _LEAST_QUICK
    assert sum(kind.long for kind in made) >= _LEAST_LONG
