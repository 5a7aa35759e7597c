"""A package that nobody could audit is named, whatever pip-audit calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts import script


@pytest.fixture
def audit() -> Iterator[ModuleType]:
    with script(".ci/audit.py") as module:
        yield module


def sound(name: str) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": []}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": "not found"}


HOLE = sound("b") | {"vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
HOPELESS = sound("b") | {"vulns": [{"id": "PYSEC-2", "fix_versions": []}]}


@pytest.mark.parametrize(
    ("asked", "lines", "status"),
    [
        (
            [sound("a"), sound("b")],
            [
                "audited 2 of 2 locked packages",
                "none of the audited ones has a known vulnerability",
            ],
            0,
        ),
        (
            [sound("a"), skipped("b")],
            [
                "audited 1 of 2 locked packages",
                "none of the audited ones has a known vulnerability",
                "NOT AUDITED (1): b",
            ],
            0,
        ),
        (
            [skipped("a"), skipped("b")],
            [
                "audited 0 of 2 locked packages",
                "NOT AUDITED, since the advisory service did not answer (2): a, b",
            ],
            0,
        ),
        (
            [],
            [
                "audited 0 of 2 locked packages",
                "NOT AUDITED, since the advisory service did not answer (2): a, b",
            ],
            0,
        ),
        (
            [HOLE],
            [
                "audited 1 of 2 locked packages",
                "VULNERABLE: b 1.0: PYSEC-1, mended in: 1.1, 2.0",
                "NOT AUDITED (1): a",
            ],
            1,
        ),
        (
            [sound("a"), HOPELESS],
            [
                "audited 2 of 2 locked packages",
                "VULNERABLE: b 1.0: PYSEC-2, mended in: none yet",
            ],
            1,
        ),
    ],
)
def test_what_is_said(
    audit: ModuleType, asked: list[dict[str, Any]], lines: list[str], status: int
) -> None:
    assert audit.report(["a", "b"], asked) == (lines, status)


def test_all_are_asked_about_once_the_service_answers_for_the_first(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("# made\na==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb==2\n")
    asked = []

    def ask(requirements: Path) -> list[dict[str, Any]]:
        asked.append(requirements.read_text())
        return [sound("a"), sound("b")]

    monkeypatch.setattr(audit, "ask", ask)
    monkeypatch.setattr(sys, "argv", ["audit", str(lock)])
    assert audit.main() == 0
    assert asked == ["a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11", lock.read_text()]


@pytest.mark.parametrize("output", ["", "{}", '{"fixes": []}'])
def test_a_pip_audit_that_fails_has_audited_nothing(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.setattr(
        audit.subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 1, stdout=output, stderr="no route"),
    )
    assert audit.ask(Path("lock.txt")) == []
