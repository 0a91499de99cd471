"""Binary masks, whose positions are samples, and labels of the same shape that are none."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn import metrics

from traingauge.core.collectors.scores import Scores
from traingauge.options import Scoring

RANDOM = np.random.default_rng(0)
MASKS = (RANDOM.random((4, 6, 8)) < 0.3).astype(np.float32)
PROBABILITIES = np.clip(0.4 * MASKS + 0.6 * RANDOM.random(MASKS.shape), 0, 1).astype(np.float32)


def scored(*steps, **scoring):
    part = Scores(Scoring(**scoring))
    part.add_steps("train", [part.encode(*step) for step in steps])
    return part, part.current("train")


def said(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("form", ["float32", "int64", "bool"])
@pytest.mark.parametrize("predicted", ["probabilities", "logits", "hard"])
def test_each_position_of_a_mask_is_a_sample_which_is_said_once(form, predicted, caplog):
    outputs = {
        "probabilities": PROBABILITIES,
        "logits": np.log(PROBABILITIES / (1 - PROBABILITIES) + 1e-6),
        "hard": (PROBABILITIES > 0.5).astype(int),
    }[predicted]
    with caplog.at_level(logging.WARNING, "traingauge"):
        part, scores = scored(*[(MASKS.astype(form), outputs)] * 2)
    assert part.task == "binary"
    true, hard = MASKS.ravel(), PROBABILITIES.ravel() > 0.5
    assert scores["recall"] == pytest.approx(metrics.recall_score(true, hard))
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(true, hard))
    (message,) = said(caplog)
    assert "Scoring(task='binary')" in message
    assert "task='multilabel'" in message


@pytest.mark.parametrize("axis", [1, -1])
def test_a_mask_with_one_channel_needs_no_word(axis, caplog):
    with caplog.at_level(logging.WARNING, "traingauge"):
        part, scores = scored((np.expand_dims(MASKS, axis), np.expand_dims(PROBABILITIES, axis)))
    assert part.task == "binary"
    assert scores["recall"] == pytest.approx(metrics.recall_score(MASKS.ravel(), PROBABILITIES.ravel() > 0.5))
    assert not said(caplog)


@pytest.mark.parametrize(
    ("gap", "scoring"), [("nan", {}), ("masked", {}), (-100, {}), (255, {"ignore_index": 255})], ids=str
)
def test_positions_that_are_not_known_do_not_count(gap, scoring):
    known = RANDOM.random(MASKS.shape) < 0.8
    true = np.where(known, MASKS, np.nan if isinstance(gap, str) else gap)
    if gap == "masked":
        true = np.ma.array(MASKS, mask=~known)
    elif gap != "nan":
        true = true.astype(int)
    part, scores = scored((true, PROBABILITIES), **scoring)
    assert part.task == "binary"
    assert scores["recall"] == pytest.approx(metrics.recall_score(MASKS[known], PROBABILITIES[known] > 0.5))


def test_labels_of_that_shape_are_multi_label_where_the_user_says_so(caplog):
    with caplog.at_level(logging.WARNING, "traingauge"):
        _, scores = scored((MASKS, PROBABILITIES), task="multilabel")
    rows = MASKS.reshape(-1, 8), PROBABILITIES.reshape(-1, 8) > 0.5
    assert scores["recall"] == pytest.approx(metrics.recall_score(*rows, average="macro"))
    assert not said(caplog)


def test_as_many_classes_as_the_user_gives_are_on_the_last_axis():
    part, _ = scored((MASKS, PROBABILITIES), classes=8)
    assert part.task == "multilabel"


@pytest.mark.parametrize("classes", [2, 3])
def test_one_hot_labels_are_no_masks_in_any_step(classes, caplog):
    codes = RANDOM.integers(0, classes, (4, 6))
    codes[0, :classes] = range(classes)
    outputs = RANDOM.dirichlet(np.ones(classes), codes.shape)
    with caplog.at_level(logging.WARNING, "traingauge"):
        part, scores = scored(*[(np.eye(classes)[codes], outputs)] * 3)
    assert part.task == ("binary" if classes == 2 else "multiclass")
    assert scores["accuracy"] == pytest.approx(
        metrics.accuracy_score(codes.ravel(), outputs.argmax(-1).ravel())
    )
    assert part._current("train").content.total == 3 * codes.size
    assert not said(caplog)


def test_what_was_taken_for_masks_may_turn_out_to_be_quantities():
    part = Scores()
    targets = RANDOM.normal(size=(4, 6, 8))
    part.add_steps("train", [part.encode(np.zeros((4, 6, 8)), targets)])
    part.add_steps("train", [part.encode(targets, targets + 0.5)])
    assert part.task == "regression"
    assert part.current("train")["mean_absolute_error"] == pytest.approx(0.5)


def test_binary_labels_that_are_left_out_by_custom_are_left_out_of_the_first_step_too(caplog):
    true = np.array([0, 1, -100, 1])
    with caplog.at_level(logging.WARNING, "traingauge"):
        part, scores = scored((true, np.array([0.2, 0.7, 0.9, 0.4])))
    assert (part.task, scores["accuracy"]) == ("binary", pytest.approx(2 / 3))
    (message,) = said(caplog)
    assert "ignore_index=-100" in message
