"""Everything ``fit`` can be given, and everything it is used beside."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from tests.integrations.keras.watched import KerasSession, dense, evaluate, fit
from traingauge import ModelMonitor
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.integrations.keras import MonitorCallback
from traingauge.stats.streaming.not_given import is_given, not_given

pytestmark = pytest.mark.keras

BATCH = 64
CROSS_ENTROPY = "sparse_categorical_crossentropy"


def classifier(optimizer="adam", **options):
    model = dense(16, 10, inputs=64, last="softmax")
    model.compile(optimizer, CROSS_ENTROPY, **options)
    return model


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y) -> None:
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return (len(self.x) + BATCH - 1) // BATCH

    def __getitem__(self, index):
        part = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[part], self.y[part]


def endless(x, y):
    while True:
        for start in range(0, len(x), BATCH):
            yield x[start : start + BATCH], y[start : start + BATCH]


def unknown_length(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).filter(lambda x, y: True)


@pytest.fixture(scope="module")
def of_arrays(digits):
    """Losses of two epochs over arrays, with which every other form of the same data must agree."""
    session = KerasSession()
    fit(classifier("sgd"), *digits, session=session, batch_size=BATCH, epochs=2)
    return session.losses


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # how Keras finds out where a dataset ends
@pytest.mark.parametrize(
    ("data", "options"),
    [
        pytest.param(
            lambda x, y: (tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH),), {}, id="dataset"
        ),
        pytest.param(lambda x, y: (unknown_length(x, y),), {}, id="dataset of unknown length"),
        pytest.param(lambda x, y: (endless(x, y),), {"steps_per_epoch": 29}, id="generator"),
        pytest.param(lambda x, y: (Batches(x, y),), {}, id="PyDataset"),
    ],
)
def test_it_does_not_matter_in_what_form_the_data_come(digits, of_arrays, data, options):
    session = KerasSession()
    fit(classifier("sgd"), *data(*digits), session=session, epochs=2, **options)
    np.testing.assert_allclose(session.losses, of_arrays, rtol=1e-5)
    published = session.published()
    assert published["steps_total", "train"] == 58
    assert published["steps_planned",] == 58
    assert published["epochs_total", "train"] == 2
    assert not session.errors


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_where_the_data_end_unforeseen_no_step_is_counted_that_had_none(digits):
    data = unknown_length(digits[0][: 2 * BATCH], digits[1][: 2 * BATCH])
    session = KerasSession()
    fit(classifier(), data, session=session, epochs=20, validation_data=data)
    assert session.published()["steps_total", "train"] == len(session.losses) == 40
    assert session.losses.min() > 0
    assert session.published()["steps_total", "validation"] == 40


def test_the_last_part_of_the_data_validates(digits):
    x, y = digits
    model, session = classifier(), KerasSession()
    history = fit(model, x, y, session=session, validation_split=0.2, epochs=2).history
    held_out = len(x) - int(len(x) * 0.8)
    published = session.published()
    assert published["samples_total", "validation"] == 2 * held_out
    assert published["loss", "validation"] == pytest.approx(history["val_loss"][-1], rel=1e-5)
    predicted = model.predict(x[-held_out:], verbose=0).argmax(axis=1)
    assert published["accuracy", "validation"] == metrics.accuracy_score(y[-held_out:], predicted)
    assert session.reader.history()["val_loss"] == pytest.approx(history["val_loss"], rel=1e-5)


def test_every_batch_of_a_pass_is_counted_once_whatever_an_execution_is(digits):
    session = KerasSession()
    evaluate(classifier(steps_per_execution=5), *digits, session=session, batch_size=BATCH)
    assert session.published()["steps_total", "test"] == 29
    assert session.published()["samples_total", "test"] == 1797


def test_the_callback_says_where_an_evaluation_belongs(digits):
    model, session = classifier(), KerasSession()
    loss = evaluate(model, *digits, session=session, split="validation")
    assert session.published()["loss", "validation"] == pytest.approx(loss, rel=1e-5)
    assert ("loss", "test") not in session.published()


def test_a_second_fit_continues_without_tracing_again(digits):
    x, y = digits[0][: 4 * BATCH], digits[1][: 4 * BATCH]
    traced = []

    class Traced(keras.layers.Layer):
        def call(self, inputs):
            traced.append(1)
            return inputs

    model = keras.Sequential([keras.Input((64,)), Traced(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", CROSS_ENTROPY)
    session = KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH, epochs=2, validation_data=(x, y))
    before = len(traced)
    fit(model, x, y, session=session, batch_size=BATCH, epochs=5, initial_epoch=2, validation_data=(x, y))
    assert len(traced) == before
    published = session.published()
    assert published["steps_total", "train"] == 5 * 4
    assert published["epochs_total", "train"] == 5
    assert published["steps_planned",] == 5 * 4
    assert published["epochs_total", "validation"] == 5


def test_steps_without_the_callback_are_not_recorded(digits):
    x, y = digits[0][: 2 * BATCH], digits[1][: 2 * BATCH]
    model, session = classifier(), KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH)
    model.train_on_batch(x, y)
    model.fit(x, y, verbose=0)
    fit(model, x, y, session=session, batch_size=BATCH)
    assert session.published()["steps_total", "train"] == 4
    assert len(session.losses) == 4


def test_training_that_stops_early_is_planned_no_further(digits):
    model, session = classifier(), KerasSession()
    stop = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=10.0, restore_best_weights=True)
    fit(model, *digits, session=session, callbacks=[stop], batch_size=BATCH, epochs=9, validation_split=0.2)
    published = session.published()
    assert published["epochs_total", "train"] == 2
    assert published["steps_planned",] == published["steps_total", "train"] == 2 * 23


def test_a_model_saved_while_it_is_watched_loads_and_predicts_the_same(digits, tmp_path):
    x, y = digits
    model, session = classifier(), KerasSession()
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    fit(model, x, y, session=session, callbacks=[checkpoint], epochs=2)
    loaded = keras.models.load_model(tmp_path / "2.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert not {"train_step", "test_step", "compute_loss"} & set(loaded.__dict__)
    again = KerasSession()
    fit(loaded, x, y, session=again)
    assert len(again.losses) == -(-len(x) // 32)


def test_a_model_may_be_compiled_again_between_fits(digits):
    x, y = digits
    model, session = classifier(), KerasSession()
    fit(model, x, y, session=session, batch_size=BATCH)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(label_smoothing=0.1), steps_per_execution=1100)
    history = fit(model, x, np.eye(10)[y], session=session, batch_size=1, epochs=1).history
    assert session.published()["steps_total", "train"] == 29 + 1797
    assert session.losses[29:].mean() == pytest.approx(history["loss"][0], rel=1e-4)
    assert session.scores.task == "multiclass"
    assert not session.errors


def test_two_monitors_watch_one_model_and_leave_it_as_it_was_in_any_order(digits):
    for order in ((0, 1), (1, 0)):
        model, sessions = classifier(), (KerasSession(), KerasSession())
        for session in sessions:
            fit(model, *digits, session=session, batch_size=BATCH)
        assert [len(session.losses) for session in sessions] == [29, 29]
        for index in order:
            sessions[index].end("finished")
        assert not {"train_step", "test_step", "compute_loss"} & set(model.__dict__)


def test_two_monitors_of_one_fit_record_the_same(digits):
    from traingauge.integrations.keras.callback import MonitorCallback

    one, two = KerasSession(), KerasSession()
    fit(classifier(), *digits, session=one, callbacks=[MonitorCallback(two)], batch_size=BATCH)
    np.testing.assert_array_equal(one.losses, two.losses)
    assert len(one.losses) == 29


class ByItself(keras.Model):
    """Takes its steps without Keras' help."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(10)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, self(x, training=True)))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"own_loss": loss}


