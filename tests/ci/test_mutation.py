"""What is told of mutants: which no test noticed, and whether each of them is explained."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
from scripts import script


@pytest.fixture
def mutation() -> Iterator[ModuleType]:
    with script(".ci/mutation.py") as module:
        yield module


LINES = {"a.x_f__mutmut_1": "x = y + 1", "a.x_f__mutmut_2": "if x <= y:"}


@pytest.mark.parametrize(
    ("results", "page", "rest", "status"),
    [
        (("killed", "timeout"), "", [], 0),
        (
            ("killed", "survived"),
            "is `if x <= y:`",
            ["the other 1 are explained in docs/testing.md"],
            0,
        ),
        (
            ("killed", "survived"),
            "if x <= y:",
            ["not killed, and not explained in docs/testing.md:", "  a.x_f__mutmut_2: if x <= y:"],
            1,
        ),
        (
            ("no tests", "suspicious"),
            "`if x <= y:`",
            ["not killed, and not explained in docs/testing.md:", "  a.x_f__mutmut_1: x = y + 1"],
            1,
        ),
        ((), "", ["no mutants: look at [tool.mutmut] in pyproject.toml"], 1),
    ],
)
def test_a_mutant_that_lives_has_to_be_explained(
    mutation: ModuleType, results: tuple[str, ...], page: str, rest: list[str], status: int
) -> None:
    named = list(zip(LINES, results, strict=False))
    lines, found = mutation.report(named, page, LINES.__getitem__)
    assert (lines[1:], found) == (rest, status)
    killed = sum(result in ("killed", "timeout") for result in results)
    assert lines[0].startswith(f"{killed} of {len(results)} mutants killed")


def test_a_change_is_told_by_its_line(
    mutation: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    diff = "# a.x_f__mutmut_1: survived\n--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n def f(x):\n"
    monkeypatch.setattr(mutation, "_told", lambda *_: diff + "-    return x\n+    return +x\n")
    assert mutation.changed_line("a") == "return +x"
    monkeypatch.setattr(mutation, "_told", lambda *_: diff + "-        x,\n")
    assert mutation.changed_line("a") == "without x,"
