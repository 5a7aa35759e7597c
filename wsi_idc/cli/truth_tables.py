"""How maps agree with the truth, as tables for the terminal: one a kind of unit, a row a slide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsi_idc.heatmap.judge_cohort import CohortScores
    from wsi_idc.heatmap.truth import TruthScores

_FIGURES = {
    "auc": "ROC AUC",
    "average_precision": "avg. prec.",
    "dice": "Dice",
    "iou": "IoU",
    "sensitivity": "sensit.",
    "specificity": "specif.",
}
_AREAS = ("IDC mm²", "true", "error")
_COUNTS = ("judged", "not assessed", "left out")


def tables_of_slide(name: str, kinds: Mapping[str, TruthScores]) -> str:
    """The tables of one slide, by kind of unit."""
    return "\n\n".join(_table(kind, {name: scores}, []) for kind, scores in kinds.items())


def tables_of_cohort(scores: CohortScores) -> str:
    """The tables of several slides, with all their units as one and the mean of the slides."""
    from wsi_idc.heatmap.judge_cohort import POOLED

    tables = []
    for kind, slides in scores.slides.items():
        mean = scores.mean[kind]
        last = ["mean of slides", *(_number(mean[name]) for name in _FIGURES)]
        tables.append(_table(kind, {**slides, POOLED: scores.pooled[kind]}, [last]))
    return "\n\n".join(tables)


def _table(kind: str, slides: Mapping[str, TruthScores], more: list[list[str]]) -> str:
    thresholds = {scores.threshold for scores in slides.values()}
    (threshold,) = thresholds if len(thresholds) == 1 else (None,)
    at = "the slides' own thresholds" if threshold is None else f"threshold {threshold:.3f}"
    head = ["", *_FIGURES.values(), *_AREAS, *_COUNTS]
    rows = [head, *(_row(name, scores) for name, scores in slides.items()), *more]
    widths = [
        max(len(row[column]) for row in rows if column < len(row)) for column in range(len(head))
    ]
    lines = (
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        for row in rows
    )
    return "\n".join([f"{kind}, at {at}", *lines])


def _row(name: str, scores: TruthScores) -> list[str]:
    error = scores.area_error_percent
    return [
        name,
        *(_number(getattr(scores, figure)) for figure in _FIGURES),
        f"{scores.predicted_mm2:.1f}",
        f"{scores.true_mm2:.1f}",
        "-" if error is None else f"{error:+.0f} %",
        *(f"{count:,}" for count in (scores.cells, scores.not_assessed, scores.left_out)),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
