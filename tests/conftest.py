"""What tests of several folders use."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from tests.waiting import Clock
from traingauge import ModelMonitor
from traingauge.core.families import label_names

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# A shell has what it runs in the background ignore Ctrl-C, and what that starts inherits it: tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which durations are measured, ``time.perf_counter``; ask for it before what reads it is made."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def readings(monitor: ModelMonitor) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample that the monitor publishes now, by name and own labels."""
    found = {}
    for family in monitor._recorder.families():
        for key, value in zip(family.keys, family.values, strict=True):
            names = label_names(family.metric, key.suffix)[2:]
            labels = {name: label for name, label in zip(names, key.labels, strict=True) if label is not None}
            found[family.metric.name + key.suffix, frozenset(labels.items())] = value
    return found


@pytest.fixture(name="readings")
def _readings() -> Callable[[ModelMonitor], dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    """Reads every sample of a monitor, by name and own labels."""
    return readings


@pytest.fixture
def read() -> Callable[..., float | None]:
    """Reads one sample of a monitor: ``read(monitor, "model_loss", split="train")``; ``None`` if it is absent."""

    def one(monitor: ModelMonitor, metric: str, /, **labels: Any) -> float | None:
        return readings(monitor).get((metric, frozenset(labels.items())))

    return one
