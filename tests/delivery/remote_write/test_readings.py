"""Readings of a run: what is sent of what a scrape would show."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.catalog import CATALOG
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Family, Identity, Key, keys, single
from traingauge.delivery.remote_write import readings as module
from traingauge.delivery.remote_write.readings import REPEATED_AFTER, Readings
from traingauge.delivery.remote_write.rows import Sent
from traingauge.delivery.remote_write.series import STALE, Points, series_of

IDENTITY = Identity("m", "r")
LOSS = series_of(CATALOG["model_loss"], ("train",), IDENTITY)


def loss(value: float) -> Family:
    return Family(CATALOG["model_loss"], keys(("train",)), (value,))


def sent(points: list[Points]) -> dict[str, tuple[int, float]]:
    return {dict(one.series.labels)["__name__"]: (int(one.times[0]), float(one.values[0])) for one in points}


@pytest.fixture
def readings() -> Readings:
    return Readings(IDENTITY, DeliveryCounts())


def test_a_reading_is_sent_at_its_time(readings: Readings) -> None:
    bucket = Family(CATALOG["model_step_duration_seconds"], (Key("_bucket", ("train", "+Inf")),), (3.0,))
    readings.add(900, 1000, [loss(0.5), bucket, single("model_gradient_norm", math.nan)])
    found = readings.points({}, repeats=True, final=False)
    assert sent(found[:2]) == {"model_loss": (1000, 0.5), "model_step_duration_seconds_bucket": (1000, 3.0)}
    assert math.isnan(found[2].values[0])


def test_what_the_rows_say_is_not_said_again(readings: Readings) -> None:
    readings.add(900, 1000, [loss(0.5), single("model_gradient_norm", 1.0)])
    found = readings.points({LOSS: Sent(990, 0.5)}, repeats=True, final=False)
    assert sent(found) == {"model_gradient_norm": (1000, 1.0)}


def test_a_value_of_the_rows_is_repeated_once_it_is_old_if_no_earlier_row_can_follow(
    readings: Readings,
) -> None:
    readings.add(REPEATED_AFTER, REPEATED_AFTER + 1000, [loss(0.5)])
    of_rows = {LOSS: Sent(999, 0.5)}
    assert sent(readings.points(of_rows, repeats=True, final=False)) == {
        "model_loss": (REPEATED_AFTER + 1000, 0.5)
    }
    assert readings.points(of_rows, repeats=False, final=False) == []
    assert readings.points({LOSS: Sent(1000, 0.5)}, repeats=True, final=False) == []


def test_a_value_whose_rows_were_left_out_is_corrected(readings: Readings) -> None:
    readings.add(1000, 1010, [loss(0.5)])
    assert sent(readings.points({LOSS: Sent(990, 0.7)}, repeats=True, final=False)) == {
        "model_loss": (1010, 0.5)
    }
    newer = {LOSS: Sent(1005, 0.7)}
    assert readings.points(newer, repeats=True, final=False) == [], "a row may have followed the reading"


def test_the_last_reading_is_right_though_the_last_rows_were_moved_behind_it(readings: Readings) -> None:
    readings.add(1000, 1010, [loss(0.5)])
    assert sent(readings.points({LOSS: Sent(1500, 0.7)}, repeats=True, final=True)) == {
        "model_loss": (1501, 0.5)
    }


def test_a_series_that_is_no_longer_shown_ends(readings: Readings) -> None:
    readings.add(900, 1000, [Family(CATALOG["model_loss"], keys(("train",), ("test",)), (1.0, 2.0))])
    readings.points({}, repeats=True, final=False)
    readings.sent()
    readings.add(1900, 2000, [loss(0.5)])
    _, end = readings.points({}, repeats=True, final=False)
    assert dict(end.series.labels)["split"] == "test"
    assert end.values.view(np.uint64) == np.array([STALE]).view(np.uint64)
    readings.sent()
    assert readings.shown() == {LOSS}


def test_readings_that_memory_cannot_hold_are_given_up_oldest_first_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    counts = DeliveryCounts()
    readings = Readings(IDENTITY, counts)
    for at in range(1, 6):
        readings.add(at, at, [loss(at)])
    assert [one.time for one in readings.waiting] == [3, 4, 5]
    assert counts.dropped["memory"] == 2


def test_a_second_reading_of_one_moment_is_left_out(readings: Readings) -> None:
    for _ in range(2):
        readings.add(1000, 1000, [loss(0.5)])
    assert len(readings.waiting) == 1


def test_readings_after_the_clock_was_set_back_follow_the_last_one_that_was_sent(readings: Readings) -> None:
    for moment in (1000, 400, 500, 1500):
        readings.add(moment, moment, [loss(moment)])
    times = []
    while readings.waiting:
        times.append(sent(readings.points({}, repeats=True, final=False)))
        readings.sent()
    assert times == [{"model_loss": at} for at in ((1000, 1000), (1001, 400), (1002, 500), (1500, 1500))]
    assert readings.last == 1500


def test_readings_of_a_clock_that_was_set_back_since_are_given_up_and_counted() -> None:
    counts = DeliveryCounts()
    readings = Readings(IDENTITY, counts)
    for moment in (90_000, 95_000, 1000):
        readings.add(moment, moment, [loss(0.5), single("model_step", 1.0)])
    readings.give_up_after(2000)
    assert [one.time for one in readings.waiting] == [1000]
    assert counts.dropped["clock"] == 4
