"""``python -m benchmarks.drift.run_lengths``: how rarely detectors alarm on noise, and how soon after a change.

It takes some minutes; the page has what it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.core.collectors.anomalies import Anomalies
from traingauge.stats.detectors.catalog import DETECTORS

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

#: What the noise of readings is like; of a mean of 25 steps it is close to normal.
NOISES: Mapping[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "uniform": lambda rng, size: rng.random(size),
    "exponential": lambda rng, size: rng.exponential(size=size),
    "lognormal": lambda rng, size: rng.lognormal(size=size),
    "Student's t, 3 degrees of freedom": lambda rng, size: rng.standard_t(3, size),
    "normal, depending on the one before by 0.5": lambda rng, size: _depending(rng.normal(size=size), 0.5),
    "a random walk": lambda rng, size: rng.normal(size=size).cumsum(),
}

READINGS, TRIALS, AFTER = 100_000, 200, 60


def _fallen(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """A loss that falls from 1.75 to 0.25, with 2 % of noise."""
    falls: NDArray[np.float64] = (0.25 + 1.5 * np.exp(-np.arange(size) / 4)) * (
        1 + 0.02 * rng.normal(size=size)
    )
    return falls


class Rise(NamedTuple):
    """A change for the worse.

    Attributes:
        draw: What readings would be without it.
        before: How many there are before it.
        shift: How much higher those from then on are.
    """

    draw: Draw
    before: int
    shift: float


RISES: Mapping[str, Rise] = {
    **{f"rises by {shift:g} standard deviations": Rise(NOISES["normal"], 200, shift) for shift in (2, 3, 5)},
    **{
        f"a loss that had fallen jumps after {before} readings": Rise(_fallen, before, 1.0)
        for before in (60, 100, 200)
    },
}


def false_alarms(draw: Draw, detector: str) -> int:
    """Alarms in :data:`READINGS` readings of pure noise."""
    anomalies = Anomalies([DETECTORS[detector]()])
    for step, value in enumerate(draw(np.random.default_rng(5), READINGS).tolist()):
        anomalies.read("loss", value, step)
    return _count(anomalies)


def found(detector: str, rise: Rise) -> tuple[float, float]:
    """Share of trials in which a rise is found, and the median number of readings that it takes."""
    delays = []
    for trial in range(TRIALS):
        values = rise.draw(np.random.default_rng(100 + trial), rise.before + AFTER)
        values[rise.before :] += rise.shift
        anomalies = Anomalies([DETECTORS[detector]()])
        for step, value in enumerate(values[: rise.before].tolist()):
            anomalies.read("loss", value, step)
        before = _count(anomalies)
        for delay, value in enumerate(values[rise.before :].tolist(), start=1):
            anomalies.read("loss", value, rise.before + delay)
            if _count(anomalies) > before:
                delays.append(delay)
                break
    return len(delays) / TRIALS, float(np.median(delays)) if delays else float("nan")


def main() -> None:
    """Print both tables."""
    print("| noise of the readings |", " | ".join(f"`{detector}`" for detector in DETECTORS), "|")
    print("| --- |", " | ".join("---:" for _ in DETECTORS), "|")
    for name, draw in NOISES.items():
        counts = (false_alarms(draw, detector) for detector in DETECTORS)
        cells = (f"{READINGS / count:.0f}" if count else f"> {READINGS}" for count in counts)
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    for name, rise in RISES.items():
        shares = (found(one, rise) for one in DETECTORS)
        cells = (f"{share:.0%} ({delay:.0f})" if share else "0%" for share, delay in shares)
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def _depending(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    for at in range(1, len(values)):
        values[at] += share * values[at - 1]
    return values


def _count(anomalies: Anomalies) -> int:
    families = {family.metric.name: family.values for family in anomalies.families()}
    return int(sum(families.get("model_anomalies_total", ())))


if __name__ == "__main__":
    main()
