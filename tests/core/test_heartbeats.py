"""When each split last took a step."""

from __future__ import annotations

import time

import pytest

from traingauge import ModelMonitor
from traingauge.core.heartbeats import Heartbeats

DAY = 86_400.0


class WallClock:
    """Stands in for ``time.time``; it can be set, as an operator or NTP does."""

    def __init__(self, monkeypatch):
        self.ahead, real = 0.0, time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)

    def age(self, beat):
        return time.time() - beat


@pytest.fixture
def wall(monkeypatch):
    return WallClock(monkeypatch)


@pytest.mark.parametrize("ahead", [DAY, -DAY])
def test_a_clock_that_was_wrong_for_a_moment_leaves_no_wrong_heartbeat(wall, read, ahead):
    with ModelMonitor("m", delivery=[]) as run:
        run.step(loss=0.5)
        wall.ahead = ahead
        run.step(loss=0.5)
        assert abs(wall.age(read(run, "model_last_step_timestamp_seconds", split="train"))) < DAY / 2
        wall.ahead = 0.0  # mended, and training hangs from now on
        assert abs(wall.age(read(run, "model_last_step_timestamp_seconds", split="train"))) < DAY / 2


def test_a_heartbeat_does_not_change_while_nothing_happens():
    beats = Heartbeats()
    beats.beat("train", time.perf_counter())
    assert len({beats.values() for _ in range(50)}) == 1


def test_each_split_has_a_heartbeat_of_its_own(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: time.perf_counter() + 1000.0)
    beats = Heartbeats()
    for split, at in (("train", 3.0), ("validation", 2.0), ("train", 5.0)):
        beats.beat(split, at)
    assert [key.labels for key in beats.keys] == [("train",), ("validation",)]
    assert beats.values() == pytest.approx((1005.0, 1002.0))
