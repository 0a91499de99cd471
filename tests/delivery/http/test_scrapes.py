"""The end of a run waits for the scrape that sees it, no longer than it has to."""

import threading

import pytest

from tests.waiting import FOREVER, finished
from traingauge.delivery.http import Scrapes


def scrapes_at(*starts: float) -> Scrapes:
    scrapes = Scrapes()
    for start in starts:
        scrapes.seen(start)
    return scrapes


def test_a_run_that_was_never_scraped_does_not_wait() -> None:
    assert Scrapes().patience(100.0, FOREVER) == 0


def test_a_run_that_is_scraped_each_second_waits_for_one_that_is_late() -> None:
    assert scrapes_at(0.0, 1.0, 2.0).patience(2.5, 120.0) == 4.0


@pytest.mark.parametrize("interval", [15.0, 30.0, 45.0, 60.0])
def test_a_run_waits_for_the_longest_gap_between_scrapes_and_a_quarter(interval: float) -> None:
    scrapes = scrapes_at(0.0, interval, 2 * interval, 2.9 * interval)
    assert scrapes.patience(3.8 * interval, 120.0) == 1.25 * interval


def test_a_run_waits_for_the_slowest_prometheus_up_to_the_limit() -> None:
    assert scrapes_at(0.0, 120.0, 240.0).patience(359.0, 120.0) == 120.0


def test_one_gap_says_too_little_as_two_prometheus_servers_may_scrape_in_turn() -> None:
    assert scrapes_at(0.0, 0.001).patience(10.0, 120.0) == 120.0


def test_two_prometheus_servers_are_given_the_interval_of_each() -> None:
    """Every other gap between their scrapes is tiny, and says nothing of when the next one comes."""
    assert scrapes_at(0.0, 0.001, 60.0, 60.001).patience(100.0, 120.0) == pytest.approx(75.0, abs=0.01)


@pytest.mark.parametrize("starts", [(0.0,), (0.0, 15.0, 30.0)])
def test_a_prometheus_that_is_gone_is_not_waited_for(starts: tuple[float, ...]) -> None:
    assert scrapes_at(*starts).patience(30.0, 120.0) > 0
    assert scrapes_at(*starts).patience(1000.0, 120.0) == 0


def replicas(*clients: str) -> Scrapes:
    scrapes = Scrapes()
    for start in (0.0, 15.0, 30.0):
        for at, client in enumerate(clients):
            scrapes.seen(start + at, client)
    return scrapes


def test_each_of_two_replicas_is_given_time_to_see_the_end() -> None:
    scrapes = replicas("a", "b")
    scrapes.seen(41.0, "a")
    assert not scrapes.wait(after=40.0, at_most=0.01)
    threading.Timer(0.05, scrapes.seen, [42.0, "b"]).start()
    assert finished(lambda: scrapes.wait(after=40.0, at_most=FOREVER))


def behind_one_address(*offsets: float, timeout: float, interval: float = 15.0) -> Scrapes:
    """Each of several Prometheus servers has scraped three times, the last time before 45 s."""
    scrapes = Scrapes()
    for start in sorted(number * interval + offset for number in range(3) for offset in offsets):
        scrapes.seen(start, "nat", timeout)
    return scrapes


@pytest.mark.parametrize("offsets", [(0.0, 0.001), (0.0, 3.0), (0.0, 7.4), (0.0, 12.0)])
def test_each_of_two_replicas_behind_one_address_is_given_time_to_see_the_end(
    offsets: tuple[float, ...],
) -> None:
    scrapes = behind_one_address(*offsets, timeout=10.0)
    assert scrapes.patience(44.0, 120.0) == pytest.approx(1.25 * 15.0)
    for offset in offsets:
        assert not scrapes.wait(after=44.0, at_most=0.0)
        scrapes.seen(45.0 + offset, "nat", 10.0)
    assert scrapes.wait(after=44.0, at_most=0.0)


@pytest.mark.parametrize(
    ("starts", "timeout"),
    [((0.0, 15.0, 30.0), 15.0), ((0.0, 15.0, 34.0, 45.0, 60.0), 15.0), ((0.0, 5.0, 15.0, 20.0, 30.0), 0.0)],
    ids=["regular", "late-once", "without-a-timeout"],
)
def test_what_may_be_one_prometheus_is_one(starts: tuple[float, ...], timeout: float) -> None:
    scrapes = Scrapes()
    for start in (*starts, starts[-1] + 15.0):
        scrapes.seen(start, "a", timeout)
    assert scrapes.wait(after=starts[-1] + 1.0, at_most=0.0)


def test_a_replica_behind_one_address_that_is_gone_is_soon_not_waited_for() -> None:
    scrapes = behind_one_address(0.0, 3.0, timeout=10.0)
    for start in range(45, 151, 15):
        scrapes.seen(float(start), "nat", 10.0)
    scrapes.seen(165.0, "nat", 10.0)
    assert scrapes.wait(after=160.0, at_most=0.0)


def test_a_replica_that_is_gone_is_not_waited_for() -> None:
    scrapes = replicas("a", "b")
    for start in range(45, 196, 15):
        scrapes.seen(start + 1.0, "b")
    assert scrapes.patience(190.0, 120.0) < 20.0
    assert finished(lambda: scrapes.wait(after=190.0, at_most=FOREVER))


def test_a_client_that_scraped_once_is_not_waited_for_where_another_scrapes_regularly() -> None:
    scrapes = replicas("a")
    scrapes.seen(31.0, "curl")
    assert scrapes.patience(32.0, 120.0) == 1.25 * 15.0
    scrapes.seen(45.0, "a")
    assert finished(lambda: scrapes.wait(after=40.0, at_most=FOREVER))


def test_few_addresses_are_remembered_however_many_a_proxy_has() -> None:
    scrapes = Scrapes()
    for number in range(1000):
        scrapes.seen(float(number), str(number))
    assert len(scrapes._starts) <= 16
    assert finished(lambda: scrapes.wait(after=998.0, at_most=FOREVER))


def test_a_scrape_that_began_before_the_end_does_not_count() -> None:
    assert not scrapes_at(99.9, 100.0).wait(after=100.05, at_most=0.01)


def test_a_scrape_that_began_after_the_end_has_seen_it() -> None:
    assert finished(lambda: scrapes_at(90.0, 101.0).wait(after=100.0, at_most=FOREVER))


def test_waiting_ends_where_nothing_is_served_any_more() -> None:
    scrapes = scrapes_at(90.0)
    threading.Timer(0.05, scrapes.close).start()
    assert not finished(lambda: scrapes.wait(after=100.0, at_most=FOREVER))


def test_waiting_ends_with_the_scrape() -> None:
    scrapes = scrapes_at(90.0)
    threading.Timer(0.05, scrapes.seen, [101.0]).start()
    assert finished(lambda: scrapes.wait(after=100.0, at_most=FOREVER))
