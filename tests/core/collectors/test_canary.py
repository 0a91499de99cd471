"""The canary of a run: how far its model is from a trusted one, and how close it has come."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge import Canary, ModelMonitor, State

TRUSTED = Canary.record("m", lambda x: 2.0 * x, [1.0, 2.0, 3.0])


class Model:
    """Learns one sample of the canary after another."""

    def __init__(self):
        self.learned = 0

    def __call__(self, x):
        return np.where(np.arange(len(x)) < self.learned, 2.0 * x, -x)


@pytest.fixture
def best(read):
    return lambda monitor: read(monitor, "model_canary_mismatches_best")


def test_a_model_that_is_trained_from_scratch_comes_closer_and_does_not_lose_that(best, read):
    model = Model()
    with ModelMonitor("m", delivery=[]) as monitor:
        probe = monitor.canary(TRUSTED, model)
        for learned, fewest in ((0, 3), (2, 1), (3, 0), (1, 0)):
            model.learned = learned
            probe.check()
            assert best(monitor) == fewest
        assert read(monitor, "model_canary_mismatches") == 2


def test_a_run_that_resumes_knows_how_close_it_came(best, tmp_path):
    model = Model()
    for learned in (3, 0):
        model.learned = learned
        with ModelMonitor("m", run="r", state=State(tmp_path), delivery=[]) as monitor:
            assert best(monitor) is None  # before its own first check
            monitor.canary(TRUSTED, model)
            assert best(monitor) == 0
