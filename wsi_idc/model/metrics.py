"""How good scores are: metrics of patches, their intervals over patients, the threshold.

Pure functions of numbers. Intervals come from resampling patients, not patches: patches of
one patient are near-duplicates, and patch-level intervals are three to four times too narrow.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_DRAWS = 1000
FEWEST_PATIENTS = 5
"""Below this, resampling patients says little of what other patients would give."""
CALIBRATION_BINS = 15
# Bounds memory: so many draws times all patches are held as floats at a time.
_DRAWS_AT_ONCE = 50


@dataclass(frozen=True)
class Metrics:
    """Metrics of N scored patches at one threshold; NaN-free.

    `f1`, `precision` and `average_precision` are those of the positive class, IDC.
    `calibration_error` is the expected calibration error over 15 equally filled bins.
    """

    patches: int
    patients: int
    positive_share: float
    threshold: float
    roc_auc: float
    average_precision: float
    balanced_accuracy: float
    f1: float
    accuracy: float
    sensitivity: float
    specificity: float
    precision: float
    calibration_error: float
    brier: float


@dataclass(frozen=True)
class MetricsWithIntervals:
    """Metrics, and for each the 95 % interval (low, high) over resampled patients."""

    values: Metrics
    intervals: dict[str, tuple[float, float]]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, rounded to 5 digits, for a JSON file."""
        values = {name: round(value, 5) for name, value in asdict(self.values).items()}
        intervals = {
            name: [round(low, 5), round(high, 5)] for name, (low, high) in self.intervals.items()
        }
        return {**values, "intervals_95": intervals}


def measure(
    label: NDArray[np.integer],
    probability: NDArray[np.floating],
    threshold: float,
    patients: int,
) -> Metrics:
    """Metrics of scored patches.

    Parameters
    ----------
    label : int [N], 1 is IDC; both classes must occur.
    probability : float [N].
    threshold : a patch is called positive from this probability on.
    patients : how many patients they come from (only noted).
    """
    from sklearn import metrics

    called = probability >= threshold
    true = label == 1
    sensitivity = float(np.mean(called[true]))
    specificity = float(np.mean(~called[~true]))
    n_called = int(np.count_nonzero(called))
    return Metrics(
        patches=len(label),
        patients=patients,
        positive_share=float(np.mean(true)),
        threshold=float(threshold),
        roc_auc=float(metrics.roc_auc_score(label, probability)),
        average_precision=float(metrics.average_precision_score(label, probability)),
        balanced_accuracy=(sensitivity + specificity) / 2,
        f1=float(metrics.f1_score(true, called)),
        accuracy=float(np.mean(called == true)),
        sensitivity=sensitivity,
        specificity=specificity,
        precision=float(np.mean(true[called])) if n_called else 0.0,
        calibration_error=calibration_error(label, probability),
        brier=float(np.mean((probability - true) ** 2)),
    )


def measure_by_patient(
    label: NDArray[np.integer],
    probability: NDArray[np.floating],
    patient: NDArray[np.object_],
    threshold: float,
    *,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = 0,
) -> MetricsWithIntervals:
    """Metrics with 95 % percentile intervals from resampling whole patients.

    There are no intervals for fewer than 5 patients. Draws in which one class is missing are
    left out. In the intervals of `calibration_error` the bins stay those of all patches.
    """
    names, group = np.unique(patient.astype(str), return_inverse=True)
    values = measure(label, probability, threshold, len(names))
    if len(names) < FEWEST_PATIENTS:
        return MetricsWithIntervals(values, {})
    rng = np.random.default_rng(seed)
    copies = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    drawn = resampled_metrics(label, probability, group, threshold, copies)
    usable = np.isfinite(drawn["roc_auc"])
    if not usable.any():
        return MetricsWithIntervals(values, {})
    intervals = {}
    for name, of_draws in drawn.items():
        low, high = np.percentile(of_draws[usable], [2.5, 97.5])
        intervals[name] = (float(low), float(high))
    return MetricsWithIntervals(values, intervals)


