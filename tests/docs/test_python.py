"""The code in docs/python.md runs as it stands, and so do the examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

import wsi_idc
from wsi_idc.model.train import train

PAGE = REPOSITORY / "docs" / "python.md"


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but training, which takes minutes: its call is held against the real signature."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def only_bound(*arguments: object, **options: object) -> None:
        calls.append(inspect.signature(train).bind(*arguments, **options))

    monkeypatch.setattr(wsi_idc, "train", only_bound, raising=False)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    assert len(calls) == 1
    printed = capsys.readouterr().out
    assert "(50, 50, 3) uint8" in printed
    assert "absent.svs: there is no such file" in printed
    assert (tmp_path / "maps" / "section" / "report.html").exists()


def test_public_names_are_told_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8") + (REPOSITORY / "docs/annotations.md").read_text()
    types = {"Slide", "Scorer", "PatchPlan", "ProbabilityMap", "HeatmapResult"}  # come from calls
    settings = {"Architecture", "ScoreSettings", "TissueSettings", "__version__"}
    missing = {name for name in wsi_idc.__all__ if name not in page} - types - settings
    assert not missing


def modules_with_examples() -> list[str]:
    package = REPOSITORY / "wsi_idc"
    found = [path for path in package.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]
    parts = [path.relative_to(REPOSITORY).with_suffix("").parts for path in sorted(found)]
    return [".".join(part for part in names if part != "__init__") for names in parts]


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstring_examples(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert outcome.attempted > 0
    assert outcome.failed == 0
