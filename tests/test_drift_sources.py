"""Where the data for drift come from: steps, watched batches, labels and predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from traingauge import Drift, ModelMonitor, Reference
from traingauge.errors import ReferenceMismatchError
from traingauge.testing import InMemory

rng = np.random.default_rng(0)
ROWS, LABELS = rng.normal(size=(2000, 2)), rng.integers(0, 3, 2000)
REFERENCE = Reference.from_data(ROWS, y_true=LABELS, y_pred=LABELS)


@pytest.fixture
def published() -> InMemory:
    return InMemory()


@pytest.fixture
def monitor(published: InMemory) -> Iterator[ModelMonitor]:
    with ModelMonitor("watched", drift=Drift(REFERENCE, window=500), delivery=[published]) as monitor:
        yield monitor


def batches(size: int = 100) -> Iterator[tuple[Any, Any]]:
    for at in range(0, 1000, size):
        yield ROWS[at : at + size], LABELS[at : at + size]


def present(published: InMemory, metric: str, **labels: str) -> float:
    found = published.value(metric, **labels)
    assert found is not None
    return found


def statistics(published: InMemory, metric: str) -> set[str]:
    return {dict(labels)["statistic"] for name, labels in published.samples() if name == metric}


def test_watch_compares_batches_on_request(monitor: ModelMonitor, published: InMemory) -> None:
    for batch in monitor.watch(batches(), features=True):
        assert len(batch) == 2
    assert published.value("model_drift_window_samples") == 500
    assert published.value("model_features_drifted") == 0


def test_watch_otherwise_leaves_the_comparison_to_step(monitor: ModelMonitor, published: InMemory) -> None:
    for features, _ in monitor.watch(batches()):
        monitor.step(features=features)
    assert published.value("model_drift_window_samples") == 500
    assert published.value("model_steps_total", split="train") == 10


def test_watch_records_no_step(monitor: ModelMonitor, published: InMemory) -> None:
    list(monitor.watch(batches(), features=True))
    assert published.value("model_steps_total", split="train") == 0


def test_a_function_computes_the_features_of_what_is_no_table(
    monitor: ModelMonitor, published: InMemory
) -> None:
    embeddings = [rng.normal(size=(100, 7, 2)) for _ in range(10)]
    list(monitor.watch(embeddings, features=lambda batch: batch[:, 0] + 5))
    assert published.value("model_features_drifted") == 2


@pytest.mark.keras
def test_watch_takes_a_tensorflow_dataset(monitor: ModelMonitor, published: InMemory) -> None:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((ROWS[:600], LABELS[:600])).batch(64)
    assert sum(len(x) for x, _ in monitor.watch(dataset, features=True)) == 600
    assert published.value("model_feature_missing_ratio", feature="f0") == 0
    assert published.value("model_feature_missing_ratio", feature="f1") == 0
    assert present(published, "model_drift_window_samples") >= 500


@pytest.mark.keras
def test_keras_trains_on_watched_images_whose_numbers_are_compared(published: InMemory) -> None:
    """The callback has nothing to count in the graph, because the reference is of numbers that the model never sees."""
    import keras

    images, labels = rng.random((640, 8, 8)), rng.integers(0, 2, 640)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    parts = ((images[at : at + 64], labels[at : at + 64]) for at in range(0, 640, 64))
    reference = Reference.from_data(images, of="images")
    with ModelMonitor(model, drift=Drift(reference, window=300), delivery=[published]) as monitor:
        monitor.fit(monitor.watch(parts, features=True), steps_per_epoch=10, shuffle=False, verbose=0)
        errors = [
            value for (name, _), value in published.samples().items() if name == "model_monitor_errors_total"
        ]
        assert errors
        assert not any(errors)
        assert published.value("model_steps_total", split="train") == 10
        assert published.value("model_features_drifted") == 0
        assert published.value("model_features_monitored") == 4


def test_watched_batches_that_do_not_fit_the_reference_raise(monitor: ModelMonitor) -> None:
    with pytest.raises(ReferenceMismatchError, match="the reference has 2"):
        list(monitor.watch([np.zeros((5, 3))], features=True))


def test_watch_without_a_reference_compares_nothing() -> None:
    with ModelMonitor("none", delivery=[]) as monitor:
        assert len(list(monitor.watch(batches(), features=True))) == 10


def test_labels_and_predictions_are_compared_without_features(
    monitor: ModelMonitor, published: InMemory
) -> None:
    for _, labels in batches():
        monitor.step(y_true=labels, y_pred=np.minimum(labels, 1))
    assert present(published, "model_label_drift", statistic="psi") < 0.1
    assert present(published, "model_prediction_drift", statistic="psi") > 0.2
    assert published.value("model_drift_window_samples") == 0
    assert published.value("model_samples_total", split="train") == 1000


def test_step_takes_images_as_they_are(published: InMemory) -> None:
    images = rng.random((600, 8, 8))
    reference = Reference.from_data(images, of="images")
    with ModelMonitor("images", drift=Drift(reference, window=500), delivery=[published]) as monitor:
        monitor.step(features=images * 0.9)
        assert present(published, "model_feature_drift", feature="brightness", statistic="psi") > 0.2


def test_the_settings_of_drift_choose_window_statistics_and_share_of_the_rows(published: InMemory) -> None:
    drift = Drift(REFERENCE, window=500, kind="tumbling", statistics=["tv"], multivariate=False, sampling=0.5)
    with ModelMonitor("chosen", drift=drift, delivery=[published]) as monitor:
        monitor.step(features=ROWS[:900])
        assert published.value("model_drift_window_samples") == 0
        monitor.step(features=ROWS[900:1100])
        assert published.value("model_drift_window_samples") == 550
        assert published.value("model_drift_sampling_ratio") == 0.5
        assert statistics(published, "model_feature_drift") == {"psi", "tv"}
        assert not statistics(published, "model_multivariate_drift")
