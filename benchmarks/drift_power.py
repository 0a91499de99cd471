"""Whether drift can be trusted: false alarms on clean data, and power on known shifts, beside scipy's tests.

``python -m benchmarks.drift_power`` writes ``docs/drift_power.md``; ``--quick`` takes a tenth of the trials, and prints.
Every trial draws a fresh window, and a fresh reference with thresholds calibrated anew: with many features every twentieth
trial does. Seeds are fixed, so the same command gives the same table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from traingauge import Reference
from traingauge.parts.drift import Drift

Table = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Table]

#: Rows of a reference, the false-alarm rate that is asked for, and windows that share a reference.
ROWS, RATE, SHARED = 5_000, 0.01, 20

#: Features and windows of the false alarms: of one kind of data all, of the others the first few.
SIZES = ((1, 500), (1, 1000), (1, 10_000), (50, 500), (50, 1000), (500, 500))
WIDE, NARROW = "normal", 4

PAGE = Path(__file__).parent.parent / "docs" / "drift_power.md"


@dataclass(frozen=True)
class Kind:
    """Data of one distribution.

    Attributes:
        draw: Clean data, shape (rows, features).
        shifts: By name, data that has shifted.
        categorical: Whether its numbers are categories.
    """

    draw: Draw
    shifts: Mapping[str, Draw] = field(default_factory=dict)
    categorical: bool = False


def _missing(draw: Draw) -> Draw:
    return lambda rng, size: np.where(rng.random(size) < 0.05, np.nan, draw(rng, size))


def _continuous(draw: Draw, deviation: float) -> Kind:
    shifts = {
        "mean + 0.25 sd": lambda rng, size: draw(rng, size) + 0.25 * deviation,
        "scale x 1.5": lambda rng, size: draw(rng, size) * 1.5,
        "5 % missing": _missing(draw),
    }
    return Kind(draw, shifts)


def _category(shares: NDArray[np.float64], doubled: int) -> Kind:
    more = shares * np.where(np.arange(len(shares)) == doubled, 2, 1)

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Table:
        return rng.choice(len(shares), size, p=shares / shares.sum()).astype(float)

    def shifted(rng: np.random.Generator, size: tuple[int, int]) -> Table:
        return rng.choice(len(more), size, p=more / more.sum()).astype(float)

    return Kind(draw, {"one category doubled": shifted, "5 % missing": _missing(draw)}, categorical=True)


def _counts(rate: float) -> Draw:
    return lambda rng, size: rng.poisson(rate, size).astype(float)


def _coin(share: float) -> Draw:
    return lambda rng, size: (rng.random(size) < share).astype(float)


KINDS: Mapping[str, Kind] = {
    "normal": _continuous(lambda rng, size: rng.normal(size=size), 1.0),
    "exponential": _continuous(lambda rng, size: rng.exponential(size=size), 1.0),
    "lognormal": _continuous(lambda rng, size: rng.lognormal(size=size), float(stats.lognorm(1).std())),
    "Student t, 3 df": _continuous(lambda rng, size: rng.standard_t(3, size), 3**0.5),
    "Poisson(4)": Kind(
        _counts(4),
        {"mean + 0.25 sd": _counts(4.5), "scale x 1.5": _counts(6), "5 % missing": _missing(_counts(4))},
    ),
    "binary": Kind(_coin(0.5), {"mean + 0.25 sd": _coin(0.625), "5 % missing": _missing(_coin(0.5))}),
    "3 categories": _category(np.array([0.6, 0.3, 0.1]), 2),
    "300 categories": _category(1 / np.arange(1, 301), 2),
}


def drifted(reference: Reference, window: Table) -> tuple[set[str], bool]:
    """Names of the features that drifted, and whether all of them together did."""
    drift = Drift(reference, statistics=())
    drift.add([drift.encode(window)])
    features, joint = set(), False
    for family in drift.families():
        for key, value in zip(family.keys, family.values, strict=True):
            if key.labels[-1:] == ("calibrated",) and value > 1:
                if family.metric.name == "model_feature_drift":
                    features.add(str(key.labels[0]))
                else:
                    joint = True
    return features, joint


def scipy_pvalue(kind: Kind, reference: Table, window: Table) -> float:
    """Of one feature: Kolmogorov–Smirnov, or chi-square of categories, or of what is missing if anything is."""
    if np.isnan(window).any() or kind.categorical:
        columns = [
            np.where(np.isnan(column), -1, column if kind.categorical else 0)
            for column in (reference, window)
        ]
        levels = np.unique(np.concatenate(columns))
        observed = [[np.count_nonzero(column == level) for level in levels] for column in columns]
        return float(stats.chi2_contingency(observed, correction=False).pvalue)
    return float(stats.ks_2samp(reference, window, method="asymp").pvalue)


def references(
    kind: Kind, features: int, window: int, trials: int
) -> Iterator[tuple[Table, Reference, np.random.Generator]]:
    """A calibrated reference for every trial: a new one every time, or every so often where there are many features."""
    for trial in range(trials):
        rng = np.random.default_rng([features, window, trial])
        if trial % (1 if features == 1 else SHARED) == 0:
            rows = kind.draw(rng, (ROWS, features))
            names = [f"f{at}" for at in range(features)] if kind.categorical else ()
            reference = Reference.from_data(rows, categorical=names).calibrate(
                window=window, false_alarm_rate=RATE, resamples=1000, seed=trial
            )
        yield rows, reference, rng


def false_alarms(kind: Kind, features: int, window: int, trials: int) -> int:
    """Clean windows of which any feature was found to have drifted."""
    return sum(
        bool(drifted(reference, kind.draw(rng, (window, features)))[0])
        for _, reference, rng in references(kind, features, window, trials)
    )


def power(kind: Kind, features: int, window: int, trials: int) -> dict[str, tuple[float, float]]:
    """By shift of the first feature, how often it was found: by traingauge, and by scipy with Bonferroni's correction."""
    found = {name: np.zeros(2) for name in kind.shifts}
    for rows, reference, rng in references(kind, features, window, trials):
        clean = kind.draw(rng, (window, features))
        for name, shift in kind.shifts.items():
            data = np.column_stack([shift(rng, (window, 1)), clean[:, 1:]])
            found[name] += (
                "f0" in drifted(reference, data)[0],
                scipy_pvalue(kind, rows[:, 0], data[:, 0]) < RATE / features,
            )
    return {name: (float(ours / trials), float(theirs / trials)) for name, (ours, theirs) in found.items()}


