"""Rows as requests."""

from __future__ import annotations

import math

import numpy as np
import pytest

from traingauge.core.families import Identity
from traingauge.core.step_log import Block
from traingauge.delivery.remote_write.rows import MOST_MOVED, MOST_SAMPLES, RowSeries, Sent
from traingauge.delivery.remote_write.series import Points
from traingauge.stats.streaming.not_given import NOT_GIVEN

SERIES = RowSeries(Identity("m", "r"), 1)


def block(times: list[float], table: str = "train", first: int = 1, **columns: list[float]) -> Block:
    steps = np.arange(first, first + len(times), dtype=float)
    given = {name: np.array(values, float) for name, values in columns.items()}
    extra = {"seconds": np.ones(len(times)), "samples": np.ones(len(times))}
    return Block(table, 0, {"step": steps, "time": np.array(times), **extra, **given})


def of(parts: list[list[Points]], name: str) -> list[tuple[int, float]]:
    return [
        (time, value)
        for part in parts
        for one in part
        if dict(one.series.labels)["__name__"] == name
        for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
    ]


def test_every_column_is_the_series_that_a_scrape_shows_at_the_time_of_each_row() -> None:
    rows = block([1.0, 1.25], loss=[0.5, 0.25], learning_rate=[0.1, 0.1], entropy=[2.0, 3.0])
    parts = SERIES.requests(rows, {}).parts
    assert [dict(one.series.labels)["__name__"] for one in parts[0]] == [
        "model_step",
        "model_loss",
        "model_learning_rate",
        "model_scalar",
    ]
    assert of(parts, "model_loss") == [(1000, 0.5), (1250, 0.25)]
    assert parts[0][1].series.labels[1:] == (("model", "m"), ("run", "r"), ("split", "train"))
    assert ("name", "entropy") in parts[0][3].series.labels


def test_scores_with_labels_of_their_own_are_the_series_that_a_scrape_shows() -> None:
    parts = SERIES.requests(block([1.0], "validation", top_k_accuracy=[0.9]), {}).parts
    (one,) = parts[0]
    assert one.series.labels[:2] == (("__name__", "model_top_k_accuracy"), ("k", "5"))


def test_what_was_not_given_is_not_sent_and_nan_is_sent_as_the_usual_one() -> None:
    odd = np.uint64(0x7FF0_0000_0000_0002).view(np.float64)
    rows = block([1.0, 2.0, 3.0], loss=[NOT_GIVEN, 0.5, odd])
    (_, loss) = SERIES.requests(rows, {}).parts[0]
    assert loss.times.tolist() == [2000, 3000]
    assert loss.values.view(np.uint64)[1] == np.array([math.nan]).view(np.uint64)[0]


def test_tables_that_are_no_split_are_not_sent() -> None:
    assert SERIES.requests(block([1.0], "train epochs", loss=[0.5]), {}).parts == []


def test_no_request_has_more_samples_than_receivers_take() -> None:
    times = (np.arange(5000) / 10).tolist()
    parts = SERIES.requests(block(times, loss=times, learning_rate=times), {}).parts
    sizes = [sum(len(one.times) for one in part) for part in parts]
    assert max(sizes) <= MOST_SAMPLES
    assert sum(sizes) == 15_000


def test_two_values_in_one_millisecond_are_moved_apart_and_counted() -> None:
    found = SERIES.requests(block([1.0, 1.0001, 1.0002, 1.0049], loss=[1, 2, 3, 4]), {})
    assert of(found.parts, "model_loss") == [(1000, 1.0), (1001, 2.0), (1002, 3.0), (1005, 4.0)]
    assert found.moved == 4, "two of each series"
    assert found.crowded == 0


def test_a_block_continues_after_the_last_sample_of_the_one_before() -> None:
    found = SERIES.requests(block([1.0], loss=[0.5]), {"train loss": Sent(1000, 1.0)})
    assert of(found.parts, "model_loss") == [(1001, 0.5)]
    assert found.last["train loss"] == Sent(1001, 0.5)


def test_what_would_be_moved_by_more_than_a_second_is_left_out_and_counted() -> None:
    count = 3 * MOST_MOVED
    found = SERIES.requests(block([1.0] * count, loss=list(range(count))), {})
    sent = of(found.parts, "model_loss")
    assert len(sent) == MOST_MOVED + 1
    assert sent[-1][0] == 1000 + MOST_MOVED
    assert found.crowded == 2 * (count - len(sent))


def test_times_of_a_clock_that_was_set_back_are_left_to_the_receiver() -> None:
    found = SERIES.requests(block([100.0, 101.0, 50.0, 51.0], loss=[1, 2, 3, 4]), {})
    assert [time for time, _ in of(found.parts, "model_loss")] == [100_000, 101_000, 50_000, 51_000]


def test_every_fourth_step_is_sent_wherever_the_blocks_end() -> None:
    series = RowSeries(Identity("m", "r"), 4)
    parts = []
    for first, count in ((1, 3), (4, 6), (10, 11)):
        rows = block([float(at) for at in range(first, first + count)], first=first, loss=[0.5] * count)
        parts += series.requests(rows, {}).parts
    assert [time // 1000 for time, _ in of(parts, "model_loss")] == [4, 8, 12, 16, 20]


def test_what_is_given_seldom_is_sent_whenever_it_is() -> None:
    series = RowSeries(Identity("m", "r"), 4)
    accuracy = [NOT_GIVEN] * 8
    accuracy[2] = 0.9
    parts = series.requests(
        block([float(at) for at in range(1, 9)], loss=[0.5] * 8, accuracy=accuracy), {}
    ).parts
    assert of(parts, "model_accuracy") == [(3000, 0.9)]


@pytest.mark.parametrize("cut", [1, 7, 50])
def test_the_same_block_gives_the_same_requests(cut: int) -> None:
    rng = np.random.default_rng(cut)
    times = np.sort(rng.integers(0, 40, 3000) / 1000).tolist()
    rows = block(times, loss=rng.normal(size=3000).tolist())
    last = {"train loss": Sent(cut, 0.0)}
    one, other = SERIES.requests(rows, last), SERIES.requests(rows, dict(last))
    assert [[point.times.tolist() for point in part] for part in one.parts] == [
        [point.times.tolist() for point in part] for part in other.parts
    ]
    assert one.last == other.last
