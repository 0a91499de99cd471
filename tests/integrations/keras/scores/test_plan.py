"""What a model does is told by its loss and the shapes of labels and outputs."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from traingauge.core.task_hints import TaskHints
from traingauge.errors import InvalidArgumentError
from traingauge.integrations.keras.scores.plan import (
    SCORED_OUTPUTS,
    ScoringPlan,
    UnclearError,
    comparable,
    find_plan,
)

pytestmark = pytest.mark.keras

CCE = "categorical_crossentropy"


def of(*shape, kind="float32"):
    return np.zeros(shape, kind)


def plan(loss, y, y_pred, **told):
    return find_plan(loss, y, y_pred, TaskHints(**told))


@pytest.mark.parametrize(
    ("loss", "y", "y_pred", "task", "columns"),
    [
        ("mse", of(8), of(8, 1), "regression", 1),
        (keras.losses.Huber(), of(8, 3), of(8, 3), "regression", 3),
        ("mae", of(8, 5, 2), of(8, 5, 2), "regression", 2),
        ("bce", of(8), of(8, 1), "binary", 1),
        ("bce", of(8), of(8), "binary", 1),
        ("bce", of(8, 4), of(8, 4), "multilabel", 4),
        ("hinge", of(8), of(8, 1), "binary", 1),
        (CCE, of(8, 3), of(8, 3), "multiclass", 3),
        (CCE, of(8, 2), of(8, 2), "binary", 2),
        ("sparse_categorical_crossentropy", of(8, 5), of(8, 5, 7), "multiclass", 7),
        (keras.losses.CategoricalFocalCrossentropy(), of(8, 3), of(8, 3), "multiclass", 3),
        ("crossentropy", of(8), of(8, 1), "binary", 1),
        ("crossentropy", of(8), of(8, 5), "multiclass", 5),
        (["mse"], of(8), of(8, 1), "regression", 1),
        ({"out": keras.losses.BinaryCrossentropy()}, of(8), of(8, 1), "binary", 1),
        (lambda y, p: p, of(8, kind="int32"), of(8, 5), "multiclass", 5),
        (lambda y, p: p, of(8, 1, kind="uint8"), of(8, 2), "binary", 2),
        (None, of(8, kind="int64"), of(8, 3), "multiclass", 3),
    ],
)
def test_the_loss_and_the_shapes_tell_the_task(loss, y, y_pred, task, columns):
    found = plan(loss, y, y_pred)
    assert (found.task, found.columns) == (task, columns)
    assert comparable(found, y, y_pred)


@pytest.mark.parametrize(
    ("loss", "y", "y_pred"),
    [
        (lambda y, p: p, of(8), of(8, 1)),
        (lambda y, p: p, of(8, 3), of(8, 3)),
        (["mse", "bce"], [of(8), of(8)], [of(8, 1), of(8, 1)]),
        ("mse", of(8), {"out": of(8, 1)}),
        (CCE, of(8, SCORED_OUTPUTS + 1), of(8, SCORED_OUTPUTS + 1)),
    ],
)
def test_nothing_is_scored_where_nothing_tells(loss, y, y_pred):
    with pytest.raises(UnclearError):
        plan(loss, y, y_pred)


def test_the_user_knows_better():
    assert plan("mse", of(8), of(8, 1), task="binary").task == "binary"
    assert plan("mse", of(8, 3), of(8, 3), task="multilabel").task == "multilabel"
    assert plan("bce", of(8, 6), of(8, 6), task="binary") == ScoringPlan(
        "binary", 1, 0.5
    )  # six answers a sample


@pytest.mark.parametrize(("task", "y_pred"), [("multiclass", of(8, 1)), ("binary", of(8, 3))])
def test_a_task_that_the_outputs_do_not_fit_is_refused(task, y_pred):
    with pytest.raises(InvalidArgumentError, match=f"task='{task}'"):
        plan("mse", of(8), y_pred, task=task)


def test_the_cut_is_where_the_threshold_is():
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    assert plan("bce", of(8), of(8, 1)).cut == 0.5
    assert plan("bce", of(8), of(8, 1), threshold=0.9).cut == 0.9
    assert plan(logits, of(8), of(8, 1), threshold=0.9).cut == pytest.approx(math.log(9))
    assert plan(lambda y, p: p, of(8), of(8, 1), task="binary", from_logits=True).cut == 0.0
    assert plan("hinge", of(8), of(8, 1), threshold=0.9).cut == 0.0
    assert plan("hinge", of(8, 3), of(8, 3)) == ScoringPlan(
        "multilabel", 3, 0.0, positive=0.0, probabilities=False
    )
    assert plan(CCE, of(8, 2), of(8, 2)).cut is None
    assert plan(CCE, of(8, 2), of(8, 2), threshold=0.9).cut == 0.9


def test_labels_ignored_by_the_loss_and_by_the_user_are_ignored():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
    assert plan(loss, of(8), of(8, 3), ignore_index=2).ignored == (2, 0)


@pytest.mark.parametrize(
    ("found", "y", "y_pred"),
    [
        (ScoringPlan("multiclass", 3), of(8, 4), of(8, 3)),
        (ScoringPlan("multiclass", 3), of(8, 2, 2), of(8, 2, 3)),
        (ScoringPlan("multilabel", 3), of(8), of(8, 3)),
        (ScoringPlan("regression", 3), of(8, 1), of(8, 3)),
        (ScoringPlan("binary", 1, 0.5), of(8, 5), of(8, 1)),
    ],
)
def test_shapes_that_a_loss_would_broadcast_are_not_scored(found, y, y_pred):
    assert not comparable(found, y, y_pred)
