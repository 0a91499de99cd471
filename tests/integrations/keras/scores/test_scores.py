"""Published scores equal scikit-learn's on the same samples, whatever form labels and outputs have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import keras
import numpy as np
import pytest
from sklearn import metrics

from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit, frozen

pytestmark = pytest.mark.keras

BATCH = 100
BINARY, SPARSE = keras.losses.BinaryCrossentropy, keras.losses.SparseCategoricalCrossentropy


class Form(NamedTuple):
    """One form of labels and outputs.

    Attributes:
        data: Which data set.
        units: Outputs of the model.
        last: Activation of the outputs.
        loss: As for ``compile``.
        labels: From class codes to the labels that the model is given.
        decide: From outputs to predicted codes.
        told: What the user says.
    """

    data: str
    units: int
    last: str | None
    loss: object
    labels: object = lambda codes: codes
    decide: object = lambda outputs: outputs.argmax(axis=-1)
    told: Mapping = MappingProxyType({})


def one_hot(classes):
    return lambda codes: np.eye(classes, dtype="float32")[codes]


def above(cut):
    return lambda outputs: (outputs[:, 0] > cut).astype(int)


def custom_loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


LOG_ODDS = np.float32(np.log(0.6 / 0.4))
FORMS = {
    "integer labels": Form("digits", 10, "softmax", "sparse_categorical_crossentropy"),
    "integer labels in a column of floats": Form(
        "digits",
        10,
        "softmax",
        "sparse_categorical_crossentropy",
        lambda codes: codes[:, None].astype("float32"),
    ),
    "one-hot labels": Form("digits", 10, "softmax", "categorical_crossentropy", one_hot(10)),
    "one-hot labels, logits": Form(
        "digits", 10, None, keras.losses.CategoricalCrossentropy(from_logits=True), one_hot(10)
    ),
    "soft labels": Form(
        "digits", 10, "softmax", "categorical_crossentropy", lambda codes: one_hot(10)(codes) * 0.8 + 0.02
    ),
    "a loss of one's own": Form("digits", 10, "softmax", custom_loss),
    "a loss chosen by Keras": Form("digits", 10, "softmax", "crossentropy"),
    "sigmoid": Form("tumours", 1, "sigmoid", "binary_crossentropy", decide=above(0.5)),
    "one logit": Form("tumours", 1, None, BINARY(from_logits=True), decide=above(0.0)),
    "smoothed labels": Form(
        "tumours", 1, "sigmoid", "bce", lambda codes: codes.astype("float32") * 0.9 + 0.05, above(0.5)
    ),
    "hinge": Form("tumours", 1, "tanh", "hinge", lambda codes: codes.astype("float32") * 2 - 1, above(0.0)),
    "two classes": Form("tumours", 2, "softmax", "sparse_categorical_crossentropy"),
    "two classes, one-hot": Form("tumours", 2, "softmax", "categorical_crossentropy", one_hot(2)),
    "sigmoid with a threshold": Form(
        "tumours", 1, "sigmoid", "binary_crossentropy", decide=above(0.6), told={"decision_threshold": 0.6}
    ),
    "one logit with a threshold": Form(
        "tumours", 1, None, BINARY(from_logits=True), decide=above(LOG_ODDS), told={"decision_threshold": 0.6}
    ),
    "two classes with a threshold": Form(
        "tumours",
        2,
        "softmax",
        "sparse_categorical_crossentropy",
        decide=lambda outputs: (outputs[:, 1] > 0.6).astype(int),
        told={"decision_threshold": 0.6},
    ),
    "two logits with a threshold": Form(
        "tumours",
        2,
        None,
        SPARSE(from_logits=True),
        decide=lambda outputs: (outputs[:, 1] - outputs[:, 0] > LOG_ODDS).astype(int),
        told={"decision_threshold": 0.6},
    ),
}


def expected(true, predicted, weight=None, average="macro"):
    """Scores by name, those that are undefined for a class left out of the mean."""
    options = {"sample_weight": weight, "average": average, "zero_division": np.nan}
    if average == "macro" and true.ndim == 1:
        options["labels"] = range(int(max(true.max(), predicted.max())) + 1)
    return {
        "accuracy": metrics.accuracy_score(true, predicted, sample_weight=weight),
        "precision": metrics.precision_score(true, predicted, **options),
        "recall": metrics.recall_score(true, predicted, **options),
        "f1": metrics.f1_score(true, predicted, **options),
    }


def assert_published(session, split, scores):
    published = session.published()
    for name, score in scores.items():
        assert published[name, split] == pytest.approx(score, abs=1e-12), (name, split)


def assert_all_splits(session, model, data, scores):
    """Train with the last batches held out, evaluate on everything; ``data`` is (x, y, weights or None)."""
    x, y, weight = (None if each is None else each[: 5 * BATCH] for each in data)
    cut = 3 * BATCH
    held_out = (x[cut:], y[cut:]) if weight is None else (x[cut:], y[cut:], weight[cut:])
    some = None if weight is None else weight[:cut]
    fit(
        model,
        x[:cut],
        y[:cut],
        session=session,
        batch_size=BATCH,
        sample_weight=some,
        validation_data=held_out,
    )
    evaluate(model, x, y, session=session, batch_size=BATCH, sample_weight=weight)
    for split, part in (
        ("train", slice(cut)),
        ("validation", slice(cut, 5 * BATCH)),
        ("test", slice(5 * BATCH)),
    ):
        assert_published(session, split, scores(part))
    assert not session.errors


@pytest.mark.parametrize("name", FORMS)
def test_scores_equal_those_of_scikit_learn(name, request):
    form = FORMS[name]
    x, codes = request.getfixturevalue(form.data)
    model = dense(16, form.units, inputs=x.shape[1], last=form.last)
    model.compile(frozen(), form.loss)
    predicted = form.decide(model.predict(x, verbose=0))
    assert len(set(predicted)) > 1
    average = "macro" if form.data == "digits" else "binary"

    def scores(part):
        return expected(codes[part], predicted[part], average=average)

    session = KerasSession(**form.told)
    assert_all_splits(session, model, (x, form.labels(codes), None), scores)
    assert session.scores.task == ("multiclass" if form.data == "digits" else "binary")


def test_several_labels_a_sample(digits):
    x, codes = digits
    labels = np.stack([codes % 2 == 0, codes > 4, codes % 3 == 0], axis=1).astype("int32")
    model = dense(16, 3, inputs=64, last="sigmoid")
    model.compile(frozen(), "binary_crossentropy")
    predicted = (model.predict(x, verbose=0) > 0.5).astype(int)
    assert_all_splits(
        KerasSession(), model, (x, labels, None), lambda part: expected(labels[part], predicted[part])
    )


def test_sample_weights_count(digits):
    x, codes = digits
    weight = np.random.default_rng(0).uniform(0, 3, len(x)).astype("float32")
    weight[::7] = 0
    model = dense(16, 10, inputs=64, last="softmax")
    model.compile(frozen(), "sparse_categorical_crossentropy")
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    assert_all_splits(
        KerasSession(),
        model,
        (x, codes, weight),
        lambda part: expected(codes[part], predicted[part], weight[part]),
    )


def test_weights_given_in_one_evaluation_do_not_round_those_of_the_next(digits):
    x, codes = digits
    weight = np.random.default_rng(0).uniform(0, 3, len(x)).astype("float32")
    model = dense(16, 10, inputs=64, last="softmax")
    model.compile(frozen(), "sparse_categorical_crossentropy")
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    session = KerasSession()
    for given in (weight, None, weight):  # the third runs the function that was traced for the first
        evaluate(model, x, codes, session=session, sample_weight=given)
        assert_published(session, "test", expected(codes, predicted, given))


def test_class_weights_count_in_training_as_they_do_in_the_loss(tumours):
    x, codes = tumours
    model = dense(8, 1, inputs=30, last="sigmoid")
    model.compile(frozen(), "binary_crossentropy")
    predicted = (model.predict(x, verbose=0)[:, 0] > 0.5).astype(int)
    session = KerasSession()
    fit(model, x, codes, session=session, class_weight={0: 3.0, 1: 0.5}, validation_data=(x, codes))
    weight = np.where(codes == 0, 3.0, 0.5)
    assert_published(session, "train", expected(codes, predicted, weight, average="binary"))
    assert_published(session, "validation", expected(codes, predicted, average="binary"))


@pytest.fixture(scope="module")
def sequences(digits):
    """Images as sequences of up to 8 rows; the class of a row is how much ink is in it."""
    images = digits[0].reshape(-1, 8, 8).copy()
    lengths = np.random.default_rng(0).integers(1, 9, len(images))
    images[np.arange(8) >= lengths[:, None]] = 0
    return images, np.digitize(images.sum(axis=2), [1.5, 3.0]).astype("int32")


def sequence_model(units, last):
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Masking(), keras.layers.Dense(8, "relu"), keras.layers.Dense(units, last)]
    return keras.Sequential([keras.Input((8, 8)), *layers])


@pytest.mark.parametrize("weights", ["none", "a sample", "a step"])
def test_masked_steps_of_a_sequence_do_not_count(sequences, weights):
    x, codes = sequences
    real = (x != 0).any(axis=2)
    shape = {"none": None, "a sample": (len(x), 1), "a step": codes.shape}[weights]
    weight = None if shape is None else np.random.default_rng(1).uniform(0, 2, shape).astype("float32")
    model = sequence_model(3, "softmax")
    model.compile(frozen(), "sparse_categorical_crossentropy")
    predicted = model.predict(x, verbose=0).argmax(axis=2)
    each = np.ones(codes.shape) if weight is None else np.broadcast_to(weight, codes.shape)

    def scores(part):
        return expected(codes[part].ravel(), predicted[part].ravel(), (each * real)[part].ravel())

    assert_all_splits(KerasSession(), model, (x, codes, weight), scores)


def test_a_sequence_of_yes_or_no(sequences):
    x, codes = sequences
    labels, real = (codes > 1).astype("int32"), (x != 0).any(axis=2)
    model = sequence_model(1, "sigmoid")
    model.compile(frozen(), "binary_crossentropy")
    predicted = (model.predict(x, verbose=0)[..., 0] > 0.5).astype(int)

    def scores(part):
        return expected(labels[part].ravel(), predicted[part].ravel(), real[part].ravel(), average="binary")

    assert_all_splits(KerasSession(), model, (x, labels[..., None], None), scores)


@pytest.mark.parametrize("told", ["loss", "user"])
def test_ignored_labels_do_not_count(digits, told):
    x, codes = digits
    model = dense(16, 10, inputs=64, last="softmax")
    model.compile(frozen(), SPARSE(ignore_class=3 if told == "loss" else None))
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    session = KerasSession(ignore_index=3 if told == "user" else None)
    evaluate(model, x, codes, session=session)
    kept = codes != 3
    assert session.published()["accuracy", "test"] == metrics.accuracy_score(codes[kept], predicted[kept])


def test_a_thousand_classes_have_scores_and_no_confusion_matrix(digits):
    x, codes = digits
    codes = codes * 100 + np.arange(len(codes)) % 100
    model = dense(1000, inputs=64, last="softmax")
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    session = KerasSession(window=1000)
    fit(model, x, codes, session=session, batch_size=8)
    evaluate(model, x, codes, session=session)
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    assert_published(session, "test", {"accuracy": metrics.accuracy_score(codes, predicted)})
    recalls = metrics.recall_score(codes, predicted, average=None, labels=range(1000), zero_division=np.nan)
    assert_published(session, "test", {"recall": np.nanmean(recalls)})
    published = session.published()
    assert not any(key[0] == "confusion" for key in published)
    positives = sum(
        value for key, value in published.items() if key[:2] == ("class_false_negatives_total", "train")
    )
    hits = sum(
        value for key, value in published.items() if key[:2] == ("class_true_positives_total", "train")
    )
    assert positives + hits == len(x)  # no step was lost, though the ring holds fewer of them
    assert not session.errors