def resampled_metrics(
    label: NDArray[np.integer],
    probability: NDArray[np.floating],
    group: NDArray[np.integer],
    threshold: float,
    copies: NDArray[np.integer],
) -> dict[str, NDArray[np.float64]]:
    """All metrics of many resampled collections at once.

    Parameters
    ----------
    label, probability : of the N patches.
    group : int [N], the patient of each, from 0.
    copies : int [draws, patients], how often each patient was drawn.

    Returns
    -------
    By the metric's name float64 [draws]; NaN where a draw has one class only.
    """
    true = label == 1
    called = probability >= threshold
    patients = copies.shape[1]

    def total(of_patch: NDArray[np.generic]) -> NDArray[Any]:
        return copies @ np.bincount(group, of_patch, minlength=patients)

    tp, fp = total(called & true), total(called & ~true)
    fn, tn = total(~called & true), total(~called & ~true)
    count = tp + fp + fn + tn
    with np.errstate(invalid="ignore"):  # 0 / 0
        sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
        auc, precision = _resampled_ranking(true, probability, group, copies)
        gap = probability.astype(np.float64) - true
        ece = np.zeros(len(copies))
        for rows in calibration_bins(probability):
            in_bin = np.zeros(len(label))
            in_bin[rows] = gap[rows]
            ece += np.abs(total(in_bin))
        return {
            "positive_share": (tp + fn) / count,
            "roc_auc": auc,
            "average_precision": precision,
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "f1": 2 * tp / np.maximum(2 * tp + fp + fn, 1),
            "accuracy": (tp + tn) / count,
            "sensitivity": sensitivity,
            "specificity": specificity,
            "precision": tp / np.maximum(tp + fp, 1),
            "calibration_error": ece / count,
            "brier": total(gap**2) / count,
        }


def _resampled_ranking(
    true: NDArray[np.bool_],
    probability: NDArray[np.floating],
    group: NDArray[np.integer],
    copies: NDArray[np.integer],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ROC AUC and average precision, float64 [draws] each, of weighted patches."""
    order = np.argsort(-probability)
    # Patches of equal score stand or fall together.
    starts = np.flatnonzero(np.diff(probability[order], prepend=np.nan))
    auc, precision = np.empty(len(copies)), np.empty(len(copies))
    for first in range(0, len(copies), _DRAWS_AT_ONCE):
        some = slice(first, first + _DRAWS_AT_ONCE)
        weight = copies[some][:, group[order]].astype(np.float64)
        positive = np.add.reduceat(weight * true[order], starts, axis=1)
        negative = np.add.reduceat(weight * ~true[order], starts, axis=1)
        found, wrong = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
        pairs = found[:, -1] * wrong[:, -1]
        auc[some] = (negative * (found - positive / 2)).sum(axis=1) / pairs
        share = found / np.maximum(found + wrong, 1)
        precision[some] = (positive * share).sum(axis=1) / found[:, -1]
    return auc, precision


def best_threshold(label: NDArray[np.integer], probability: NDArray[np.floating]) -> float:
    """The threshold with the highest balanced accuracy; on a plateau, its middle.

    To be chosen on validation patients only.

    Examples
    --------
    >>> best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9]))
    0.4
    """
    from sklearn import metrics

    false_rate, true_rate, thresholds = metrics.roc_curve(
        label, probability, drop_intermediate=False
    )
    # The first calls no patch positive, which no threshold does that is not above all scores; it
    # is no better than the last, which calls all of them.
    first = 1 if thresholds[1] >= 1 else 0
    best = first + int(np.argmax((true_rate - false_rate)[first:]))
    # Between this score and the next lower one every threshold calls the same patches
    # positive; the middle is the most robust of them.
    lower = thresholds[best + 1] if best + 1 < len(thresholds) else 0.0
    upper = min(float(thresholds[best]), 1.0)
    return float((upper + float(lower)) / 2)


def calibration_bins(probability: NDArray[np.floating]) -> list[NDArray[np.intp]]:
    """The rows of up to 15 equally filled bins, by rising probability; none is empty."""
    order = np.argsort(probability, kind="stable")
    return [rows for rows in np.array_split(order, CALIBRATION_BINS) if len(rows)]


def calibration_error(label: NDArray[np.integer], probability: NDArray[np.floating]) -> float:
    """Expected calibration error: mean gap of probability and truth over equally filled bins."""
    total = 0.0
    for rows in calibration_bins(probability):
        total += abs(float(np.mean(probability[rows]) - np.mean(label[rows]))) * len(rows)
    return total / len(label)


def fit_calibration(label: NDArray[np.integer], logit: NDArray[np.floating]) -> tuple[float, float]:
    """Slope and intercept that calibrate: P(IDC) = sigmoid(slope * logit + intercept).

    A slope of 0 or below means that the logits rank the patches no better than chance; it is
    returned as a slope of 0, the intercept then giving the share of IDC, since a calibration
    must not turn a ranking upside down.

    Both are needed: class weights shift the bias of a network, which a temperature alone
    cannot undo. To be fitted on validation patients only.

    References
    ----------
    Platt, Probabilistic outputs for support vector machines, 1999.
    """
    from sklearn.linear_model import LogisticRegression

    # Scarcely any penalty: two parameters cannot overfit, and shrinking would bias them.
    model = LogisticRegression(C=1e6).fit(logit[:, None], label)
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        share = float(np.mean(label))
        return 0.0, math.log(share / (1 - share))
    return slope, float(model.intercept_[0])
