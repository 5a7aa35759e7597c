"""What commands tell at their end, of results that are made here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.cli.console import CohortBar
from wsi_idc.cli.tables import metrics_table
from wsi_idc.demo import DemoResult
from wsi_idc.heatmap.truth import TruthScores
from wsi_idc.model.settings import TrainSettings

_FIGURES = (
    "roc_auc", "average_precision", "balanced_accuracy", "f1", "accuracy", "sensitivity",
    "specificity", "calibration_error", "brier",
)  # fmt: skip


def side(value: float, intervals: dict[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = dict.fromkeys(_FIGURES, value)
    return figures | {"patients": 7, "patches": 1234, "threshold": 0.25, "intervals_95": intervals}


METRICS = {"val": side(0.5, {"roc_auc": [0.25, 0.75]}), "extern": side(0.875, {})}


def test_metrics_stand_in_columns_with_their_intervals() -> None:
    head, first, *_, last, note = metrics_table(METRICS).splitlines()
    assert head == (
        "                   validation (7 patients, 1,234 patches)  "
        "extern (7 patients, 1,234 patches)"
    )
    assert first.split("  ") == [
        "ROC AUC",
        *[""] * 5,
        "0.500 (0.250-0.750)",
        *first.split("  ")[7:],
    ]
    assert first.endswith(" 0.875") and first.index("0.875") == head.index("extern")
    assert last.split() == ["Brier", "score", "0.500", "0.875"]
    assert note == (
        "at threshold 0.250, chosen on validation patients; "
        "in brackets 95 % intervals over patients"
    )
    assert metrics_table({"val": side(0.5, {})}).splitlines()[-1] == (
        "at threshold 0.250, chosen on validation patients"
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_train_tells_the_metrics_and_where_the_model_is(
    as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def train_model(patches: Path, output: Path, settings: Any, **options: Any) -> Any:
        given.update(options, patches=patches, output=output, settings=settings)
        return SimpleNamespace(metrics=METRICS)

    # Neither is TensorFlow loaded, nor the module that needs it.
    monkeypatch.setattr("wsi_idc.model.runtime.load_tensorflow", lambda device: None)
    monkeypatch.setitem(sys.modules, "wsi_idc.model.train", SimpleNamespace(train=train_model))
    (tmp_path / "patches").mkdir()
    words = ["train", str(tmp_path / "patches"), "-o", str(tmp_path / "m"), "--epochs", "3"]
    done = CliRunner().invoke(app, [*words, "--resume", *(["--json"] if as_json else [])])
    assert done.exit_code == 0, done.output
    if as_json:
        assert json.loads(done.stdout) == METRICS
    else:
        assert done.stdout == f"{metrics_table(METRICS)}\nmodel: {tmp_path / 'm'}\n"
    assert (given["patches"], given["output"]) == (tmp_path / "patches", tmp_path / "m")
    assert given["settings"] == TrainSettings(epochs=3)
    assert given["resume"] and not given["overwrite"]


def test_the_demo_tells_how_right_its_map_is_and_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = TruthScores(
        threshold=0.5, auc=0.9876, average_precision=None, dice=0.8765, iou=None, sensitivity=None,
        specificity=None, predicted_mm2=12.34, true_mm2=11.9, area_error_mm2=0.44,
        area_error_percent=None, cells=1234, not_assessed=0, left_out=0,
    )  # fmt: skip
    result = DemoResult(cells, (tmp_path / "overlay.png",), {"tile": 2.0, "train": 3.4})
    monkeypatch.setattr("wsi_idc.demo.run_demo", lambda output, **_: result)
    done = CliRunner().invoke(app, ["demo", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "phantom-held-out, against its truth: Dice 0.876, ROC AUC 0.988 over 1,234 cells of "
        f"200 µm; IDC 12.3 mm² mapped, 11.9 mm² true (5 s)\n  {tmp_path / 'overlay.png'}\n"
    )


def draws_of(bar: CohortBar, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, str]]:
    """What the bar will have been told to draw."""
    drawn: list[tuple[int, int, str]] = []

    class Drawn:
        def __call__(self, *told: Any) -> None:
            drawn.append(told)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(bar, "_bar", Drawn())
    return drawn


def test_a_bar_of_slides_tells_which_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with CohortBar(3) as bar:
        drawn = draws_of(bar, monkeypatch)
        bar.told("a", 1, 4)
        bar.told("b", 0, 0)
        bar.ended("a")
        bar.ended("b")
    assert drawn == [
        (0, 3, "slides (a 25%)"),
        (0, 3, "slides (a 25%, b 0%)"),
        (1, 3, "slides (b 0%)"),
        (2, 3, "slides"),
    ]


def test_a_bar_of_one_slide_tells_its_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    with CohortBar(1) as bar:
        drawn = draws_of(bar, monkeypatch)
        bar.told("a", 1, 4)
        bar.ended("a")
    assert drawn == [(1, 4, "a")]
