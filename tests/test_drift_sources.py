"""Where drift gets its data from: steps, watched batches, labels and predictions by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from traingauge import Drift, ModelMonitor, Reference
from traingauge.errors import InvalidArgumentError, ReferenceMismatchError, UnknownNameError

rng = np.random.default_rng(0)
ROWS, LABELS = rng.normal(size=(2000, 2)), rng.integers(0, 3, 2000)
REFERENCE = Reference.from_data(ROWS, y_true=LABELS, y_pred=LABELS)


@pytest.fixture
def monitor() -> Iterator[ModelMonitor]:
    with ModelMonitor("watched", drift=Drift(REFERENCE, window=500), delivery=[]) as monitor:
        yield monitor


def values(monitor: ModelMonitor, name: str) -> dict[tuple[str, ...], float]:
    return {
        key.labels: value
        for family in monitor.collector.families()
        if family.metric.name == name
        for key, value in zip(family.keys, family.values, strict=True)
    }


def batches(size: int = 100) -> Iterator[tuple[Any, Any]]:
    for at in range(0, 1000, size):
        yield ROWS[at : at + size], LABELS[at : at + size]


def test_watched_batches_are_compared_when_that_is_asked_for(monitor: ModelMonitor) -> None:
    for batch in monitor.watch(batches(), features=True):
        assert len(batch) == 2
    assert values(monitor, "model_drift_window_samples") == {(): 500}
    assert values(monitor, "model_features_drifted") == {(): 0}


def test_watched_batches_are_else_left_to_step(monitor: ModelMonitor) -> None:
    for features, _ in monitor.watch(batches()):
        monitor.step(features=features)
    assert values(monitor, "model_drift_window_samples") == {(): 500}
    assert values(monitor, "model_steps_total")["train",] == 10


def test_watching_takes_no_step(monitor: ModelMonitor) -> None:
    list(monitor.watch(batches(), features=True))
    assert values(monitor, "model_steps_total")["train",] == 0


def test_a_function_makes_the_features_of_what_is_no_table(monitor: ModelMonitor) -> None:
    embeddings = [rng.normal(size=(100, 7, 2)) for _ in range(10)]
    list(monitor.watch(embeddings, features=lambda batch: batch[:, 0] + 5))
    assert values(monitor, "model_features_drifted") == {(): 2}


@pytest.mark.keras
def test_a_tensorflow_data_set_is_watched() -> None:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((ROWS[:600], LABELS[:600])).batch(64)
    with ModelMonitor("tf", drift=Drift(REFERENCE, window=500), delivery=[]) as monitor:
        assert sum(len(x) for x, _ in monitor.watch(dataset, features=True)) == 600
        assert values(monitor, "model_feature_missing_ratio") == {("f0",): 0.0, ("f1",): 0.0}
        assert values(monitor, "model_drift_window_samples")[()] >= 500


@pytest.mark.keras
def test_keras_trains_on_watched_images_whose_numbers_are_compared() -> None:
    """The callback has nothing to count in the graph, as the reference is of numbers that the model never sees."""
    import keras

    images, labels = rng.random((640, 8, 8)), rng.integers(0, 2, 640)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    parts = ((images[at : at + 64], labels[at : at + 64]) for at in range(0, 640, 64))
    reference = Reference.from_data(images, of="images")
    with ModelMonitor(model, drift=Drift(reference, window=300), delivery=[]) as monitor:
        monitor.fit(monitor.watch(parts, features=True), steps_per_epoch=10, shuffle=False, verbose=0)
        assert set(values(monitor, "model_monitor_errors_total").values()) == {0.0}
        assert values(monitor, "model_steps_total")["train",] == 10
        assert values(monitor, "model_features_drifted") == {(): 0}
        assert values(monitor, "model_features_monitored") == {(): 4}


def test_watched_batches_that_do_not_fit_the_reference_say_so(monitor: ModelMonitor) -> None:
    with pytest.raises(ReferenceMismatchError, match="the reference has 2"):
        list(monitor.watch([np.zeros((5, 3))], features=True))


def test_without_a_reference_watching_compares_nothing() -> None:
    with ModelMonitor("none", delivery=[]) as monitor:
        assert len(list(monitor.watch(batches(), features=True))) == 10


def test_labels_and_predictions_are_compared_without_features(monitor: ModelMonitor) -> None:
    for _, labels in batches():
        monitor.step(y_true=labels, y_pred=np.minimum(labels, 1))
    assert values(monitor, "model_label_drift")["psi",] < 0.1
    assert values(monitor, "model_prediction_drift")["psi",] > 0.2
    assert values(monitor, "model_drift_window_samples") == {(): 0}
    assert values(monitor, "model_samples_total")["train",] == 1000


def test_images_are_given_to_step_as_they_are() -> None:
    images = rng.random((600, 8, 8))
    reference = Reference.from_data(images, of="images")
    with ModelMonitor("images", drift=Drift(reference, window=500), delivery=[]) as monitor:
        monitor.step(features=images * 0.9)
        assert values(monitor, "model_feature_drift")["brightness", "psi"] > 0.2


def test_kind_of_window_statistics_and_share_of_the_rows_are_chosen_by_the_script() -> None:
    with ModelMonitor(
        "chosen",
        drift=Drift(
            REFERENCE, window=500, kind="tumbling", statistics=("tv",), multivariate=False, sampling=0.5
        ),
        delivery=[],
    ) as monitor:
        monitor.step(features=ROWS[:900])
        assert values(monitor, "model_drift_window_samples") == {(): 0}
        monitor.step(features=ROWS[900:1100])
        assert values(monitor, "model_drift_window_samples") == {(): 550}
        assert values(monitor, "model_drift_sampling_ratio") == {(): 0.5}
        assert {statistic for _, statistic in values(monitor, "model_feature_drift")} == {"psi", "tv"}
        assert not values(monitor, "model_multivariate_drift")


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="hopping"):
        ModelMonitor("m", drift=Drift(REFERENCE, kind="hopping"), delivery=[])
    with pytest.raises(InvalidArgumentError, match="sampling is 2"):
        ModelMonitor("m", drift=Drift(REFERENCE, sampling=2), delivery=[])
