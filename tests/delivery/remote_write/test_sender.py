"""The rules by which requests are sent, to a receiver that takes or refuses a request as a whole."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from traingauge.catalog import CATALOG
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.delivery.remote_write.errors import RefusedError, UnavailableError
from traingauge.delivery.remote_write.sender import Sender
from traingauge.delivery.remote_write.series import Points, series_of


def points(name: str, start: int, count: int) -> Points:
    times = np.arange(start, start + count)
    return Points(series_of(CATALOG["model_scalar"], (name, "train"), Identity("m", "r")), times, times / 7)


class Store:
    """A receiver as Prometheus 2.42 is one.

    Args:
        poison: Values that it refuses.
        least: Earliest time that it takes.
        fails: Called for each request; an error that it returns is raised, after the request was taken if it is unknown.
    """

    def __init__(
        self,
        poison: Sequence[float] = (),
        least: int = 0,
        fails: Callable[[int], Exception | None] = lambda number: None,
    ) -> None:
        self.series: dict[str, dict[int, float]] = {}
        self.poison, self.least, self.fails = poison, least, fails
        self.requests = 0

    def post(self, request: Sequence[Points]) -> None:
        self.requests += 1
        error = self.fails(self.requests)
        if isinstance(error, UnavailableError) and not error.unknown:
            raise error
        self._take(request)
        if error is not None:
            raise error

    def _take(self, request: Sequence[Points]) -> None:
        self._check(request)
        for one in request:
            taken = dict(zip(one.times.tolist(), one.values.tolist(), strict=True))
            self.series.setdefault(self.name(one), {}).update(taken)

    def _check(self, request: Sequence[Points]) -> None:
        for one in request:
            known = self.series.get(self.name(one), {})
            last = max(known, default=-1)
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True):
                if value in self.poison:
                    raise RefusedError("refused", "bad value")
                if time < self.least:
                    raise RefusedError("age", "too old")
                if time < last or (time == last and known[last] != value):
                    raise RefusedError("order", "out of order")

    @staticmethod
    def name(points: Points) -> str:
        return dict(points.series.labels)["name"]


class PartlyTaking(Store):
    """A receiver that takes the rest of a request that it refuses.

    Args:
        says: Whether it says how many samples it has taken, as one of 2.0 does.
        settings: Those of a store.
    """

    def __init__(self, *, says: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self.says = says

    def _take(self, request: Sequence[Points]) -> None:
        refused, taken = None, 0
        for one in request:
            for at in range(len(one.times)):
                sample = one._replace(times=one.times[at : at + 1], values=one.values[at : at + 1])
                try:
                    super()._take([sample])
                except RefusedError as error:
                    refused = error
                else:
                    taken += 1
        if refused is not None:
            raise RefusedError(refused.reason, str(refused), taken if self.says else None)


def deliver(sender: Sender, request: Sequence[Points], attempts: int = 1000) -> None:
    for _ in range(attempts):
        try:
            sender.send(request)
        except UnavailableError:
            continue
        return
    pytest.fail("it never ends")


def held(*request: Points) -> dict[str, dict[int, float]]:
    return {
        Store.name(one): dict(zip(one.times.tolist(), one.values.tolist(), strict=True)) for one in request
    }


def test_a_request_is_sent_once() -> None:
    store, counts = Store(), DeliveryCounts()
    sender = Sender(store.post, counts)
    sender.send([points("a", 0, 5), points("b", 0, 5)])
    assert (store.requests, sender.taken) == (1, 10)
    assert counts == DeliveryCounts()


def test_what_was_certainly_not_taken_is_sent_again_as_it_was() -> None:
    store = Store(fails=lambda number: UnavailableError("connection", "no route") if number < 3 else None)
    deliver(Sender(store.post, DeliveryCounts()), [points("a", 0, 5), points("b", 0, 5)])
    assert store.requests == 3


@pytest.mark.parametrize("seed", range(20))
def test_answers_that_are_lost_lose_and_double_nothing(seed: int) -> None:
    rng = random.Random(seed)
    lost = UnavailableError("timeout", "no answer", unknown=True)
    store = Store(fails=lambda number: lost if rng.random() < 0.4 else None)
    counts = DeliveryCounts()
    sender = Sender(store.post, counts)
    requests = [[points("a", at, 50), points("b", at, 50), points("c", at, 1)] for at in range(0, 500, 50)]
    for request in requests:
        deliver(sender, request)
    assert store.series["a"] == held(points("a", 0, 500))["a"]
    assert store.series["b"] == held(points("b", 0, 500))["b"]
    assert len(store.series["c"]) == 10
    assert not any(counts.dropped.values())
    assert sender.taken == 1010


def test_a_reading_whose_outcome_is_unknown_is_sent_again_as_it_was() -> None:
    store, counts = Store(), DeliveryCounts()
    store.fails = lambda number: UnavailableError("timeout", "", unknown=True) if number == 1 else None
    reading = [points(f"series_{at}", 5, 1) for at in range(100)]
    deliver(Sender(store.post, counts), reading)
    assert store.requests == 2
    assert len(store.series) == 100


def test_a_bad_sample_of_a_reading_is_found_in_few_requests() -> None:
    store, counts = Store(poison=[6 / 7]), DeliveryCounts()
    reading = [points(f"series_{at}", 6 if at == 30 else 5, 1) for at in range(100)]
    Sender(store.post, counts).send(reading)
    assert (len(store.series), counts.dropped["refused"]) == (99, 1)
    assert store.requests < 20


def test_a_request_that_a_killed_process_had_sent_is_found_there() -> None:
    store, counts = Store(), DeliveryCounts()
    request = [points("a", 0, 50), points("b", 0, 50)]
    store.post(request)
    sender = Sender(store.post, counts, repeated=True)
    sender.send(request)
    sender.send([points("a", 50, 50)])
    assert store.series == held(points("a", 0, 100), points("b", 0, 50))
    assert not any(counts.dropped.values())


def test_of_a_request_with_bad_samples_all_others_are_taken() -> None:
    store, counts = Store(poison=[3 / 7, 40 / 7]), DeliveryCounts()
    Sender(store.post, counts).send([points("a", 0, 50), points("b", 10, 20), points("c", 200, 5)])
    assert counts.dropped["refused"] == 2
    assert set(store.series["a"]) == set(range(50)) - {3, 40}
    assert store.series["b"] == held(points("b", 10, 20))["b"]
    assert store.series["c"] == held(points("c", 200, 5))["c"]


@pytest.mark.parametrize("newest", [0, 7, 100, 1998])
def test_samples_before_the_newest_of_their_series_are_given_up_and_later_ones_taken(newest: int) -> None:
    store, counts = Store(), DeliveryCounts()
    store.post([points("a", newest, 1)])
    before = store.requests
    Sender(store.post, counts).send([points("a", 0, 2000)])
    later = set(range(newest + 1, 2000))
    assert len(later - set(store.series["a"])) <= 64
    assert max(store.series["a"]) == 1999
    assert len(store.series["a"]) + counts.dropped["order"] == 2000 + (newest > 0)
    assert store.requests - before < 60


@pytest.mark.parametrize("newest", [0, 7, 31, 47])
def test_of_several_series_with_a_newer_sample_all_that_is_not_stored_is_counted(newest: int) -> None:
    store, counts = Store(), DeliveryCounts()
    newer = [points(name, newest, 1) for name in ("a", "b")]
    store.post([one._replace(values=one.values + 0.5) for one in newer])
    sender = Sender(store.post, counts)
    sender.send([points("a", 0, 50), points("b", 0, 50), points("c", 0, 50)])
    stored = {name: set(series) - {newest} for name, series in store.series.items() if name != "c"}
    assert all(len(set(range(newest + 1, 50)) - one) <= newest + 1 for one in stored.values())
    assert store.series["c"] == held(points("c", 0, 50))["c"]
    assert sender.taken == sum(map(len, stored.values())) + 50
    assert counts.dropped["order"] == 150 - sender.taken


@pytest.mark.parametrize("seed", range(5))
def test_refused_samples_are_counted_though_a_third_of_the_requests_have_no_answer(seed: int) -> None:
    rng = random.Random(seed)
    store, counts = Store(least=1500), DeliveryCounts()
    lost = UnavailableError("timeout", "", unknown=True)
    store.fails = lambda number: lost if rng.random() < 0.3 else None
    sender = Sender(store.post, counts)
    deliver(sender, [points("a", 0, 1900), points("b", 0, 100)])
    assert set(range(1628, 1900)) <= set(store.series["a"])
    assert sender.taken + sum(counts.dropped.values()) == 2000
    assert store.requests < 500


@pytest.mark.parametrize("says", [False, True])
def test_what_a_receiver_has_taken_of_a_request_that_it_refused_is_not_given_up(says: bool) -> None:
    store, counts = PartlyTaking(says=says, poison=[3 / 7]), DeliveryCounts()
    sender = Sender(store.post, counts)
    sender.send([points("a", 3, 1), points("b", 10, 20), points("c", 200, 50)])
    assert sum(map(len, store.series.values())) == sender.taken == 70
    assert counts.dropped == {**DeliveryCounts().dropped, "refused": 1}


def test_a_request_is_sent_once_to_a_receiver_that_says_how_much_of_it_was_taken() -> None:
    store, counts = PartlyTaking(says=True), DeliveryCounts()
    store.post([points("a", 30, 1)])
    sender = Sender(store.post, counts)
    sender.send([points("a", 0, 50), points("b", 0, 50)])
    assert store.requests == 2
    assert (sender.taken, counts.dropped["order"]) == (70, 30)


def test_what_a_killed_process_had_sent_is_found_where_its_request_is_refused_in_part() -> None:
    store, counts = PartlyTaking(says=True), DeliveryCounts()
    request = [points("a", 0, 50), points("b", 0, 50)]
    store.post(request)
    sender = Sender(store.post, counts, repeated=True)
    sender.send(request)
    assert sender.taken == 100
    assert not any(counts.dropped.values())


def test_samples_that_are_too_old_are_skipped_in_few_requests_and_each_is_counted() -> None:
    store, counts = Store(least=50_000), DeliveryCounts()
    sender = Sender(store.post, counts)
    for start in range(0, 60_000, 2000):
        sender.send([points("a", start, 2000)])
    assert counts.dropped["age"] + len(store.series["a"]) == 60_000
    assert set(range(50_064, 60_000)) <= set(store.series["a"])
    assert store.requests < 1000


def test_a_receiver_that_refuses_everything_does_not_hold_the_queue_up() -> None:
    class Never(Store):
        def _take(self, request: Any) -> None:
            raise RefusedError("refused", "no")

    store, counts = Never(), DeliveryCounts()
    Sender(store.post, counts).send([points("a", 0, 1000), points("b", 0, 1000)])
    assert counts.dropped["refused"] == 2000
    assert store.requests < 100


@pytest.mark.parametrize("seed", range(10))
def test_every_sample_is_taken_or_counted_whatever_fails(seed: int) -> None:
    rng = random.Random(seed)
    errors = [UnavailableError("timeout", "", unknown=True), UnavailableError("throttled", "")]
    store = Store(
        poison=[value / 7 for value in rng.sample(range(1000), 20)],
        least=300,
        fails=lambda number: rng.choice(errors) if rng.random() < 0.3 else None,
    )
    counts = DeliveryCounts()
    sender = Sender(store.post, counts)
    for start in range(0, 1000, 100):
        deliver(sender, [points("a", start, 100), points("b", start, 100)])
    stored = sum(map(len, store.series.values()))
    assert sender.taken + sum(counts.dropped.values()) == 2000
    assert abs(stored - sender.taken) <= 128, "a lost answer to a probe leaves open what was taken"
    assert math.isclose(counts.dropped["age"], 600, abs_tol=128)
