"""Metrics as plain tables for the terminal."""

from __future__ import annotations

from typing import Any

from wsi_idc.splits import SIDE_NAMES

_METRICS = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1 (IDC)",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "calibration_error": "calibration error",
    "brier": "Brier score",
}


def metrics_table(metrics: dict[str, Any]) -> str:
    """A line a metric, a column a side, with 95 % intervals over patients.

    Parameters
    ----------
    metrics : by side, as `MetricsWithIntervals.as_json` gives them.
    """
    heads = [
        f"{SIDE_NAMES.get(side, side)} "
        f"({values['patients']} patients, {values['patches']:,} patches)"
        for side, values in metrics.items()
    ]
    rows = [["", *heads]]
    for key, name in _METRICS.items():
        rows.append([name, *(_cell(values, key) for values in metrics.values())])
    first = next(iter(metrics.values()))
    note = f"at threshold {first['threshold']:.3f}, chosen on validation patients"
    if first["intervals_95"]:
        note += "; in brackets 95 % intervals over patients"
    rows.append([note])
    widths = [max(len(row[i]) for row in rows[:-1]) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )


def _cell(values: dict[str, Any], key: str) -> str:
    interval = values["intervals_95"].get(key)
    spread = f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else ""
    return f"{values[key]:.3f}{spread}"
