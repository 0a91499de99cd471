"""Scores of probabilities, reduced in the graph, are those of any loop with the same probabilities, and scikit-learn's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit, frozen
from traingauge.core.collectors.scores import Scores
from traingauge.options import Scoring
from traingauge.stats.classification.probabilities import SCORES_KEPT

pytestmark = pytest.mark.keras

BATCH = 100
BINARY, SPARSE = keras.losses.BinaryCrossentropy, keras.losses.SparseCategoricalCrossentropy
SUMS = {"log_loss", "brier_score", "calibration_error"}
RANKS = {"roc_auc", "average_precision"}

#: Data, outputs, their activation, loss, and whether outputs are logits.
FORMS = {
    "softmax": ("digits", 10, "softmax", "sparse_categorical_crossentropy", False),
    "logits": ("digits", 10, None, SPARSE(from_logits=True), True),
    "sigmoid": ("tumours", 1, "sigmoid", "binary_crossentropy", False),
    "one logit": ("tumours", 1, None, BINARY(from_logits=True), True),
    "two classes": ("tumours", 2, "softmax", "sparse_categorical_crossentropy", False),
    "two logits": ("tumours", 2, None, SPARSE(from_logits=True), True),
}


def by_hand(logits, task, y, outputs, weight=None):
    """The same samples the way of any loop."""
    part = Scores(Scoring(task=task, from_logits=logits))
    part.add_pass("test", [part.encode(y, outputs, weight)])
    return part


def scores(session, split):
    """Of a split, by name."""
    session.reader.families()
    return session.scores.current(split)


def assert_same(session, split, part, *, without=frozenset()):
    """What is published of a split equals what was encoded by hand, as far as rounding of float32 goes."""
    found, expected = scores(session, split), part.current("test")
    assert set(found) == set(expected) - without
    for name, value in found.items():
        near = 1e-4 if name in RANKS else 2e-6  # rounding may tie or part two scores
        assert value == pytest.approx(expected[name], abs=near, nan_ok=True), (name, split)


def watched(name, request, **options):
    """A model that does not learn, the data, and its outputs."""
    data, units, last, loss, logits = FORMS[name]
    x, y = (each[: 5 * BATCH] for each in request.getfixturevalue(data))
    model = dense(16, units, inputs=x.shape[1], last=last)
    model.compile(frozen(), loss, **options)
    task = "multiclass" if units > 2 else "binary"
    return model, x, y, model.predict(x, verbose=0), (logits, task)


@pytest.mark.parametrize("name", FORMS)
def test_scores_of_probabilities_are_those_of_any_loop(name, request):
    model, x, y, outputs, form = watched(name, request)
    session = KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH, validation_data=(x[BATCH:], y[BATCH:]))
    weight = np.random.default_rng(0).uniform(0, 3, len(x)).astype("float32")
    evaluate(model, x, y, session=session, batch_size=BATCH, sample_weight=weight)
    assert_same(session, "train", by_hand(*form, y, outputs), without=RANKS)
    assert_same(session, "validation", by_hand(*form, y[BATCH:], outputs[BATCH:]))
    assert_same(session, "test", by_hand(*form, y, outputs, weight))
    assert not session.errors


@pytest.mark.parametrize(
    "options", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 3}], ids=str
)
@pytest.mark.parametrize("name", ["softmax", "one logit"])
def test_they_are_the_same_however_keras_runs_the_graph(name, options, request):
    model, x, y, outputs, form = watched(name, request, **options)
    session = KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH, validation_data=(x, y), epochs=2)
    assert_same(session, "train", by_hand(*form, np.tile(y, 2), np.tile(outputs, (2, 1))), without=RANKS)
    assert_same(session, "validation", by_hand(*form, y, outputs))
    assert not session.errors


def test_they_equal_scikit_learns_of_a_model_that_learns(tumours):
    x, y = tumours
    model, session = dense(16, 1, inputs=30, last="sigmoid"), KerasSession()
    model.compile("adam", "binary_crossentropy")
    fit(model, x[:400], y[:400], session=session, validation_data=(x[400:], y[400:]), epochs=3)
    true, probability = y[400:], model.predict(x[400:], verbose=0)[:, 0].astype(np.float64)
    found = scores(session, "validation")
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, probability), abs=1e-12)
    precision = metrics.average_precision_score(true, probability)
    assert found["average_precision"] == pytest.approx(precision, abs=1e-12)
    assert session.published()["score_error_bound", "roc_auc", "validation"] == 0
    assert found["log_loss"] == pytest.approx(metrics.log_loss(true, probability), rel=1e-5)
    assert found["brier_score"] == pytest.approx(metrics.brier_score_loss(true, probability), rel=1e-5)
    assert session.published()["log_loss", "train"] > found["log_loss"]


def test_several_labels_a_sample_are_several_events(digits):
    x, codes = (each[:500] for each in digits)
    labels = np.stack([codes % 2 == 0, codes > 4, codes % 3 == 0], axis=1).astype("int32")
    model, session = dense(16, 3, inputs=64, last="sigmoid"), KerasSession()
    model.compile(frozen(), "binary_crossentropy")
    evaluate(model, x, labels, session=session)
    part = by_hand(False, "multilabel", labels, model.predict(x, verbose=0))
    assert_same(session, "test", part)


@pytest.mark.parametrize(("classes", "known"), [(30, SUMS | {"top_k_accuracy"}), (150, {"top_k_accuracy"})])
def test_of_many_classes_less_is_known_as_in_any_loop(digits, classes, known):
    x, codes = digits
    codes = (codes * classes // 10 + np.arange(len(codes)) % (classes // 10)).astype("int32")
    model, session = dense(classes, inputs=64, last="softmax"), KerasSession(window=1000)
    model.compile(frozen(), "sparse_categorical_crossentropy")
    fit(model, x, codes, session=session, batch_size=BATCH, validation_data=(x, codes))
    part = by_hand(False, "multiclass", codes, model.predict(x, verbose=0))
    for split in ("train", "validation"):
        assert_same(session, split, part)
        assert scores(session, split).keys() & (SUMS | RANKS | {"top_k_accuracy"}) == known


def test_what_is_not_finite_or_ignored_does_not_count(digits):
    x, codes = (each[:500].copy() for each in digits)
    x[::50] = np.nan
    model = dense(16, 10, inputs=64, activation="tanh", last="softmax")  # a ReLU may make 0 of NaN
    session = KerasSession(ignore_index=3)
    model.compile(frozen(), "sparse_categorical_crossentropy")
    evaluate(model, x, codes, session=session)
    outputs, counted = model.predict(x, verbose=0), np.isfinite(x).all(axis=1) & (codes != 3)
    assert_same(session, "test", by_hand(False, "multiclass", codes[counted], outputs[counted]))
    assert session.published()["nonfinite_total", "test", "prediction"] == 10


def test_masked_steps_of_a_sequence_do_not_count(digits):
    images, codes = digits[0].reshape(-1, 8, 8)[:300].copy(), digits[1][:300]
    images[:, 5:] = 0
    labels = np.repeat(codes[:, None], 8, axis=1)
    layers = [keras.layers.Masking(), keras.layers.Dense(10, "softmax")]
    model, session = keras.Sequential([keras.Input((8, 8)), *layers]), KerasSession()
    model.compile(frozen(), "sparse_categorical_crossentropy")
    evaluate(model, images, labels, session=session)
    outputs, real = model.predict(images, verbose=0), (images != 0).any(axis=2)
    assert_same(session, "test", by_hand(False, "multiclass", labels[real], outputs[real]))


def test_classes_that_are_masked_out_by_minus_infinity_are_as_improbable_as_that(digits):
    x, codes = (each[:500] for each in digits)
    mask = np.where(np.arange(10) == 3, -np.inf, 0).astype("float32")
    layers = [keras.layers.Dense(10), keras.layers.Lambda(lambda logits: logits + mask)]
    keras.utils.set_random_seed(7)
    model, session = keras.Sequential([keras.Input((64,)), *layers]), KerasSession()
    model.compile(frozen(), SPARSE(from_logits=True))
    others = codes != 3
    evaluate(model, x[others], codes[others], session=session)
    shares = special.softmax(model.predict(x[others], verbose=0).astype(np.float64), axis=1)
    expected = metrics.log_loss(codes[others], shares, labels=range(10))
    assert scores(session, "test")["log_loss"] == pytest.approx(expected, rel=1e-5)


def test_outputs_that_are_no_probabilities_leave_these_scores_undefined(digits):
    """The loss of one's own does not say that the outputs are logits; with ``from_logits`` the user does."""
    x, codes = (each[:500] for each in digits)

    def own(y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

    model = dense(16, 10, inputs=64)
    model.compile(frozen(), own)
    silent, told = KerasSession(), KerasSession(from_logits=True)
    evaluate(model, x, codes, session=silent)
    evaluate(model, x, codes, session=told)
    unknown = scores(silent, "test")
    assert all(np.isnan(unknown[name]) for name in SUMS | RANKS)
    part = by_hand(True, "multiclass", codes, model.predict(x, verbose=0))
    assert_same(told, "test", part)
    assert unknown["accuracy"] == part.current("test")["accuracy"]


def test_a_hinge_loss_has_no_probabilities(tumours):
    x, codes = tumours
    model, session = dense(8, 1, inputs=30, last="tanh"), KerasSession()
    model.compile(frozen(), "hinge")
    evaluate(model, x, codes * 2 - 1, session=session)
    assert not scores(session, "test").keys() & (SUMS | RANKS)


@pytest.mark.parametrize("kept", [SCORES_KEPT, 64])
def test_a_pass_is_ranked_by_its_own_samples_whether_they_are_kept_or_binned(kept, tumours, monkeypatch):
    monkeypatch.setattr("traingauge.integrations.keras.scores.probabilities.SCORES_KEPT", kept)
    x, codes = tumours
    model, session = dense(8, 1, inputs=30, last="sigmoid"), KerasSession()
    model.compile(frozen(), "binary_crossentropy")
    for part in (slice(None), slice(100, 300)):
        evaluate(model, x[part], codes[part], session=session)
    found, published = scores(session, "test"), session.published()
    area = metrics.roc_auc_score(codes[100:300], model.predict(x[100:300], verbose=0))
    bound = published["score_error_bound", "roc_auc", "test"]
    assert (bound == 0) == (kept == SCORES_KEPT)
    assert abs(found["roc_auc"] - area) <= bound + 1e-12
