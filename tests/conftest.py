"""What tests of several folders use."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.waiting import Clock
from traingauge import ModelMonitor
from traingauge.process.end import FINISHED
from traingauge.process.runs import live_runs
from traingauge.process.signals import SIGNALS
from traingauge.testing import Sample, samples

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# What a shell runs in the background ignores Ctrl-C, under nohup SIGHUP too, and what that starts inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def default_handlers() -> Iterator[None]:
    """Signals as in a new process: without runs that earlier tests left open, and without what these installed."""
    live_runs.end_all(FINISHED, at_most=0.0)
    with ModelMonitor("m", delivery=[]):  # its end removes what another thread could not
        pass
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which durations are measured, ``time.perf_counter``; ask for it before what reads it is made."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def readings(monitor: ModelMonitor) -> dict[Sample, float]:
    """Every sample that the monitor publishes now, by name and own labels."""
    return samples(monitor.collector.families())


@pytest.fixture(name="readings")
def _readings() -> Callable[[ModelMonitor], dict[Sample, float]]:
    """Reads every sample of a monitor, by name and own labels."""
    return readings


@pytest.fixture
def read() -> Callable[..., float | None]:
    """Reads one sample of a monitor: ``read(monitor, "model_loss", split="train")``; ``None`` if it is absent."""

    def one(monitor: ModelMonitor, metric: str, /, **labels: Any) -> float | None:
        return readings(monitor).get((metric, frozenset(labels.items())))

    return one
