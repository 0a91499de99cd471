"""The results as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.drift.power.bench import AGAIN, Bench, cells, repeated
from benchmarks.drift.power.cell import FEATURES, MANY_ROWS, RATE, ROWS, WINDOWS, Cell, Measured, interval
from benchmarks.drift.power.kinds import KINDS


def page(bench: Bench, trials: int, *, quick: bool = False) -> str:
    """The page of the results with that many trials, and of the rows that were measured once more."""
    wanted = cells(quick=quick)
    measured = bench.known(wanted, trials)
    measured += bench.known(repeated(measured), AGAIN)
    return "\n".join(report(measured, () if quick else wanted)) + "\n"


def alarm_rows(measured: list[Measured]) -> Iterator[str]:
    """A table of false alarms, a line at a time."""
    low, high = interval(measured[0].trials)
    yield f"| data | features | windows of | false alarms in {measured[0].trials} | within {low} to {high} |"
    yield "| --- | --: | --: | --: | --- |"
    for one in sorted(
        measured, key=lambda one: (list(KINDS).index(one.cell.kind), one.cell.features, one.cell.window)
    ):
        cell, verdict = one.cell, "yes" if one.within else "no"
        yield f"| {cell.kind} | {cell.features} | {cell.window} | {one.found['clean'][0]} | {verdict} |"


def total(measured: list[Measured]) -> str:
    """A sentence on all false alarms together."""
    alarms, trials = sum(one.found["clean"][0] for one in measured), sum(one.trials for one in measured)
    low, high = interval(trials)
    outside = sum(not one.within for one in measured)
    return (
        f"Together {alarms:,} false alarms in {trials:,} windows, {alarms / trials:.2%} "
        f"(interval: {low} to {high}); {outside} of {len(measured)} rows lie outside of theirs."
    )


def power_rows(measured: list[Measured]) -> Iterator[str]:
    """The table of power, a line at a time, and how far scipy is ahead at most."""
    yield "| data | shift | features | windows of | traingauge | scipy, Bonferroni |"
    yield "| --- | --- | --: | --: | --: | --: |"
    leads = []
    for one in sorted(measured, key=lambda one: (list(KINDS).index(one.cell.kind), one.cell.features)):
        for shift, found in one.found.items():
            ours, theirs = (count / one.trials for count in found)
            leads.append(theirs - ours)
            sizes = f"{one.cell.features} | {one.cell.window}"
            yield f"| {one.cell.kind} | {shift} | {sizes} | {ours:.1%} | {theirs:.1%} |"
    yield ""
    yield f"Where scipy finds more, it is ahead by at most {max(0.0, *leads) * 100:.1f} points."


def correlation_rows(measured: list[Measured]) -> Iterator[str]:
    """The table of correlation, a line at a time."""
    yield f"| windows of | false alarms in {measured[0].trials} | found |"
    yield "| --: | --: | --: |"
    for one in measured:
        found = one.found["flipped"][0] / one.trials
        yield f"| {one.cell.window} | {one.found['clean'][0]} | {found:.1%} |"


_HEAD = f"""# False alarms and power of drift detection

Made by `make bench-drift`: references of {ROWS:,} rows, thresholds calibrated to a false-alarm rate of {RATE:.0%} per
window and data set. With one feature each trial has a reference of its own. With {FEATURES[1]} and {FEATURES[2]}, 20 trials
share one, of {MANY_ROWS:,} rows for windows of {WINDOWS[2]:,}, which is fair because chance is then mostly the window's.

## False alarms

Windows without drift in which *any* feature was found to have drifted. The interval is the central 95 % of the
binomial distribution at the stated rate; of many rows, some lie outside by chance.
"""

_AGAIN = f"""
To separate chance from fault, those rows are measured once more, with {AGAIN:,} trials of another seed:
"""

_POWER = """
## Power

How often the one feature that shifted was found. scipy compares it with the full reference, at the same rate
divided by the number of features: Kolmogorov-Smirnov for numbers, chi-square for categories and for what is
missing.
"""

_CORRELATION = """
## Correlation

Two of ten normal features have a correlation of 0.5, which flips to -0.5: no feature by itself changes.
"""


def pending(measured: list[Measured], wanted: Iterable[Cell]) -> Iterator[str]:
    """The cells that an interrupted run has not measured yet."""
    done = {one.cell for one in measured}
    left = [cell for cell in (*wanted, *repeated(measured)) if cell not in done]
    if left:
        again = {0: "", 1: ", once more"}
        named = "; ".join(f"{one.features} {one.kind} in {one.window}{again[one.seed]}" for one in left)
        yield ""
        yield f"Not measured yet (features, data, window): {named}."


def report(measured: list[Measured], wanted: Iterable[Cell] = ()) -> Iterator[str]:
    """The page, a line at a time."""
    tables: dict[str, list[Measured]] = {}
    for one in measured:
        tables.setdefault(f"{one.cell.table} {one.cell.seed}", []).append(one)
    yield _HEAD
    if "alarms 0" in tables:
        yield from alarm_rows(tables["alarms 0"])
        yield ""
        yield total(tables["alarms 0"])
    if "alarms 1" in tables:
        yield _AGAIN
        yield from alarm_rows(tables["alarms 1"])
    yield from pending(measured, wanted)
    if "power 0" in tables:
        yield _POWER
        yield from power_rows(tables["power 0"])
    if "correlation 0" in tables:
        yield _CORRELATION
        yield from correlation_rows(tables["correlation 0"])
