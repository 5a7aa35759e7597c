"""Metrics of any scores: against sums by hand, and what must not change them."""

from __future__ import annotations

from dataclasses import asdict
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wsi_idc.model.metrics import (
    best_threshold,
    calibration_bins,
    calibration_error,
    fit_calibration,
    measure,
    resampled_metrics,
)

# Of few values, so that patches tie with each other and with the threshold.
SCORES = st.integers(0, 20).map(lambda step: step / 20)
THRESHOLDS = SCORES


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    label = draw(st.lists(st.integers(0, 1), min_size=2, max_size=40))
    assume(0 < sum(label) < len(label))
    score = draw(st.lists(SCORES, min_size=len(label), max_size=len(label)))
    return np.array(label), np.array(score)


def ranked(label: np.ndarray, score: np.ndarray) -> float:
    """ROC AUC: how many pairs are in order, a tie for half a pair."""
    positive, negative = score[label == 1][:, None], score[label == 0]
    return float(np.mean((positive > negative) + (positive == negative) / 2))


@given(judged(), THRESHOLDS)
def test_the_figures_are_those_counted_one_by_one(
    case: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    label, score = case
    found = measure(label, score, threshold, 3)
    pairs = list(zip(label.tolist(), (score >= threshold).tolist(), strict=True))
    tp, fp = pairs.count((1, True)), pairs.count((0, True))
    fn, tn = pairs.count((1, False)), pairs.count((0, False))
    assert (found.patches, found.patients, found.threshold) == (len(label), 3, threshold)
    assert found.positive_share == pytest.approx((tp + fn) / len(label))
    assert found.sensitivity == pytest.approx(tp / (tp + fn))
    assert found.specificity == pytest.approx(tn / (tn + fp))
    assert found.balanced_accuracy == pytest.approx((found.sensitivity + found.specificity) / 2)
    assert found.precision == pytest.approx(tp / (tp + fp) if tp + fp else 0)
    assert found.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert found.accuracy == pytest.approx((tp + tn) / len(label))
    assert found.brier == pytest.approx(np.mean((score - label) ** 2))
    assert found.roc_auc == pytest.approx(ranked(label, score))
    steps = [(score >= at, label[score >= at].mean()) for at in sorted(set(score), reverse=True)]
    recall = [0.0, *(label[called].sum() / label.sum() for called, _ in steps)]
    area = sum(p * (b - a) for (_, p), a, b in zip(steps, recall, recall[1:], strict=False))
    assert found.average_precision == pytest.approx(area)


@given(judged(), THRESHOLDS, st.randoms(use_true_random=False))
def test_the_order_of_the_patches_does_not_matter(
    case: tuple[np.ndarray, np.ndarray], threshold: float, random: Random
) -> None:
    label, score = case
    order = list(range(len(label)))
    random.shuffle(order)
    found = asdict(measure(label[order], score[order], threshold, 1))
    expected = asdict(measure(label, score, threshold, 1))
    # Bins are cut by rank: ties that straddle a cut fall by their order.
    if len(set(score)) < len(score):
        del found["calibration_error"], expected["calibration_error"]
    assert found == pytest.approx(expected)


@given(judged(), THRESHOLDS)
def test_the_other_class_s_figures_are_the_same_seen_from_the_other_side(
    case: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    label, score = case
    assume(threshold not in score)
    found, other = (
        measure(label, score, threshold, 1),
        measure(1 - label, 1 - score, 1 - threshold, 1),
    )
    assert (other.sensitivity, other.specificity) == (found.specificity, found.sensitivity)
    for name in ("roc_auc", "balanced_accuracy", "accuracy", "brier"):
        assert getattr(other, name) == pytest.approx(getattr(found, name))


@given(judged(), st.floats(0.1, 5))
def test_ranking_does_not_change_with_a_rising_function(
    case: tuple[np.ndarray, np.ndarray], power: float
) -> None:
    label, score = case
    found, bent = measure(label, score, 0.5, 1), measure(label, score**power, 0.5, 1)
    assert bent.roc_auc == pytest.approx(found.roc_auc)
    assert bent.average_precision == pytest.approx(found.average_precision)


@given(judged())
def test_no_threshold_is_better_than_the_best(case: tuple[np.ndarray, np.ndarray]) -> None:
    label, score = case
    best = best_threshold(label, score)
    assert 0 <= best <= 1
    reached = measure(label, score, best, 1).balanced_accuracy
    for threshold in [*sorted(set(score)), 1.01]:
        assert reached >= measure(label, score, threshold, 1).balanced_accuracy - 1e-12


@given(judged())
def test_bins_hold_every_patch_once_by_rising_score_in_equal_numbers(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    _, score = case
    bins = calibration_bins(score)
    rows = np.concatenate(bins)
    assert sorted(rows.tolist()) == list(range(len(score)))
    assert (np.diff(score[rows]) >= 0).all()
    sizes = [len(rows) for rows in bins]
    assert len(bins) == min(15, len(score)) and max(sizes) - min(sizes) <= 1


def test_in_bins_equal_scores_stay_in_their_order() -> None:
    score = np.tile([0.5, 0.25], 1000)
    rows = np.concatenate(calibration_bins(score))
    np.testing.assert_array_equal(rows, [*range(1, 2000, 2), *range(0, 2000, 2)])


@given(judged())
def test_the_calibration_error_is_the_mean_gap(case: tuple[np.ndarray, np.ndarray]) -> None:
    label, score = case
    found = calibration_error(label, score)
    gap = abs(score.mean() - label.mean())
    # Gaps of bins do not cancel out; never more than each patch's own.
    assert gap - 1e-12 <= found <= np.abs(score - label).mean() + 1e-12
    if len(score) <= 15:
        assert found == pytest.approx(np.abs(score - label).mean())


@given(judged(), THRESHOLDS, st.integers(2, 6), st.data())
def test_a_draw_of_patients_is_measured_as_if_their_patches_stood_there_as_often(
    case: tuple[np.ndarray, np.ndarray], threshold: float, patients: int, data: st.DataObject
) -> None:
    label, score = case
    group = np.arange(len(label)) % patients
    copies = np.array(data.draw(st.lists(st.integers(0, 3), min_size=patients, max_size=patients)))
    drawn = resampled_metrics(label, score, group, threshold, copies[None])
    rows = np.repeat(np.arange(len(label)), copies[group])
    if len(set(label[rows])) < 2:
        assert not np.isfinite(drawn["roc_auc"][0])
        return
    expected = asdict(measure(label[rows], score[rows], threshold, patients))
    for name, (value,) in drawn.items():
        if name != "calibration_error":  # its bins are those of all patches
            assert value == pytest.approx(expected[name], abs=1e-12), name
        else:
            assert 0 <= value <= 1


@given(judged(), st.floats(0.5, 3), st.floats(-2, 2))
def test_calibrating_keeps_the_ranking_and_the_share(
    case: tuple[np.ndarray, np.ndarray], steep: float, shift: float
) -> None:
    label, score = case
    logit = steep * (8 * score - 4) + shift
    slope, intercept = fit_calibration(label, logit)
    assert slope >= 0 and np.isfinite(intercept)
    calibrated = 1 / (1 + np.exp(-np.clip(slope * logit + intercept, -500, 500)))
    # The likeliest intercept makes the mean probability the share of IDC.
    assert calibrated.mean() == pytest.approx(label.mean(), abs=0.01)
