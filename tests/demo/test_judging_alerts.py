"""The demo's runs, replayed through the alert rules that ship: a reading is a scrape, half a minute apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.alerts.recording import SCRAPE_SECONDS, Recording
from benchmarks.alerts.replay import replay
from demo import judging

#: Alerts of thresholds that the run has set.
OF_THRESHOLDS = {"ModelLossAboveThreshold", "ModelScoreBelowThreshold"}


def fired(monitor, readings: Iterable[object]) -> dict[str, int]:
    """The scrape at which each alert first fired."""
    recording = Recording()
    for _ in readings:
        recording.scrape(
            monitor.collector.families(), f'model="digits",run="{monitor.run}"', "127.0.0.1:9000"
        )
    firing = replay(dict(recording.values()), recording.scrapes * SCRAPE_SECONDS)
    first: dict[str, int] = {}
    for number, alerts in sorted(firing.items()):
        for labels in alerts:
            first.setdefault(labels["alertname"], number)
    return first


@pytest.fixture(scope="module")
def reference():
    return judging.reference()


def test_a_run_that_is_worse_than_good_runs_were_fires_and_no_threshold_does(reference):
    with judging.watched(reference) as monitor:
        found = fired(monitor, judging.train(monitor, 100, wrong_labels=0.1))
    assert found["ModelWorseThanExpected"] * judging.EVERY < 0.5 * judging.STEPS
    assert not OF_THRESHOLDS & found.keys()


def test_a_good_run_fires_none_of_them(reference):
    with judging.watched(reference) as monitor:
        found = fired(monitor, judging.train(monitor, 300))
    assert not ({"ModelWorseThanExpected", "ModelFailureLikely"} | OF_THRESHOLDS) & found.keys()


def test_the_risk_of_failing_fires_before_a_threshold_does():
    with judging.watched() as monitor:
        found = fired(monitor, judging.train(monitor, 101, rate=judging.growing))
    assert 700 / judging.EVERY < found["ModelFailureLikely"] < found["ModelLossAboveThreshold"]


def test_a_flipped_bit_fires_while_the_network_serves():
    network, canary = judging.trusted()
    x, y = load_digits(return_X_y=True)
    with judging.watched() as monitor:
        probe = monitor.canary(canary, network.predict)

        def serve() -> Iterable[None]:
            for number in range(20):
                batch = np.arange(32 * number, 32 * (number + 1))
                monitor.step(y_true=y[batch], y_pred=network.predict(x[batch] / 16))
                if number == 10:
                    judging.flip(network, canary)
                probe.check()
                yield

        assert 10 <= fired(monitor, serve())["ModelCanaryMismatch"] <= 12
