"""The demo's runs, replayed through the alert rules that ship: a reading is a scrape, half a minute apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from simulation import diagnostics
from simulation.clock import SCRAPE_SECONDS
from simulation.data import load
from simulation.recording import Recording
from simulation.replay import replay
from traingauge.core.families import Identity

#: Alerts of thresholds that the run has set.
OF_THRESHOLDS = {"ModelLossAboveThreshold", "ModelScoreBelowThreshold"}


def fired(monitor, readings: Iterable[object]) -> dict[str, int]:
    """The scrape at which each alert first fired."""
    recording = Recording(Identity("digits", monitor.run))
    for _ in readings:
        recording.scrape(monitor.collector.families(), "127.0.0.1:9000")
    firing = replay(dict(recording.values()), recording.scrapes * SCRAPE_SECONDS)
    first: dict[str, int] = {}
    for number, alerts in sorted(firing.items()):
        for labels in alerts:
            first.setdefault(labels["alertname"], number)
    return first


@pytest.fixture(scope="module")
def reference():
    return diagnostics.reference()


def test_a_run_that_is_worse_than_good_runs_were_fires_and_no_threshold_does(reference):
    with diagnostics.watched(reference) as monitor:
        found = fired(monitor, diagnostics.train(monitor, 100, wrong_labels=0.1))
    assert found["ModelWorseThanExpected"] * diagnostics.EVERY < 0.5 * diagnostics.STEPS
    assert not OF_THRESHOLDS & found.keys()


def test_a_good_run_fires_none_of_them(reference):
    with diagnostics.watched(reference) as monitor:
        found = fired(monitor, diagnostics.train(monitor, 300))
    assert not ({"ModelWorseThanExpected", "ModelFailureLikely"} | OF_THRESHOLDS) & found.keys()


def test_the_risk_of_failing_fires_before_a_threshold_does():
    with diagnostics.watched() as monitor:
        found = fired(monitor, diagnostics.train(monitor, diagnostics.DIVERGES, rate=diagnostics.growing))
    assert (
        diagnostics.GROWS_FROM / diagnostics.EVERY
        < found["ModelFailureLikely"]
        < found["ModelLossAboveThreshold"]
    )


def test_a_flipped_bit_fires_while_the_network_serves():
    network, canary = diagnostics.trusted()
    x, y = load("digits").train
    with diagnostics.watched() as monitor:
        probe = monitor.canary(canary, network.predict)

        def serve() -> Iterable[None]:
            for number in range(20):
                batch = np.arange(32 * number, 32 * (number + 1))
                monitor.step(y_true=y[batch], y_pred=network.predict(x[batch]))
                if number == 10:
                    diagnostics.flip(network, canary)
                probe.check()
                yield

        assert 10 <= fired(monitor, serve())["ModelCanaryMismatch"] <= 12
