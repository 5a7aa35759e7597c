from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import expit

from wsi_idc.model.metrics import (
    MetricsWithIntervals,
    best_threshold,
    calibration_error,
    fit_calibration,
    measure,
    measure_by_patient,
    resampled_metrics,
)


def scored(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = (rng.random(count) < 0.3).astype(int)
    return label, expit(rng.normal(np.where(label, 1.0, -1.0), 1.0))


def test_the_figures_of_a_small_case_counted_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 1, 1])
    probability = np.array([0.1, 0.2, 0.3, 0.9, 0.8, 0.4])
    got = measure(label, probability, threshold=0.5, patients=1)
    assert (got.sensitivity, got.specificity, got.precision) == (0.5, 0.75, 0.5)
    assert got.balanced_accuracy == pytest.approx(0.625)
    assert got.f1 == pytest.approx(0.5)
    assert got.accuracy == pytest.approx(4 / 6)
    assert got.roc_auc == pytest.approx(6 / 8)
    assert got.brier == pytest.approx(np.mean([0.01, 0.04, 0.09, 0.81, 0.04, 0.36]))


def test_the_threshold_itself_counts_as_positive() -> None:
    got = measure(np.array([0, 1]), np.array([0.2, 0.5]), threshold=0.5, patients=1)
    assert got.accuracy == 1


def test_resampled_figures_are_those_of_the_resampled_patches() -> None:
    label, probability = scored(400)
    probability = probability.round(2)  # many ties
    group = np.arange(400) % 8
    copies = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), size=5)
    drawn = resampled_metrics(label, probability, group, 0.5, copies)
    for index, times in enumerate(copies):
        rows = np.repeat(np.arange(400), times[group])
        expected = asdict(measure(label[rows], probability[rows], 0.5, 8))
        for name, values in drawn.items():
            if name != "calibration_error":  # its bins are those of all patches
                assert values[index] == pytest.approx(expected[name], abs=1e-12), name
    once = resampled_metrics(label, probability, group, 0.5, np.ones((1, 8), int))
    assert once["calibration_error"][0] == pytest.approx(calibration_error(label, probability))


@pytest.mark.filterwarnings("error")
def test_draws_without_idc_or_without_calls_have_the_figures_that_they_can_have() -> None:
    label, probability, group = np.array([0, 0, 1, 1, 1]), np.full(5, 0.1), np.arange(5)
    probability[3] = 0.9
    copies = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 3, 1, 0], [0, 0, 0, 0, 0]])
    drawn = resampled_metrics(label, probability, group, 0.5, copies)
    np.testing.assert_array_equal(drawn["f1"], [0, 0, 2 / 5, 0])
    np.testing.assert_array_equal(drawn["precision"], [0, 0, 1, 0])
    np.testing.assert_array_equal(drawn["specificity"], [1, np.nan, 1, np.nan])
    np.testing.assert_array_equal(drawn["sensitivity"], [np.nan, 0, 1 / 4, np.nan])
    assert np.isfinite(drawn["roc_auc"]).tolist() == [False, False, True, False]


def test_intervals_resample_patients_not_patches() -> None:
    # Twenty copies of fifty patches carry no more knowledge than the fifty do.
    label, probability = scored(50)

    def width(repeats: int) -> float:
        judged = measure_by_patient(
            np.repeat(label, repeats),
            np.repeat(probability, repeats),
            np.repeat(np.arange(50), repeats).astype(object),
            0.5,
        )
        low, high = judged.intervals["brier"]
        assert low < judged.values.brier < high
        return high - low

    assert width(20) == pytest.approx(width(1), rel=1e-9)


def test_draws_of_one_class_are_left_out() -> None:
    label = np.array([0, 0, 0, 0, 0, 1])
    judged = measure_by_patient(label, np.linspace(0.1, 0.9, 6), np.arange(6).astype(object), 0.5)
    assert judged.intervals["roc_auc"] == (1.0, 1.0)


def test_few_patients_give_no_interval_rather_than_a_false_one() -> None:
    label, probability = scored(100)
    judged = measure_by_patient(label, probability, (np.arange(100) % 4).astype(object), 0.5)
    assert judged.intervals == {}
    assert judged.values == measure(label, probability, 0.5, 4)
    judged = measure_by_patient(label, probability, (np.arange(100) % 5).astype(object), 0.5)
    assert "roc_auc" in judged.intervals


