"""The harness tells what is faster, and by how much."""

import time

import pytest

from benchmarks.cost.growth import Curve
from benchmarks.cost.harness import MIN_ROUNDS, NULL, Arm, Check, quantile, race
from benchmarks.cost.stall import _during


def spin(count: int) -> None:
    for _ in range(count):
        sum(range(200))


def test_an_arm_that_does_ten_times_as_much_is_about_ten_times_as_slow() -> None:
    found = race([Arm("one", spin), Arm("ten", lambda count: spin(10 * count), ours=True)], 0.5)
    assert list(found) == ["one", NULL, "ten"]
    assert found["one"].ratio == 1.0
    assert 5 < found["ten"].ratio < 20
    assert found["ten"].low <= found["ten"].ratio <= found["ten"].high
    assert found["ten"].ours


def test_a_call_of_many_operations_is_counted_by_operations() -> None:
    found = race([Arm("one", spin), Arm("a hundred at once", lambda count: spin(100 * count), each=100)], 0.5)
    assert 0.5 < found["a hundred at once"].ratio < 2


def test_what_tidies_up_runs_after_every_round_and_is_not_timed() -> None:
    cleaned: list[int] = []

    def clean() -> None:
        cleaned.append(1)
        spin(1000)

    found = race([Arm("one", spin), Arm("tidied", spin, clean, at_once=1)], 0.1)
    assert len(cleaned) >= MIN_ROUNDS
    assert found["tidied"].ratio < 100


def test_an_arm_does_no_more_at_once_than_it_may() -> None:
    counts: list[int] = []
    race([Arm("one", spin), Arm("few", counts.append, at_once=3)], 0.05)
    assert max(counts) <= 3


def test_waiting_costs_no_processor_time_and_counts_by_wall_clock() -> None:
    def wait(count: int) -> None:
        time.sleep(0.002 * count)

    by_thread = race([Arm("spin", spin), Arm("wait", wait, at_once=1)], 0.1)
    by_wall = race([Arm("spin", spin), Arm("wait", wait, at_once=1)], 0.1, time.perf_counter)
    assert by_wall["wait"].seconds > 0.002 > by_thread["wait"].seconds


@pytest.mark.parametrize(
    ("value", "at_most", "met"), [(1.5, True, True), (1.6, True, False), (1.4, False, False)]
)
def test_a_target_is_a_ceiling_or_a_floor(value: float, at_most: bool, met: bool) -> None:
    assert Check("x", value, 1.5, at_most=at_most).met is met


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_the_slope_of_what_is_linear_is_one_and_of_what_is_constant_zero() -> None:
    sizes = [1, 10, 100, 1000]
    assert Curve("n", "µs", sizes, [2.0 * size for size in sizes]).slope == pytest.approx(1)
    assert Curve("n", "µs", sizes, [5.0] * 4).slope == pytest.approx(0)


def test_steps_during_a_scrape_are_those_that_overlap_it() -> None:
    ends = [0.0, 1.0, 2.5, 3.0, 5.0, 6.0, 7.0]
    assert list(_during(ends, [(1.5, 2.6), (5.5, 5.6)])) == [1.5, 0.5, 1.0]
