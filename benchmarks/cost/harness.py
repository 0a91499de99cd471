"""Timing several ways to do one thing against each other.

All arms of a race run in every round, in random order, so that whatever else the machine does hits all of them; the ratio
of an arm is the median over rounds of its time to that of the base in the same round. The base runs twice: the second time
as the *null* arm, whose ratio would be 1 if there were no noise.

Time is that of the thread on a processor, unless a row says otherwise: what others do on the machine does not count then.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

#: Name of the arm that is the base again.
NULL = "the base again (null)"

#: Seconds that one arm runs in a round: long compared with a clock reading, short compared with disturbances.
ROUND_SECONDS = 5e-3

#: Minimum number of rounds.
MIN_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to do it.

    Attributes:
        name: What it is.
        run: Calls it a given number of times.
        clean: Tidies up after a round, untimed.
        ours: Whether it is traingauge.
        at_once: Most calls in a round; 0 for as many as fit.
        each: Operations that one call is.
    """

    name: str
    run: Callable[[int], object]
    clean: Callable[[], object] = lambda: None
    ours: bool = False
    at_once: int = 0
    each: int = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one arm.

    Attributes:
        name: Of the arm.
        seconds: Of one operation, median over rounds.
        ratio: To the base, median over rounds.
        low: Its lower quartile.
        high: Its upper quartile.
        ours: Whether it is traingauge.
    """

    name: str
    seconds: float
    ratio: float
    low: float
    high: float
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A figure compared with its target.

    Attributes:
        what: The figure in words.
        value: What was measured.
        target: What was aimed at.
        at_most: Whether the target is a ceiling; else it is a floor.
    """

    what: str
    value: float
    target: float
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        title: What is measured.
        unit: What one operation is.
        figures: Base first.
        checks: Targets.
        missing: Peers that are not installed, with how to get them.
        note: What one has to know to read it.
    """

    title: str
    unit: str
    figures: Sequence[Figure]
    checks: Sequence[Check] = ()
    missing: dict[str, str] = field(default_factory=dict)
    note: str = ""


def race(
    arms: Sequence[Arm], seconds: float, clock: Callable[[], float] = time.thread_time
) -> dict[str, Figure]:
    """Time all arms, base first, for about the given seconds; the null arm is added."""
    base = arms[0]
    arms = [base, replace(base, name=NULL), *arms[1:]]
    counts = {arm.name: _count(arm, clock) for arm in arms}
    times: dict[str, list[float]] = {arm.name: [] for arm in arms}
    until = time.perf_counter() + seconds
    while len(times[base.name]) < MIN_ROUNDS or time.perf_counter() < until:
        for arm in random.sample(arms, len(arms)):
            times[arm.name].append(_time(arm, counts[arm.name], clock))
    return {arm.name: _figure(arm, times[arm.name], times[base.name]) for arm in arms}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies; NaN of none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def _figure(arm: Arm, times: Sequence[float], base: Sequence[float]) -> Figure:
    ratios = [mine / others for mine, others in zip(times, base, strict=True)]
    low, high = quantile(ratios, 0.25), quantile(ratios, 0.75)
    return Figure(arm.name, statistics.median(times), statistics.median(ratios), low, high, arm.ours)


def _count(arm: Arm, clock: Callable[[], float]) -> int:
    """Calls in a round."""
    most = arm.at_once or 10**9
    count = 1
    while (took := _time(arm, count, clock) * count * arm.each) < ROUND_SECONDS and count < most:
        count = min(most, math.ceil(count * min(10.0, 1.2 * ROUND_SECONDS / max(took, 1e-9))))
    return count


def _time(arm: Arm, count: int, clock: Callable[[], float]) -> float:
    started = clock()
    arm.run(count)
    took = clock() - started
    arm.clean()
    return took / count / arm.each