def test_no_usable_draw_gives_no_interval() -> None:
    label = np.array([1] + [0] * 5)
    probability = np.linspace(0, 1, 6)
    # Whether the one patient with IDC is drawn is a matter of chance; in some draws it is not.
    missed = [
        seed
        for seed in range(20)
        if not np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6), size=1)[0, 0]
    ]
    judged = measure_by_patient(
        label, probability, np.array(list("abcdef"), object), 0.5, draws=1, seed=missed[0]
    )
    assert judged.intervals == {}
    assert judged.values == measure(label, probability, 0.5, 6)


def test_intervals_hold_the_middle_95_percent_of_a_thousand_draws() -> None:
    label, probability = scored(300)
    group = np.arange(300) % 15
    patient = np.array([f"case {number:02}" for number in group], object)
    judged = measure_by_patient(label, probability, patient, 0.5)
    copies = np.random.default_rng(0).multinomial(15, np.full(15, 1 / 15), size=1000)
    drawn = resampled_metrics(label, probability, group, 0.5, copies)
    assert set(judged.intervals) == set(drawn)
    for name, values in drawn.items():
        inside = np.sort(values)
        low, high = judged.intervals[name]
        # 2.5 % of a thousand below, as many above, but for the values in between.
        assert inside[24] <= low <= inside[25]
        assert inside[974] <= high <= inside[975]


def test_a_file_of_metrics_holds_numbers_of_five_digits() -> None:
    values = measure(*scored(30), threshold=1 / 3, patients=4)
    judged = MetricsWithIntervals(values, {"brier": (0.1234567, 1 / 3), "f1": (0.0, 1.0)})
    told = judged.as_json()
    assert told.pop("intervals_95") == {"brier": [0.12346, 0.33333], "f1": [0.0, 1.0]}
    assert told == {
        name: value if isinstance(value, int) else round(value, 5)
        for name, value in asdict(values).items()
    }
    assert (told["threshold"], told["patches"], told["patients"]) == (0.33333, 30, 4)


def test_the_same_seed_gives_the_same_intervals() -> None:
    label, probability = scored(300)
    patient = (np.arange(300) % 15).astype(object)
    first = measure_by_patient(label, probability, patient, 0.5, draws=50, seed=4)
    assert first == measure_by_patient(label, probability, patient, 0.5, draws=50, seed=4)
    assert first != measure_by_patient(label, probability, patient, 0.5, draws=50, seed=5)


def test_the_best_threshold_is_found_and_lies_between_scores() -> None:
    label = np.array([0, 0, 0, 1, 1])
    probability = np.array([0.1, 0.2, 0.4, 0.8, 0.9])
    assert best_threshold(label, probability) == pytest.approx(0.6)
    assert measure(label, probability, 0.6, 1).balanced_accuracy == 1


def test_the_best_threshold_is_no_worse_than_any_other() -> None:
    label, probability = scored(400, seed=3)
    best = measure(label, probability, best_threshold(label, probability), 1).balanced_accuracy
    for threshold in np.linspace(0.01, 0.99, 99):
        assert best >= measure(label, probability, threshold, 1).balanced_accuracy - 1e-12


def test_a_score_of_1_that_is_wrong_is_not_what_a_useless_model_calls_positive() -> None:
    label, probability = np.array([0, 1, 0]), np.array([0.0, 0.0, 1.0])
    assert best_threshold(label, probability) == 0.0
    assert measure(label, probability, 0.0, 1).balanced_accuracy == 0.5


def test_a_score_of_1_that_is_right_is_called_and_a_useless_model_calls_nothing() -> None:
    assert best_threshold(np.array([0, 1]), np.array([0.5, 1.0])) == 0.75
    assert best_threshold(np.array([1, 0]), np.array([0.2, 0.6])) == 0.8


def test_calibration_undoes_a_shifted_and_steepened_logit() -> None:
    rng = np.random.default_rng(0)
    true_logit = rng.normal(-1, 2, 20_000)
    label = (rng.random(20_000) < expit(true_logit)).astype(int)
    seen = 2.0 * true_logit + 1.5  # what class weights and overfitting do
    slope, intercept = fit_calibration(label, seen)
    assert slope == pytest.approx(0.5, abs=0.02)
    assert intercept == pytest.approx(-0.75, abs=0.05)
    before = calibration_error(label, expit(seen))
    after = calibration_error(label, expit(slope * seen + intercept))
    assert before > 0.05
    assert after < 0.01


def test_calibration_does_not_turn_a_ranking_upside_down() -> None:
    label, probability = scored(200)
    assert fit_calibration(label, 1 - 2 * probability) == (
        0.0,
        pytest.approx(np.log(label.mean() / (1 - label.mean()))),
    )
