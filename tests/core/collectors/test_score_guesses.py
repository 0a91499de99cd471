"""What predictions and labels are is guessed from their values, and evidence to the contrary changes the guess."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from traingauge import ModelMonitor, Scoring
from traingauge.core.collectors.scores import Scores
from traingauge.core.guard import Guard
from traingauge.errors import InvalidArgumentError, LabelError, TrainGaugeError
from traingauge.stats.classification.guesses import SETTLED_SAMPLES

TRUE = np.array([0.0, 0.0, 1.0, 1.0])
LOGITS = np.array([-1.5, 0.3, 0.2, 2.5])


class Scored:
    """Scores, and what they said."""

    def __init__(self, **scoring):
        self.guard = Guard()
        self.scores = Scores(Scoring(**scoring), self.guard)

    def step(self, true, predicted, weight=None):
        self.scores.add_steps("train", [self.scores.encode(true, predicted, weight)])

    @property
    def current(self):
        return self.scores.current("train")

    @property
    def changes(self):
        return self.guard.errors["guess"]


@pytest.mark.parametrize("first", [np.zeros(4), np.array([0.6, 0.7, 0.3, 0.9])])
def test_logits_that_first_lie_in_0_and_1_are_logits_from_the_first_value_outside(first):
    scored = Scored()
    scored.step(TRUE, first)
    scored.step(TRUE, LOGITS)
    assert scored.scores.task == "binary"
    assert scored.current["accuracy"] == sk.accuracy_score(TRUE, LOGITS > 0)
    assert scored.current["log_loss"] == pytest.approx(sk.log_loss(TRUE, 1 / (1 + np.exp(-LOGITS))))
    assert scored.changes == 1


def test_logits_in_0_and_1_after_others_are_compared_as_logits():
    scored = Scored()
    scored.step(TRUE, LOGITS)
    scored.step(np.ones(2), np.array([0.2, 0.4]))
    assert scored.current["accuracy"] == 5 / 6
    assert scored.changes == 0


@pytest.mark.parametrize("shape", ["two columns", "multi-label"])
def test_logits_of_several_columns_that_first_lie_in_0_and_1_do_not_raise(shape):
    true = np.array([0, 1, 1]) if shape == "two columns" else np.array([[1, 1], [0, 0], [1, 1]])
    scored = Scored()
    scored.step(true, np.zeros((3, 2)))
    scored.step(true, np.array([[3.0, 4.0], [-2.0, -1.0], [1.0, 2.0]]))
    scored.step(true, np.array([[0.5, 0.6], [-0.3, -0.2], [0.1, 0.2]]))
    expected = 2 / 3 if shape == "two columns" else 1.0
    assert scored.current["accuracy"] == pytest.approx(expected)
    assert scored.changes == 1


def test_predictions_that_were_promised_to_be_probabilities_stay_so():
    scored = Scored(from_logits=False)
    scored.step(TRUE, [0.2, 0.1, 0.8, 0.9])
    with pytest.raises(InvalidArgumentError, match="from_logits=True"):
        scored.step(TRUE, LOGITS)
    assert scored.changes == 0


@pytest.mark.parametrize("after", [True, False])
def test_whole_floats_beyond_1_are_labels_even_if_all_true_labels_are_0_or_1(after):
    scored = Scored()
    if after:
        scored.step(np.array([0, 1]), np.array([0, 1]))
    scored.step(np.array([1, 1]), np.array([3, 2], np.float32))
    scored.step(np.array([0, 1]), np.array([0, 1], np.float32))
    assert scored.scores.task == "multiclass"
    assert scored.current["accuracy"] == sk.accuracy_score([1, 1, 0, 1], [3, 2, 0, 1])


def test_logits_that_happened_to_be_whole_are_logits_once_one_is_not():
    scored = Scored()
    scored.step(TRUE, np.array([0.0, 0.0, 3.0, 2.0]))
    scored.step(TRUE, LOGITS)
    assert scored.scores.task == "binary"
    assert scored.current["accuracy"] == sk.accuracy_score(TRUE, LOGITS > 0)


@pytest.mark.parametrize("first", [np.zeros(4), TRUE])
@pytest.mark.parametrize("later", [np.array([0.0, 2.0, 1.0, 5.0]), np.array([0.5, 2.25, 1.0, 0.0])])
def test_quantities_that_are_first_0_and_1_become_a_regression(first, later):
    predicted = np.array([0.3, 1.7, 1.1, 4.0])
    scored = Scored()
    scored.step(first, predicted)
    scored.step(later, predicted)
    assert scored.scores.task == "regression"
    assert scored.current["mean_absolute_error"] == pytest.approx(sk.mean_absolute_error(later, predicted))
    assert scored.changes == 1


def test_a_wrong_label_among_many_right_ones_changes_nothing():
    scored = Scored()
    true, predicted = np.tile(TRUE, SETTLED_SAMPLES), np.tile([0.1, 0.2, 0.8, 0.9], SETTLED_SAMPLES)
    scored.step(true, predicted)
    with pytest.raises(LabelError, match="2"):
        scored.step(np.array([0.0, 2.0]), np.array([0.1, 0.9]))
    assert scored.scores.task == "binary"
    assert scored.current["accuracy"] == 1.0


def test_mixtures_of_classes_with_logits_are_compared_by_their_highest_class(caplog):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 30)
    mixed = 0.7 * np.eye(4)[codes] + 0.3 * np.eye(4)[rng.integers(0, 4, 30)]
    logits = rng.normal(size=(30, 4))
    scored = Scored()
    with caplog.at_level(logging.WARNING, "traingauge"):
        scored.step(mixed, logits)
        scored.step(mixed, logits)
    assert scored.current["accuracy"] == sk.accuracy_score(codes, logits.argmax(axis=1))
    assert [record.message for record in caplog.records if "task='regression'" in record.message] == [
        caplog.records[0].message
    ]


def test_the_label_that_pytorch_ignores_is_left_out_and_said_once(caplog):
    scored = Scored()
    predicted = np.eye(3)[[0, 1, 2, 2]]
    with caplog.at_level(logging.WARNING, "traingauge"):
        for _ in range(2):
            scored.step(np.array([0, -100, 2, 1]), predicted)
    assert scored.current["accuracy"] == pytest.approx(2 / 3)
    assert len([record for record in caplog.records if "ignore_index=-100" in record.message]) == 1


def test_a_change_of_a_guess_says_how_to_say_it_better(caplog):
    scored = Scored()
    scored.step(TRUE, np.zeros(4))
    with caplog.at_level(logging.WARNING, "traingauge"):
        scored.step(TRUE, LOGITS)
    assert "from_logits=True" in caplog.text


def test_a_change_drops_passes_and_best_values_that_were_scored_under_the_wrong_guess():
    scored = Scored()
    scores = scored.scores
    scores.add_pass("validation", [scores.encode(TRUE, [0.1, 0.2, 0.8, 0.9])])
    assert scores.current("validation")["accuracy"] == 1.0
    scored.step(TRUE, LOGITS)
    assert scores.current("validation") == {}
    (best,) = [family for family in scores.families() if family.metric.name == "model_score_best"]
    assert "validation" not in {label for key in best.keys for label in key.labels}


def test_a_step_that_was_encoded_before_a_change_is_not_scored_after_it():
    scored = Scored()
    early = scored.scores.encode(TRUE, [0.9, 0.9, 0.9, 0.9])
    late = scored.scores.encode(TRUE, LOGITS)
    scored.scores.add_steps("train", [early, late])
    assert scored.current["accuracy"] == sk.accuracy_score(TRUE, LOGITS > 0)


def probabilities(rows, classes):
    scores = np.random.default_rng(0).random((rows, classes))
    return scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("refused", "right", "expected"),
    [
        (([0, 5], probabilities(2, 3)), ([0, 5], np.eye(10)[[0, 5]]), 1.0),
        (([0, -1], ["a", "b"]), ([0, 1], [0, 1]), 1.0),
        ((["a", "b"], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]), ([0, 1], [0, 1]), 1.0),
        (([0, 20_000], [0, 1]), ([0, 1, 2], [0, 1, 1]), 2 / 3),
        (([0, 1, 1], [0, -1, 1]), ([0, 0, 1], [0.2, 0.3, 0.9]), 1.0),
    ],
)
def test_a_step_that_is_refused_leaves_nothing_behind(refused, right, expected):
    scored = Scored()
    with pytest.raises(TrainGaugeError):
        scored.step(*refused)
    assert (scored.scores.task, scored.scores.classes, scored.current) == (None, (), {})
    scored.step(*right)
    assert scored.current["accuracy"] == pytest.approx(expected)


def test_a_refused_change_of_the_number_of_outputs_leaves_the_number():
    scored = Scored(task="regression")
    scored.step([[1.0, 2.0]], [[1.5, 2.0]])
    with pytest.raises(TrainGaugeError):
        scored.step([1.0, 2.0], [1.5, 2.0])
    scored.step([[3.0, 2.0]], [[3.0, 2.0]])
    assert scored.current["mean_absolute_error"] == pytest.approx(0.125)


@given(st.lists(st.tuples(st.booleans(), st.floats(-8, 8)), min_size=1, max_size=40), st.integers(1, 5))
def test_logits_in_any_order_end_with_scikit_learns_accuracy(pairs, size):
    """Every batch from the first value outside on counts; whole-valued batches are labels, so none is among them."""
    true = np.array([label for label, _ in pairs], float)
    logits = np.array([score for _, score in pairs]) + 1 / 3
    scored, counted = Scored(), 0
    batches = [slice(at, at + size) for at in range(0, len(true), size)]
    outside = [bool(((logits[each] < -1e-3) | (logits[each] > 1 + 1e-3)).any()) for each in batches]
    first = outside.index(True) if True in outside else 0
    for each in batches:
        scored.step(true[each], logits[each])
    kept = np.arange(len(true)) >= first * size
    cut = 0.0 if True in outside else 0.5
    counted = sk.accuracy_score(true[kept], logits[kept] > cut)
    assert scored.current["accuracy"] == pytest.approx(counted)


def test_a_task_that_the_average_does_not_fit_is_refused_and_leaves_the_task():
    scored = Scored(average="binary")
    scored.step(np.array([0, 1]), np.array([1, 1]))
    with pytest.raises(InvalidArgumentError, match="average='binary'"):
        scored.step(np.array([0, 2]), np.array([0, 2]))
    scored.step(np.array([0, 1]), np.array([0, 1]))
    assert scored.scores.task == "binary"
    assert scored.current["precision"] == pytest.approx(2 / 3)


def test_scores_of_a_restored_run_are_dropped_too_if_they_were_no_probabilities():
    before, after = Scored(), Scored()
    before.step(TRUE, [0.9, 0.9, 0.9, 0.9])
    after.scores.restore(before.scores.save())
    after.step(TRUE, LOGITS)
    assert after.current["accuracy"] == sk.accuracy_score(TRUE, LOGITS > 0)
    assert after.changes == 1


def published_labels(monitor, name):
    return {
        label
        for family in monitor.collector.families()
        if family.metric.name == name
        for key in family.keys
        for label in key.labels
    }


def test_the_published_task_follows_a_change():
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(y_true=np.zeros(4), y_pred=np.array([0.3, 1.7, 1.1, 4.0]))
        assert "binary" in published_labels(monitor, "model_run_info")
        monitor.step(y_true=np.array([0.0, 2.0, 1.0, 5.0]), y_pred=np.array([0.3, 1.7, 1.1, 4.0]))
        assert "regression" in published_labels(monitor, "model_run_info")


def test_a_discovered_class_that_is_called_other_has_series_of_its_own():
    scored = Scored()
    names = np.array(["other", *(f"c{number}" for number in range(150))])
    scored.step(names, np.array(["c0", *names[1:]]))
    for family in scored.scores.families():
        labels = [(key.suffix, key.labels) for key in family.keys]
        assert len(labels) == len(set(labels)), family.metric.name
