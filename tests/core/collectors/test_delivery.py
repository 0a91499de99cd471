"""Counts of deliveries."""

from __future__ import annotations

import time

import pytest

from traingauge.core.collectors.delivery import DROPPED, FAILURES, DeliveryMetrics


def readings(metrics: DeliveryMetrics) -> dict[tuple[str, ...], float]:
    return {
        (family.metric.name, *(label or "" for label in key.labels)): value
        for family in metrics.families()
        for key, value in zip(family.keys, family.values, strict=True)
    }


def test_there_are_no_metrics_without_a_delivery_that_counts() -> None:
    assert readings(DeliveryMetrics()) == {}


def test_every_label_set_is_there_with_0_from_the_start() -> None:
    metrics = DeliveryMetrics()
    metrics.open()
    found = readings(metrics)
    assert set(found.values()) == {0.0}
    assert len(found) == 3 + len(DROPPED) + len(FAILURES)


def test_what_several_deliveries_count_is_added_up_and_the_longest_lag_shown() -> None:
    metrics = DeliveryMetrics()
    one, other = metrics.open(), metrics.open()
    one.pending, other.pending = 2, 3
    one.dropped["age"], other.dropped["age"] = 5, 6
    one.oldest, other.oldest = time.time() - 100, time.time() - 50
    found = readings(metrics)
    assert found["model_delivery_pending",] == 5
    assert found["model_delivery_dropped_total", "age"] == 11
    assert found["model_delivery_lag_seconds",] == pytest.approx(100, abs=60)


def test_a_moment_in_the_future_is_no_lag() -> None:
    metrics = DeliveryMetrics()
    metrics.open().oldest = time.time() + 100
    assert readings(metrics)["model_delivery_lag_seconds",] == 0.0


def test_counters_continue_in_the_process_that_resumes_the_run() -> None:
    before = DeliveryMetrics()
    counts = before.open()
    counts.moved, counts.failures["timeout"], counts.pending = 4, 7, 9
    after = DeliveryMetrics()
    after.restore(before.save())
    after.open().moved = 1
    found = readings(after)
    assert found["model_delivery_moved_total",] == 5
    assert found["model_delivery_failures_total", "timeout"] == 7
    assert found["model_delivery_pending",] == 0
