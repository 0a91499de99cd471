import pytest

from benchmarks.rules.report import page


@pytest.fixture
def results():
    """What a measurement with fleets of these sizes finds, given what a run costs each group."""

    def results(*sizes, fast=0.001, slow=0.001):
        return {
            "machine": {"processor": "one"},
            "series": {"plain": {"scraped": 100, "recorded": 20}},
            "bytes": {"plain": {str(every): {"samples": 2000, "index": 2000} for every in (5, 15, 30)}},
            "intervals": {"fast": 5, "slow": 30},
            "seconds": {str(runs): {"fast": fast * runs, "slow": slow * runs} for runs in sizes},
        }

    return results


def test_a_thousand_runs_are_calculated_where_fewer_were_measured(results):
    text = page(results(50, 200))
    assert "The figures for 1000 runs are those for 200 times 5." in text
    assert "| group | interval | 50 runs | 200 runs | 1000 runs, calculated | share of the interval |" in text
    assert "| fast | 5 s | 0.05 s | 0.20 s | 1.0 s | 20% |" in text


def test_a_thousand_runs_are_not_calculated_where_they_were_measured(results):
    text = page(results(50, 1000))
    assert "calculated" not in text
    assert "| fast | 5 s | 0.05 s | 1.00 s | 20% |" in text


def test_a_group_that_takes_more_than_half_of_its_interval_is_named(results):
    assert "No group takes more than half of its interval." in page(results(1000))
    assert "More than half of its interval takes fast." in page(results(1000, fast=0.003))