def test_steps_without_a_known_loss_are_counted_and_logged_once(digits, caplog):
    model, session = ByItself(), KerasSession()
    model.compile("adam")
    fit(model, *digits, session=session, batch_size=BATCH, epochs=2)
    published = session.published()
    assert published["steps_total", "train"] == 58
    assert published["samples_total", "train"] == 2 * 1797
    assert ("loss", "train") not in published
    assert ("nonfinite_total", "train", "loss") not in published or not published[
        "nonfinite_total", "train", "loss"
    ]
    assert sum("never calls compute_loss" in message for message in caplog.messages) == 1
    assert not session.errors


class Logging(ByItself):
    """Returns logs of every kind."""

    def train_step(self, data):
        loss = super().train_step(data)["own_loss"]
        parts = {"critic": -loss, "step": 3}
        return {"own_loss": loss, "loss": loss * 2, "parts": parts, "image": tf.zeros((2, 2)), "half": 0.5}


@pytest.mark.parametrize(
    "options", [{}, {"steps_per_execution": 4}, {"run_eagerly": True}, {"jit_compile": True}]
)
def test_of_steps_without_a_known_loss_the_numbers_of_their_logs_are_published(digits, options):
    x, y = digits[0][: 7 * BATCH], digits[1][: 7 * BATCH]
    model, session = Logging(), KerasSession()
    model.compile(keras.optimizers.SGD(0.1), **options)
    fit(model, x, y, session=session, batch_size=BATCH)
    own = session.scalar("own_loss")
    assert len(own) == 7
    assert own[0] == pytest.approx(np.log(10), abs=1.0)
    assert len(np.unique(own)) == 7
    np.testing.assert_allclose(session.scalar("logged_loss"), own * 2, rtol=1e-6)
    np.testing.assert_allclose(session.scalar("critic"), -own, rtol=1e-6)
    published = session.published()
    assert published["scalar", "own_loss", "train"] == own[-1]
    assert {name for metric, name, *_ in [key for key in published if key[0] == "scalar"]} == {
        *("own_loss", "logged_loss", "critic", "logged_step", "half")
    }
    assert ("loss", "train") not in published
    assert not session.errors


