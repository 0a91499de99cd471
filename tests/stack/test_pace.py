from __future__ import annotations

import pytest

from traingauge.stack.errors import ConfigError, PaceLostError
from traingauge.stack.pace import Pace, at_a_pace_that_holds


@pytest.mark.parametrize("factor", [0.5, 0.0, -1.0, float("nan")])
def test_a_factor_below_one_is_refused(factor: float) -> None:
    with pytest.raises(ConfigError, match=rf"factor {factor!r}: expected 1 \(nothing changes\) or more"):
        Pace(factor)


def test_half_the_pace_keeps_the_number_of_intervals_in_a_waiting_time() -> None:
    pace = Pace(30.0)
    for _ in range(3):
        slower = pace.slower()
        assert slower.factor * slower.shortest_interval == pace.factor * pace.shortest_interval
        pace = slower


def test_no_pace_is_slower_than_what_is_shipped() -> None:
    assert Pace(1.5).slower().factor == 1.0
    assert Pace(1.5).slower().is_slowest


def test_an_attempt_is_made_until_the_machine_keeps_its_pace() -> None:
    factors = []

    def attempt(pace: Pace) -> str:
        factors.append(pace.factor)
        if len(factors) < 3:
            raise PaceLostError("too busy")
        return "done"

    assert at_a_pace_that_holds(attempt, Pace(8.0)) == "done"
    assert factors == [8.0, 4.0, 2.0]


def test_a_machine_that_cannot_keep_even_the_shipped_intervals_is_an_error() -> None:
    def attempt(_: Pace) -> None:
        raise PaceLostError("too busy")

    with pytest.raises(PaceLostError, match="too busy"):
        at_a_pace_that_holds(attempt, Pace(8.0))


def test_any_other_failure_is_not_tried_again() -> None:
    attempts = []

    def attempt(pace: Pace) -> None:
        attempts.append(pace)
        raise AssertionError("a wrong alert")

    with pytest.raises(AssertionError, match="a wrong alert"):
        at_a_pace_that_holds(attempt, Pace(8.0))
    assert len(attempts) == 1
