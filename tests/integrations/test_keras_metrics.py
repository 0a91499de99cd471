"""The confusion matrix as a metric of a Keras model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tests.integrations.watched import dense, frozen
from traingauge.errors import InvalidArgumentError
from traingauge.integrations.keras_metrics import ConfusionMatrix

pytestmark = pytest.mark.keras

NAMES = ("accuracy", "precision", "recall", "f1")


def expected(true, predicted, average="macro"):
    options = {"average": average, "zero_division": np.nan}
    scores = (metrics.precision_score, metrics.recall_score, metrics.f1_score)
    return [metrics.accuracy_score(true, predicted), *(score(true, predicted, **options) for score in scores)]


def test_keras_logs_the_scores_of_the_epoch(digits):
    x, y = digits
    model = dense(16, 10, inputs=64, last="softmax")
    matrix = ConfusionMatrix(10)
    model.compile(frozen(), "sparse_categorical_crossentropy", metrics=[matrix])
    logs = model.fit(x, y, verbose=0, validation_data=(x[:500], y[:500])).history
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    assert [logs[name][0] for name in NAMES] == pytest.approx(expected(y, predicted))
    assert [logs["val_" + name][0] for name in NAMES] == pytest.approx(expected(y[:500], predicted[:500]))
    np.testing.assert_array_equal(matrix.counts.confusion, metrics.confusion_matrix(y[:500], predicted[:500]))


@pytest.mark.parametrize(
    ("arguments", "last", "labels"),
    [
        ({"classes": 2}, "sigmoid", lambda y: y[:, None] % 2),
        ({"classes": 2, "from_logits": True}, None, lambda y: y[:, None] % 2),
        ({"classes": 2, "threshold": 0.6}, "softmax", lambda y: y % 2),
        ({"classes": 2, "task": "multilabel"}, "sigmoid", lambda y: np.stack([y > 4, y % 2], axis=1)),
        ({"classes": 30}, "softmax", lambda y: y * 3),
    ],
)
def test_a_saved_model_keeps_it_and_counts_the_same(digits, tmp_path, arguments, last, labels):
    x, y = digits[0], labels(digits[1]).astype("int32")
    matrix = ConfusionMatrix(**arguments)
    model = dense(16, arguments["classes"] if last == "softmax" else y.shape[1], inputs=64, last=last)
    loss = (
        "sparse_categorical_crossentropy"
        if last == "softmax"
        else keras.losses.BinaryCrossentropy(last is None)
    )
    model.compile("sgd", loss, metrics=[matrix])
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, verbose=0, return_dict=True) == pytest.approx(scores, rel=1e-6, nan_ok=True)
    assert scores["accuracy"] == pytest.approx(matrix.counts.correct / matrix.counts.total)


@settings(max_examples=60, deadline=None)
@given(
    codes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
    parts=st.integers(1, 4),
    data=st.data(),
)
def test_any_batches_add_up_to_what_scikit_learn_has_on_all_of_them(codes, parts, data):
    true, predicted = np.array(codes).T
    weight = np.array(data.draw(st.lists(st.floats(0, 4, width=16), min_size=len(true), max_size=len(true))))
    weight[0] += 1  # scikit-learn takes no weights of 0 alone
    matrix = ConfusionMatrix(4)
    for part in np.array_split(np.arange(len(true)), parts):
        if len(part):
            matrix.update_state(true[part], np.eye(4)[predicted[part]], weight[part])
    cells = metrics.confusion_matrix(true, predicted, labels=range(4), sample_weight=weight)
    np.testing.assert_allclose(matrix.counts.confusion, cells, atol=1e-12)
    recalls = np.full(4, np.nan)
    np.divide(cells.diagonal(), cells.sum(axis=1), out=recalls, where=cells.sum(axis=1) > 0)
    mean = np.nan if np.isnan(recalls).all() else np.nanmean(recalls)
    assert float(matrix.result()["recall"]) == pytest.approx(mean, nan_ok=True)


def test_ignored_and_out_of_range_labels_do_not_count():
    matrix = ConfusionMatrix(3, ignore_class=0)
    matrix.update_state([0, 1, 2, 3, -1], np.eye(3)[[0, 1, 1, 2, 2]])
    assert matrix.counts.total == 2
    assert float(matrix.result()["accuracy"]) == 0.5


def test_nothing_counted_is_undefined():
    assert all(np.isnan(float(value)) for value in ConfusionMatrix(3).result().values())


WRONG = [{"classes": 1}, {"classes": 3, "task": "binary"}, {"classes": 4, "task": "regression"}]


@pytest.mark.parametrize("arguments", WRONG)
def test_classes_that_do_not_fit_the_task_are_refused(arguments):
    with pytest.raises(InvalidArgumentError, match="task="):
        ConfusionMatrix(**arguments)


def test_shapes_that_do_not_go_together_are_refused():
    with pytest.raises(InvalidArgumentError, match="outputs for 3 classes"):
        ConfusionMatrix(3).update_state([0, 1], np.eye(4)[[0, 1]])
    with pytest.raises(InvalidArgumentError, match="weights have shape"):
        ConfusionMatrix(3).update_state([0, 1], np.eye(3)[[0, 1]], [[1.0, 2.0], [1.0, 2.0]])
