"""The end of a run waits for the scrape that sees it, no longer than it has to."""

import threading
import time

from tests.waiting import FOREVER, finished
from traingauge.delivery.http import Scrapes


def scrapes_at(*starts: float) -> Scrapes:
    scrapes = Scrapes()
    for start in starts:
        scrapes.seen(start)
    return scrapes


def test_a_run_that_was_never_scraped_does_not_wait() -> None:
    assert not finished(lambda: Scrapes().wait(after=100.0, at_most=FOREVER))


def test_a_run_last_scraped_long_ago_does_not_wait() -> None:
    assert not finished(lambda: scrapes_at(0.0, FOREVER).wait(after=3 * FOREVER, at_most=FOREVER))


def test_a_scrape_that_began_before_the_end_does_not_count() -> None:
    assert not scrapes_at(99.9, 100.0).wait(after=100.05, at_most=0.01)


def test_a_scrape_that_began_after_the_end_has_seen_it() -> None:
    assert finished(lambda: scrapes_at(90.0, 101.0).wait(after=100.0, at_most=FOREVER))


def test_waiting_ends_with_the_scrape() -> None:
    scrapes = scrapes_at(90.0)
    threading.Timer(0.05, scrapes.seen, [101.0]).start()
    assert finished(lambda: scrapes.wait(after=100.0, at_most=FOREVER))


def test_a_prometheus_that_is_gone_is_waited_for_three_intervals() -> None:
    started = time.monotonic()
    assert not finished(lambda: scrapes_at(99.9, 100.0).wait(after=100.0, at_most=FOREVER))
    assert time.monotonic() - started >= 0.29


def test_two_prometheus_servers_are_given_the_interval_of_each() -> None:
    """Every other gap between their scrapes is tiny, and says nothing of when the next one comes."""
    scrapes = scrapes_at(0.0, 0.001, FOREVER, FOREVER + 0.001)
    threading.Timer(0.05, scrapes.seen, [FOREVER + 101.0]).start()
    assert finished(lambda: scrapes.wait(after=FOREVER + 100.0, at_most=FOREVER))