def correlation(window: int, trials: int) -> tuple[int, int]:
    """How often two of ten features with correlation 0.5 were found to go together otherwise: clean, and with -0.5."""

    def pairs(rng: np.random.Generator, size: tuple[int, int], sign: float) -> Table:
        rows = rng.normal(size=size)
        rows[:, 1] = sign * 0.5 * rows[:, 0] + 0.75**0.5 * rows[:, 1]
        return rows

    kind = Kind(lambda rng, size: pairs(rng, size, 1.0))
    clean = flipped = 0
    for _, reference, rng in references(kind, 10, window, trials):
        clean += drifted(reference, pairs(rng, (window, 10), 1.0))[1]
        flipped += drifted(reference, pairs(rng, (window, 10), -1.0))[1]
    return clean, flipped


def interval(trials: int) -> tuple[int, int]:
    """Alarms that lie within the central 95 % of the binomial distribution at the stated rate."""
    low, high = stats.binom.ppf([0.025, 0.975], trials, RATE)
    return int(low), int(high)


def alarm_rows(trials: int) -> Iterator[str]:
    """The table of false alarms, a line at a time."""
    low, high = interval(trials)
    yield f"| data | features | windows of | false alarms in {trials} | within {low} to {high} |"
    yield "| --- | --: | --: | --: | --- |"
    for name, kind in KINDS.items():
        for features, window in SIZES if name == WIDE else SIZES[:NARROW]:
            alarms = false_alarms(kind, features, window, trials)
            yield f"| {name} | {features} | {window} | {alarms} | {'yes' if low <= alarms <= high else 'no'} |"


def power_rows(trials: int) -> Iterator[str]:
    """The table of power, a line at a time."""
    yield "| data | shift | features | windows of | traingauge | scipy, Bonferroni |"
    yield "| --- | --- | --: | --: | --: | --: |"
    for name, kind in KINDS.items():
        for features, window in ((1, 500), (50, 500)):
            for shift, (ours, theirs) in power(kind, features, window, trials).items():
                yield f"| {name} | {shift} | {features} | {window} | {ours:.1%} | {theirs:.1%} |"


def report(trials: int) -> Iterator[str]:
    """The page, a line at a time."""
    yield "# False alarms and power of drift detection"
    yield ""
    yield f"Made by `python -m benchmarks.drift_power`: references of {ROWS} rows, thresholds calibrated to a false-alarm"
    yield f"rate of {RATE:.0%} per window and data set, {trials} trials each. Each trial has a reference of its own; with more"
    yield f"than one feature {SHARED} trials share one."
    yield ""
    yield "## False alarms"
    yield ""
    yield "Windows without drift in which *any* feature was found to have drifted. The interval is the central 95 % of the"
    yield "binomial distribution at the stated rate; of so many rows, one in twenty may lie outside by chance."
    yield ""
    yield from alarm_rows(trials)
    yield ""
    yield "## Power"
    yield ""
    yield "How often the one feature that shifted was found. scipy compares it with the full reference, at the same rate"
    yield "divided by the number of features: Kolmogorov-Smirnov for numbers, chi-square for categories and for what is"
    yield "missing."
    yield ""
    yield from power_rows(trials)
    yield ""
    yield "## Correlation"
    yield ""
    yield "Two of ten normal features have a correlation of 0.5, which flips to -0.5: no feature by itself changes."
    yield ""
    yield f"| windows of | false alarms in {trials} | found |"
    yield "| --: | --: | --: |"
    for window in (500, 1000):
        clean, flipped = correlation(window, trials)
        yield f"| {window} | {clean} | {flipped / trials:.1%} |"


def main() -> None:
    """Write the page, or print a quick one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, and print only")
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    started = time.perf_counter()
    lines = []
    for line in report(options.trials // 10 if options.quick else options.trials):
        print(line, flush=True)
        lines.append(line)
    print(f"\n{time.perf_counter() - started:.0f} s")
    if not options.quick:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
