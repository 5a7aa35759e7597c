"""The harness sees every way in which a case can fail, and goes on after each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.bases import Bases
from fuzz.cases import Case
from fuzz.corpus import KINDS, long_cases, quick_cases
from fuzz.harness import Harness

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures by /proc")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    folder = tmp_path_factory.mktemp("harness")
    with Harness(Bases(folder / "none"), folder / "work") as harness:
        yield harness


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("unnamed", "names none of input.txt"),
        ("mute", "the error says nothing"),
        ("endless", "10,000 characters long"),
        ("other-error", "KeyError: 'a fault of the program'"),
        ("exits", "it ended the process (exit status 7)"),
        ("segfault", "it ended the process (SIGSEGV)"),
        ("killed", "it ended the process (SIGKILL)"),
        ("busy", "of processor time, not 0.2"),
        ("memory", "MiB, not 60"),
        ("all-memory", "MemoryError"),
    ],
)
def test_faults_are_seen_and_the_next_case_is_tried(harness: Harness, kind: str, said: str) -> None:
    verdict = harness.judge(Case(f"harness-{kind}", 3))
    assert said in verdict.fault
    assert f"harness-{kind}:3" in str(verdict)
    assert not harness.judge(Case("harness-works", 0)).fault
    refused = harness.judge(Case("harness-refuses", 0))
    assert (refused.fault, refused.refused, refused.said) == ("", True, "input.txt: is none")


def test_a_case_that_hangs_is_given_up(tmp_path: Path) -> None:
    # Nothing else is tried with so little patience: a child's start may take as long.
    with Harness(Bases(tmp_path / "none"), tmp_path / "work", most_s=4) as harness:
        assert "no answer within 4 s" in harness.judge(Case("harness-hangs", 3)).fault


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    case = Case("slide-flipped", 11)
    assert Case.parse(str(case)) == case
    numbers = case.random().randbytes(20)
    assert numbers == case.random().randbytes(20)
    assert numbers != Case("slide-flipped", 12).random().randbytes(20)


def test_no_case_is_tried_twice() -> None:
    cases = [case for kind in KINDS for case in (*quick_cases(kind), *long_cases(kind))]
    assert len(set(cases)) == len(cases)
    assert not any(case.kind.startswith("harness") for case in cases)
