"""Published scores of labels and predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from traingauge.catalog import CATALOG
from traingauge.core.collectors.scores import Scores
from traingauge.errors import InvalidArgumentError, ShapeError, TrainGaugeError
from traingauge.options import Scoring
from traingauge.stats.classification.counts import count_labels
from traingauge.stats.classification.probabilities import SCORES_KEPT
from traingauge.stats.run_scores import Measured


def published(part):
    """Values by metric and label values."""
    return {
        (family.metric.name, *key.labels): value
        for family in part.families()
        for key, value in zip(family.keys, family.values, strict=True)
    }


def steps(part, *batches):
    return [part.encode(np.array(true), np.array(predicted)) for true, predicted in batches]


def test_nothing_is_published_before_something_was_recorded():
    part = Scores()
    assert list(part.families()) == []
    assert part.current("train") == {}
    assert part.task is None


def test_a_score_says_how_far_it_may_be_off():
    random = np.random.default_rng(0)
    part = Scores()
    for split, rows in (("validation", 1000), ("test", SCORES_KEPT + 1)):
        positive, scores = random.random(rows) < 0.5, random.random(rows)
        part.add_pass(split, [part.encode(positive, scores)])
        area = metrics.roc_auc_score(positive, scores)
        bound = published(part)["model_score_error_bound", "roc_auc", split]
        assert abs(published(part)["model_roc_auc", split] - area) <= bound + 1e-12
        assert (bound == 0) == (split == "validation")
    part.add_pass("test", [part.encode(np.array([0, 1]), np.array([0, 1]))])
    assert ("model_score_error_bound", "roc_auc", "test") not in published(part)


def test_a_restored_pass_keeps_every_score():
    random = np.random.default_rng(0)
    part, restored = Scores(), Scores()
    part.add_pass("test", [part.encode(random.random(50) < 0.5, random.random(50))])
    restored.restore(part.save())
    assert published(restored) == published(part)
    assert restored.current("test") == part.current("test")


def test_every_family_fits_the_catalogue():
    part = Scores()
    part.add_steps("train", steps(part, ([0, 1, 2], [0, 1, 1])))
    for family in part.families():
        assert CATALOG[family.metric.name] is family.metric
        assert all(len(key.labels) == len(family.metric.labels) for key in family.keys)


def test_the_window_holds_the_last_steps_and_no_others():
    part = Scores(Scoring(window=2))
    part.add_steps("train", steps(part, ([0, 1], [1, 0]), ([0, 1], [0, 0])))
    part.add_steps("train", steps(part, ([0, 1], [0, 1])))
    assert part.current("train")["accuracy"] == 0.75


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8),
        min_size=1,
        max_size=12,
    ),
    window=st.integers(1, 6),
    chunk=st.integers(1, 5),
)
def test_window_and_counters_equal_a_count_of_their_samples(batches, window, chunk):
    part = Scores(Scoring(window=window, classes=5))
    pairs = [np.array(batch) for batch in batches]
    encoded = [part.encode(pair[:, 0], pair[:, 1]) for pair in pairs]
    for start in range(0, len(encoded), chunk):
        part.add_steps("train", encoded[start : start + chunk])
    inside = np.concatenate(pairs[-window:])
    expected = metrics.recall_score(
        inside[:, 0], inside[:, 1], labels=range(5), average="macro", zero_division=np.nan
    )
    assert part.current("train")["recall"] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    everything = np.concatenate(pairs)
    matrix = metrics.confusion_matrix(everything[:, 0], everything[:, 1], labels=range(5))
    values = published(part)
    for code in range(5):
        hits = matrix[code, code]
        assert values["model_class_true_positives_total", "train", str(code)] == hits
        assert values["model_class_false_negatives_total", "train", str(code)] == matrix[code].sum() - hits
        assert values["model_class_false_positives_total", "train", str(code)] == matrix[:, code].sum() - hits


def test_a_pass_replaces_the_scores_of_its_split_and_adds_to_the_counters():
    part = Scores()
    part.add_pass("validation", steps(part, ([0, 1], [1, 0]), ([1], [0])))
    part.add_pass("validation", steps(part, ([0, 1], [0, 1]), ([1], [1])))
    assert part.current("validation")["accuracy"] == 1
    values = published(part)
    assert values["model_class_true_positives_total", "validation", "1"] == 2
    assert values["model_class_false_negatives_total", "validation", "1"] == 2
    assert values["model_class_support", "validation", "1"] == 2


def test_counts_computed_elsewhere_give_the_same_scores_as_labels():
    part, other = Scores(Scoring(window=2)), Scores(Scoring(window=2))
    batches = [([0, 1, 1], [0, 1, 0]), ([1, 1, 0], [1, 0, 0]), ([0, 0, 1], [1, 1, 1])]
    counts = [count_labels(np.array(true), np.array(predicted), 2) for true, predicted in batches]
    part.add_steps("train", steps(part, *batches))
    part.add_pass("test", steps(part, *batches))
    other.add_measured_steps("train", list(map(Measured, counts)))
    other.add_measured_pass("test", Measured(counts[0] + counts[1] + counts[2]))
    assert published(part) == published(other)
    assert other.task == "binary"


def test_the_best_training_score_waits_for_a_full_window():
    part = Scores(Scoring(window=2))
    part.add_steps("train", steps(part, ([0, 1], [0, 1])))
    assert ("model_score_best", "accuracy", "train") not in published(part)
    part.add_steps("train", steps(part, ([0, 1], [0, 0])))
    assert published(part)["model_score_best", "accuracy", "train"] == 0.75


def test_the_best_of_a_split_stays_when_a_worse_pass_follows():
    part = Scores()
    part.add_pass("test", steps(part, ([0, 1], [0, 1])))
    part.add_pass("test", steps(part, ([0, 1], [1, 0])))
    values = published(part)
    assert values["model_accuracy", "test"] == 0
    assert values["model_score_best", "accuracy", "test"] == 1


def test_the_lowest_error_is_the_best_and_a_bias_has_none():
    part = Scores()
    part.add_pass("test", [part.encode([1.5, 2.5, 4.0], [1.6, 2.4, 4.0])])
    part.add_pass("test", [part.encode([1.5, 2.5, 4.0], [2.5, 2.4, 4.0])])
    values = published(part)
    assert part.task == "regression"
    assert values["model_score_best", "mean_absolute_error", "test"] == pytest.approx(0.2 / 3)
    assert values["model_mean_absolute_error", "test"] == pytest.approx(1.1 / 3)
    assert ("model_score_best", "bias", "test") not in values


def test_residual_percentiles_are_one_metric():
    part = Scores()
    part.add_pass("test", [part.encode([1.5, 2.5, 4.0], [1.6, 2.4, 4.0])])
    (family,) = (one for one in part.families() if one.metric.name == "model_residual_percentile")
    assert [key.labels for key in family.keys] == [("test", "5"), ("test", "50"), ("test", "95")]
    assert family.values == pytest.approx((-0.1, 0.0, 0.1))


def test_a_change_in_the_number_of_outputs_raises():
    part = Scores(Scoring(task="regression"))
    part.encode([[1.0, 2.0]], [[1.5, 2.0]])
    with pytest.raises(ShapeError, match="1 outputs per sample, but earlier steps had 2"):
        part.encode([1.0], [1.5])


def test_binary_scores_are_those_of_the_positive_class():
    part = Scores()
    part.add_pass("test", [part.encode([1, 1, 0, 0], [0.9, 0.1, 0.8, 0.2])])
    current = part.current("test")
    assert (current["precision"], current["recall"]) == (0.5, 0.5)
    part = Scores(Scoring(average="macro"))
    part.add_pass("test", [part.encode([1, 1, 0, 0], [0.9, 0.1, 0.1, 0.2])])
    assert part.current("test")["recall"] == 0.75


def test_undefined_scores_are_nan():
    part = Scores(Scoring(classes=3))
    part.add_pass("test", [part.encode([0, 0], [1, 1])])
    values = published(part)
    assert np.isnan(values["model_class_precision", "test", "0"])
    assert np.isnan(values["model_class_recall", "test", "1"])
    assert np.isnan(values["model_class_f1", "test", "2"])
    part.add_pass("test", [part.encode([], [])])
    assert all(np.isnan(value) for value in part.current("test").values())


def test_keys_stay_the_same_object_while_the_label_sets_do():
    part = Scores()
    part.add_steps("train", steps(part, ([0, 1, 2], [0, 1, 1])))
    before = {family.metric.name: family.keys for family in part.families()}
    part.add_steps("train", steps(part, ([0, 1, 2], [2, 1, 1])))
    after = {family.metric.name: family.keys for family in part.families()}
    assert all(after[name] is before[name] for name in before)


def test_a_new_class_is_published():
    part = Scores()
    part.add_steps("train", steps(part, ([0, 1], [0, 1])))
    assert part.task == "binary"
    part.add_steps("train", steps(part, ([3], [0])))
    assert part.task == "multiclass"
    assert part.classes == ("0", "1", "2", "3")
    assert published(part)["model_class_false_negatives_total", "train", "3"] == 1


def test_the_callers_arrays_may_change_after_encoding():
    part = Scores()
    true, predicted, weight = np.array([0, 1, 1]), np.array([0, 1, 0]), np.ones(3)
    encoded = part.encode(true, predicted, weight)
    true[:], predicted[:], weight[:] = 1, 0, 9
    part.add_pass("test", [encoded])
    assert part.current("test")["accuracy"] == pytest.approx(2 / 3)


def test_a_non_finite_prediction_is_counted_and_left_out():
    part = Scores()
    encoded = part.encode([0, 1, 1], [[0.9, 0.1], [np.nan, 0.2], [0.1, 0.9]])
    assert (encoded.samples, encoded.nonfinite) == (3, 1)
    part.add_pass("test", [encoded])
    assert part.current("test")["accuracy"] == 1


def test_weights_count():
    part = Scores()
    part.add_pass("test", [part.encode([0, 1], [0, 0], [3.0, 1.0])])
    assert part.current("test")["accuracy"] == 0.75
    assert published(part)["model_class_support", "test", "0"] == 3


def test_confusion_is_published_for_few_classes_only():
    part = Scores(Scoring(classes=["cat", "dog"]))
    part.add_pass("test", [part.encode(["cat", "dog"], ["dog", "dog"])])
    assert published(part)["model_confusion", "test", "cat", "dog"] == 1
    part = Scores(Scoring(classes=21))
    part.add_pass("test", [part.encode([0, 20], [0, 1])])
    assert "model_confusion" not in {name for name, *_ in published(part)}


def test_beyond_the_cap_the_weakest_classes_are_named_and_the_rest_is_other():
    part = Scores(Scoring(classes=8), class_cap=4)
    part.add_pass("test", [part.encode([0, 1, 2, 3, 4, 4], [0, 1, 0, 0, 4, 4])])
    values = published(part)
    shown = {labels[1] for name, *labels in values if name == "model_class_recall"}
    assert shown == {"2", "3", "other"}
    assert values["model_class_support", "test", "other"] == 4
    assert values["model_class_recall", "test", "other"] == 1
    assert part.dropped == {"class": 6}


@pytest.mark.parametrize("cap", [10, 4])
def test_specificity_of_each_class_and_of_the_rest_pooled_equals_that_of_scikit_learns_counts(cap):
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 10, 200), random.integers(0, 10, 200)
    part = Scores(Scoring(classes=10), class_cap=cap)
    part.add_pass("test", [part.encode(true, predicted)])
    cells = metrics.multilabel_confusion_matrix(true, predicted, labels=range(10))
    values = {key[2]: value for key, value in published(part).items() if key[0] == "model_class_specificity"}
    assert len(values) == (10 if cap == 10 else 3)
    named = [int(name) for name in values if name != "other"]
    for code in named:
        right, wrong = cells[code, 0]
        assert values[str(code)] == pytest.approx(right / (right + wrong), abs=1e-12)
    if "other" in values:
        right, wrong = np.delete(cells, named, axis=0)[:, 0].sum(axis=0)
        assert values["other"] == pytest.approx(right / (right + wrong), abs=1e-12)


def test_counters_never_fall_and_their_sum_is_exact_when_the_named_classes_change():
    part = Scores(Scoring(classes=6), class_cap=2)
    part.add_pass("test", [part.encode([0, 1, 2], [1, 1, 2])])
    before = published(part)
    part.add_pass("test", [part.encode([0, 1, 5, 5], [0, 1, 0, 1])])
    after = published(part)
    name = "model_class_false_negatives_total"
    assert {key[2] for key in before if key[0] == name} == {"0", "other"}
    assert {key[2] for key in after if key[0] == name} == {"5", "other"}
    part.add_pass("test", [part.encode([0, 5, 5], [1, 5, 5])])
    last = published(part)
    assert last[name, "test", "0"] == before[name, "test", "0"]
    assert last[name, "test", "other"] == after[name, "test", "other"] + 1
    for key in after.keys() & last.keys():
        if key[0] == name:
            assert last[key] >= after[key]


def test_a_class_must_not_have_the_name_of_the_rest():
    with pytest.raises(InvalidArgumentError, match="other"):
        Scores(Scoring(classes=["a", "b", "other"]), class_cap=2)


def test_labels_without_predictions_raise():
    with pytest.raises(TrainGaugeError, match="is None"):
        Scores().encode([1, 0], None)