def test_a_number_that_only_some_steps_log_is_missing_from_the_others(digits):
    class Sometimes(ByItself):
        def train_step(self, data):
            logs = super().train_step(data)
            return logs if data[0].shape[0] == BATCH else {**logs, "short": 1.0}

    x, y = digits[0][: 2 * BATCH + 5], digits[1][: 2 * BATCH + 5]
    model, session = Sometimes(), KerasSession()
    model.compile("sgd", run_eagerly=True)
    fit(model, x, y, session=session, batch_size=BATCH, epochs=2)
    found = [steps.scalars.get("short", not_given(len(steps.at))) for steps in session.steps]
    assert is_given(np.concatenate(found)).tolist() == [False, False, True] * 2
    assert not session.errors


def test_a_train_step_of_ones_own_that_calls_compute_loss_has_loss_and_scores(digits):
    class Own(ByItself):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"own_loss": loss}

    model, session = Own(), KerasSession()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, *digits, session=session, batch_size=BATCH)
    assert len(session.losses) == 29
    assert ("accuracy", "train") in session.published()


def test_a_model_whose_only_loss_is_its_own_has_a_loss_and_no_scores(digits):
    keras.utils.set_random_seed(0)  # the mean of batches is close to that of samples, and not the same

    class Sparse(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(keras.ops.mean(inputs**2))
            return inputs

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(4), Sparse()])
    model.compile("sgd")
    session = KerasSession()
    history = fit(model, digits[0], session=session).history
    assert session.losses.mean() == pytest.approx(history["loss"][0], rel=1e-2)
    assert ("accuracy", "train") not in session.published()
    assert not session.errors


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_several_inputs(digits, kind):
    x, y = digits
    left, right = keras.Input((32,), name="left"), keras.Input((32,), name="right")
    joined = keras.layers.Dense(10, "softmax")(keras.layers.Concatenate()([left, right]))
    halves = {"left": x[:, :32], "right": x[:, 32:]}
    model = keras.Model({"left": left, "right": right} if kind == "dict" else [left, right], joined)
    model.compile("adam", CROSS_ENTROPY)
    session = KerasSession()
    fit(model, halves if kind == "dict" else list(halves.values()), y, session=session, batch_size=BATCH)
    assert session.published()["samples_total", "train"] == 1797
    assert ("accuracy", "train") in session.published()


# The facade


def test_a_wrapped_model_has_a_history_of_what_was_published(digits):
    (x, y), model = digits, classifier()
    with ModelMonitor(model, delivery=[]) as monitor:
        history = monitor.fit(
            x[:1000], y[:1000], BATCH, 2, validation_data=(x[1000:1400], y[1000:1400]), verbose=0,
            test_data=(x[1400:], y[1400:]),
        )  # fmt: skip
        assert history == monitor.history
        for prefix, entries in (("", 2), ("val_", 2), ("test_", 1)):
            for name in ("loss", "accuracy", "precision", "recall", "f1"):
                assert len(history[prefix + name]) == entries
        predicted = model.predict(x[1400:], verbose=0).argmax(axis=1)
        assert history["test_accuracy"] == [metrics.accuracy_score(y[1400:], predicted)]


@pytest.mark.parametrize(
    "given", [lambda one: one, lambda one: [one], lambda one: keras.callbacks.CallbackList([one])]
)
def test_callbacks_of_ones_own_are_called_however_they_are_given(digits, given):
    seen = []
    own = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    with ModelMonitor(classifier(), delivery=[]) as monitor:
        monitor.fit(*digits, batch_size=600, verbose=0, callbacks=given(own))
        assert monitor.history["loss"]
    assert seen == [0]


def test_a_fit_that_passes_everything_on_is_recorded(digits):
    class Model(keras.Sequential):
        def fit(self, *args, **kwargs):
            return super().fit(*args, **kwargs)

    model = Model([keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with ModelMonitor(model, delivery=[]) as monitor:
        assert len(monitor.fit(*digits, batch_size=600, epochs=2, verbose=0)["loss"]) == 2


def test_test_data_that_do_not_fit_are_refused_before_training(digits):
    with ModelMonitor(classifier(), delivery=[]) as monitor:
        with pytest.raises(InvalidArgumentError, match="tuple of 1"):
            monitor.fit(*digits, test_data=(digits[0],), verbose=0)
        assert monitor.history == {}


def test_an_unknown_split_is_refused():
    with ModelMonitor("m", delivery=[]) as monitor, pytest.raises(UnknownNameError, match="'valid'"):
        MonitorCallback(monitor, "valid")


def test_a_monitor_without_a_model_cannot_fit(digits):
    with ModelMonitor("m", delivery=[]) as monitor, pytest.raises(InvalidTypeError, match="no model"):
        monitor.fit(*digits)
