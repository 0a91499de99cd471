"""The structure of Keras models."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import requests

from tests.waiting import PATIENCE
from traingauge import Endpoint, ModelMonitor, State
from traingauge.integrations.keras import MonitorCallback, describe

pytestmark = pytest.mark.keras


def model(units=8, *, compiled=True, frozen=False, rate=0.01):
    net = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
        ]
    )
    if frozen:
        net.layers[0].trainable = False
    if compiled:
        net.compile(
            keras.optimizers.Adam(rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    return net


def test_parameters_shapes_optimizer_loss_and_metrics_are_described():
    found = describe(model())
    assert (found.trainable, found.frozen) == (4 * 8 + 8 + 2 * 8 + 8 * 3 + 3, 2 * 8)
    assert (found.optimizer, found.loss) == ("Adam", "SparseCategoricalCrossentropy")
    assert found.facts == {
        "Layers": "3",
        "Inputs": "(None, 4)",
        "Outputs": "(None, 3)",
        "Data types": "float32",
        "Learning rate": "0.01",
        "Metrics": "accuracy",
    }


def test_a_schedule_is_described_with_its_numbers():
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 100, 0.9)
    told = describe(model(rate=rate)).facts["Learning rate"]
    assert told.startswith("ExponentialDecay")
    assert '"decay_steps": 100' in told


def test_models_built_alike_have_one_architecture_and_others_another():
    assert describe(model()).architecture == describe(model()).architecture
    assert describe(model()).architecture == describe(model(compiled=False)).architecture
    assert describe(model()).architecture != describe(model(units=9)).architecture


def test_a_model_that_is_not_compiled_or_of_a_custom_class_is_described_in_part():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(2)

        def call(self, inputs):
            return self.inner(inputs)

    own = Own()
    assert describe(own).trainable == 0
    own(np.ones((1, 3)))
    found = describe(own)
    assert (found.trainable, found.optimizer, found.loss) == (8, "", "")
    assert describe(Own()).architecture == found.architecture


def test_a_run_publishes_it_and_a_changed_architecture_is_visible(tmp_path, read, readings, caplog):
    def start():
        return ModelMonitor(
            "m", run="r", delivery=[Endpoint(discovery_dir=False, linger=0)], state=State(tmp_path)
        )

    with start() as run:
        run.describe(model(frozen=True))
        assert read(run, "model_parameters", trainable="true") == 2 * 8 + 8 * 3 + 3
        assert read(run, "model_architecture_changes_total") == 0
        (info,) = (dict(labels) for name, labels in readings(run) if name == "model_run_info")
        assert (info["optimizer"], info["loss_function"]) == ("Adam", "SparseCategoricalCrossentropy")
        assert "(None, 4)" in requests.get(run.url, timeout=PATIENCE).text
    with start() as run:
        run.describe(model(frozen=True))
        assert read(run, "model_architecture_changes_total") == 0
        run.describe(model(units=16))
        assert read(run, "model_architecture_changes_total") == 1
    assert info["architecture"] in caplog.text


def test_fit_says_what_is_trained_once_it_is_built():
    net = keras.Sequential([keras.layers.Dense(3)])
    net.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with ModelMonitor("m", delivery=[Endpoint(discovery_dir=False)]) as monitor:
        for _ in range(2):
            net.fit(
                np.zeros((8, 4)),
                np.zeros(8),
                verbose=0,
                callbacks=[MonitorCallback(monitor, gradient_norm=True)],
            )
        scrape = requests.get(f"{monitor.url}/metrics", timeout=PATIENCE).text
    assert 'trainable="true"} 15.0' in scrape
    assert 'optimizer="SGD"' in scrape
    assert "model_gradient_norm{" in scrape
    assert 'model_architecture_changes_total{model="m",run="' + monitor.run + '"} 0.0' in scrape
