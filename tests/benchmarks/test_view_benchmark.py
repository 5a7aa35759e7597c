"""The benchmark of the viewer still runs, and counts what it says it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_benchmark_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import view
    from slides import make_slide

    made = make_slide(tmp_path / "slide.svs", 4_000, 3_000, (1, 4))
    monkeypatch.setattr(view, "_first_view_seconds", lambda slide: {"whole slide": 9.0})
    rows = view.measure(made.path)
    assert [row[:10].strip() for row in rows[:3]] == ["tile, cold", "tile, warm", "tile, cold"]
    assert rows[-1].endswith("limit 2 s: MISSED")
