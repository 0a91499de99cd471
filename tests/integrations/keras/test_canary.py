"""A canary that a real Keras model is asked while it trains."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.waiting import FOREVER
from traingauge import Canary, ModelMonitor
from traingauge.core.events import CanaryChecked, Steps
from traingauge.core.recorder import Recorder
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras


class Noisy(keras.layers.Layer):
    """Draws a random number even for inference, and adds a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = keras.random.SeedGenerator(3)

    def call(self, x):
        self.add_loss(keras.ops.mean(x) * 0.0)
        return x + 1e-9 * keras.random.normal(keras.ops.shape(x), seed=self.generator)


def digits_model(**compiled):
    keras.utils.set_random_seed(3)
    layers = [
        keras.Input((64,)),
        keras.layers.Dense(16, "relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        Noisy(),
        keras.layers.Dense(10, "softmax"),
    ]
    model = keras.Sequential(layers, name="digits")
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compiled})
    return model


def plain_model(**compiled):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, "softmax")], name="digits")
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **compiled})
    return model


def monitor():
    return ModelMonitor("digits", delivery=[])


def values(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


@pytest.fixture
def small(digits):
    """Ten batches."""
    return [part[:320] for part in digits]


@pytest.fixture
def canary(digits):
    return Canary.record("digits", lambda batch: values([plain_model()(batch)])[0], digits[0][:32])


@pytest.fixture
def asked(monkeypatch):
    """The steps of the run at which a canary was asked."""
    found, taken = [], [0]
    record = Recorder.record

    def watched(self, event):
        if isinstance(event, CanaryChecked):
            found.append(taken[0])
        elif isinstance(event, Steps):
            taken[0] += len(event.at)
        record(self, event)

    monkeypatch.setattr(Recorder, "record", watched)
    return found


@pytest.mark.parametrize("compiled", [{"steps_per_execution": 2}, {"run_eagerly": True}], ids=str)
def test_training_goes_the_same_way_with_a_canary_and_without(digits, canary, asked, compiled):
    """Weights, moving statistics, random generators, optimizer, metrics and losses are the same bit by bit."""
    found = []
    for one in (None, canary):
        model = digits_model(metrics=["accuracy"], **compiled)
        with monitor() as run:
            history = model.fit(
                *(part[:128] for part in digits),
                validation_data=[part[640:800] for part in digits],
                epochs=2,
                verbose=0,
                callbacks=[MonitorCallback(run, canary=one, canary_every=2)],
            ).history
            found.append(
                [*values(model.variables), *values(model.optimizer.variables), history, run.rows()["loss"]]
            )
            run.collector.families()
            assert not any(run.session.guard.errors.values())
    assert asked == [8, 10, 12, 14, 16]
    for alone, beside in zip(*found, strict=True):
        np.testing.assert_equal(beside, alone)


def test_a_recurrent_layer_keeps_its_state(digits):
    def recurrent():
        keras.utils.set_random_seed(1)
        layers = [keras.Input((4, 16), 32), keras.layers.LSTM(8, stateful=True), keras.layers.Dense(1)]
        model = keras.Sequential(layers, name="digits")
        model.compile("sgd", "mse")
        return model

    x, y = digits[0][:128].reshape(-1, 4, 16), digits[1][:128]
    canary = Canary.record("digits", lambda batch: values([recurrent()(batch)])[0], x[:32])
    found = []
    for one in (None, canary):
        model = recurrent()
        with monitor() as run:
            watch = MonitorCallback(run, canary=one, canary_every=2)
            model.fit(x, y, batch_size=32, shuffle=False, verbose=0, callbacks=[watch])
        found.append(values(model.variables))
    for alone, beside in zip(*found, strict=True):
        np.testing.assert_array_equal(beside, alone)


def test_a_bit_that_flips_during_fit_is_reported_at_once(small, canary, read):
    """With a learning rate of 0 nothing but the flipped bit moves the answer."""
    mismatches, distances = [], []

    class Flip(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            mismatches.append(read(run, "model_canary_mismatches"))
            distances.append(read(run, "model_canary_distance"))
            if batch == 5:
                kernel, bias = self.model.get_weights()
                bias.view(np.uint32)[5] ^= np.uint32(1 << 30)
                self.model.set_weights([kernel, bias])

    with monitor() as run:
        plain_model(optimizer=keras.optimizers.SGD(0.0)).fit(
            *small, verbose=0, callbacks=[MonitorCallback(run, canary=canary, canary_every=1), Flip()]
        )
    assert mismatches[:6] == [0] * 6
    assert max(distances[:6]) < 1e-6
    assert min(mismatches[6:]) > 0
    assert min(distances[6:]) > 0.1


@pytest.mark.parametrize(
    "case",
    [({}, 1, [0, 10, 20]), ({"canary_every": 7}, 1, [0, 7, 14]), ({"canary_every": 8}, 4, [0, 8, 14, 20])],
)
def test_it_is_checked_at_once_and_then_every_few_steps_or_at_the_end_of_each_epoch(
    small, canary, asked, case
):
    """Steps that run together count as so many, even if an epoch's last ones are fewer."""
    asking, together, expected = case
    with monitor() as run:
        watch = MonitorCallback(run, canary=canary, **asking)
        plain_model(steps_per_execution=together).fit(*small, epochs=2, verbose=0, callbacks=[watch])
    assert asked == expected


def test_the_time_that_it_takes_is_no_part_of_a_step(clock, small, canary, monkeypatch):
    compare = Canary.compare

    def slowly(self, outputs):
        clock.forward += FOREVER
        return compare(self, outputs)

    monkeypatch.setattr(Canary, "compare", slowly)
    with monitor() as run:
        plain_model().fit(*small, verbose=0, callbacks=[MonitorCallback(run, canary=canary, canary_every=5)])
        assert run.rows()["seconds"].max() < FOREVER


def test_monitor_fit_asks_too(small, canary, read):
    with ModelMonitor(plain_model(), delivery=[]) as run:
        run.fit(*small, verbose=0, canary=canary)
        assert read(run, "model_canary_distance") > 0


def test_a_model_that_is_built_by_its_first_batch_is_asked(small, canary, read):
    model = keras.Sequential([keras.layers.Dense(10, "softmax")], name="digits")
    model.compile("sgd", "sparse_categorical_crossentropy")
    with monitor() as run:
        model.fit(*small, verbose=0, callbacks=[MonitorCallback(run, canary=canary)])
        assert read(run, "model_canary_samples") == 32


@pytest.mark.parametrize(("inputs", "told"), [(64, r"\(4, 10\)"), (32, "does not take the canary's inputs")])
def test_a_canary_of_other_shapes_is_refused_before_the_first_step(small, inputs, told):
    other = Canary.record("digits", lambda x: np.zeros((len(x), 3)), np.zeros((4, inputs), np.float32))
    with monitor() as run:
        with pytest.raises(ShapeError, match=told):
            plain_model().fit(*small, verbose=0, callbacks=[MonitorCallback(run, canary=other)])
        assert run.session.position().steps == 0


def test_what_is_no_canary_of_the_model_is_refused_before_training(canary):
    with ModelMonitor("other", delivery=[]) as run, pytest.raises(ReferenceMismatchError, match="'digits'"):
        MonitorCallback(run, canary=canary)
    with monitor() as run:
        with pytest.raises(InvalidTypeError, match=r"Canary\.load"):
            MonitorCallback(run, canary="digits.canary")
        with pytest.raises(InvalidArgumentError, match="at least 1"):
            MonitorCallback(run, canary=canary, canary_every=0)


def test_an_error_of_the_model_is_counted_and_training_continues(small, read):
    class Moody(keras.Model):
        def __init__(self):
            super().__init__(name="digits")
            self.dense = keras.layers.Dense(10, "softmax")

        def call(self, x, training=False):
            if not training and self.built:
                raise RuntimeError("not today")
            return self.dense(x)

    canary = Canary.record("digits", lambda x: np.zeros((len(x), 10)), np.zeros((4, 64), np.float32))
    model = Moody()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with monitor() as run:
        model.fit(*small, verbose=0, callbacks=[MonitorCallback(run, canary=canary)])
        assert read(run, "model_steps_total", split="train") == 10
        assert read(run, "model_monitor_errors_total", reason="integration") == 1
