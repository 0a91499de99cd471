"""A Keras run that goes on in another process from the checkpoint it was restored from."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.integrations.keras.watched import dense
from traingauge import ModelMonitor, State
from traingauge.integrations.keras import MonitorCallback

pytestmark = pytest.mark.keras


class Crash(keras.callbacks.Callback):
    """Raises after so many batches of an epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise RuntimeError("power cut")


def model(**options):
    made = dense(10, inputs=64, last="softmax")
    made.compile(keras.optimizers.Adam(1e-3, **options), "sparse_categorical_crossentropy")
    return made


def monitor(directory):
    return ModelMonitor("digits", delivery=[], state=State(directory / "state"))


def unforeseen(x, y):
    """Batches of which Keras does not know how many there are."""
    shapes = tf.TensorSpec((None, 64), tf.float32), tf.TensorSpec((None,), tf.int32)
    batches = [(x[start : start + 32], y[start : start + 32]) for start in range(0, 320, 32)]
    return (tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=shapes),)


def train(
    run,
    digits,
    directory,
    *,
    trained=None,
    crash=None,
    restore=True,
    epochs=3,
    data=lambda *parts: parts,
    **options,
):
    """Ten steps an epoch."""
    callbacks = [MonitorCallback(run)]
    if restore:
        callbacks.append(keras.callbacks.BackupAndRestore(str(directory / "backup")))
    if crash:
        callbacks.append(Crash(*crash))
    trained = trained or model(**options)
    trained.fit(
        *data(*(part[:320] for part in digits)), epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks
    )
    return trained


def crashed(digits, directory, **options):
    with pytest.raises(RuntimeError, match="power cut"), monitor(directory) as run:
        train(run, digits, directory, crash=(2, 3), **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gradient_accumulation_steps": 2},
        {"data": unforeseen},  # at whose end Keras' optimizer counts a step that is none
    ],
    ids=["as usual", "two batches an update", "unforeseen end"],
)
@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning")
def test_the_run_goes_back_with_the_model_to_its_checkpoint_and_its_counters_continue(
    digits, tmp_path, read, options
):
    crashed(digits, tmp_path, **options)
    with monitor(tmp_path) as run:
        assert read(run, "model_step") == 24
        train(run, digits, tmp_path, **options)
        assert read(run, "model_step") == 30
        assert read(run, "model_steps_total", split="train") == 34
        assert run.rows()["step"].tolist() == list(range(1, 31))
        assert np.isfinite(run.rows()["loss"].filled()).all()


def test_steps_taken_before_the_run_began_are_not_those_of_the_run(digits, tmp_path, read):
    """A model that was trained before has an optimizer that counts on."""
    before = model()
    before.fit(*(part[:320] for part in digits), verbose=0)
    crashed(digits, tmp_path, trained=before)
    with monitor(tmp_path) as run:
        train(run, digits, tmp_path)
        assert read(run, "model_step") == 30
        assert read(run, "model_steps_total", split="train") == 34


def test_a_model_that_continues_where_it_was_or_starts_over_does_not_move_the_run(digits, tmp_path, read):
    with monitor(tmp_path) as run:
        trained = train(run, digits, tmp_path, restore=False)
    with monitor(tmp_path) as run:
        train(run, digits, tmp_path, trained=trained, restore=False, epochs=1)
        assert read(run, "model_step") == 40
    with monitor(tmp_path) as run:
        train(run, digits, tmp_path, restore=False, epochs=1)
        assert read(run, "model_step") == 50


def test_what_the_script_says_comes_first(digits, tmp_path, read):
    crashed(digits, tmp_path)
    with monitor(tmp_path) as run:
        run.resume_at(21)
        train(run, digits, tmp_path)
        assert read(run, "model_step") == 31
