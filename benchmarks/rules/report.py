"""The results as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Runs that the page speaks of.
RUNS = 1000


def page(results: Mapping[str, Any]) -> str:
    """The page's text."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    sizes = list(results["seconds"])
    yield "<!-- Written by `python -m benchmarks.rules`: do not edit. -->\n"
    yield "# What rules and storage cost\n"
    yield (
        "Two kinds of runs of the exporter: one publishes a loss alone; the other classifies into 10 classes, with scores "
        "of training, validation and test, and compares 30 features with a reference. Each has trained for a day.\n"
    )
    yield from (f"* {name}: {value}" for name, value in results["machine"].items())
    yield "\n## Series and bytes of a run\n"
    yield (
        "Samples compress as they change: a score of a window changes at each scrape, most series do not. The index of a "
        "block is as large for two hours as for one. Bytes are those of all scraped series; "
        "[a keep-list](../how-to/operators/cost.md) takes most of them away.\n"
    )
    yield "| run | series | recorded by the rules | bytes an hour at 5 s | at 15 s | at 30 s |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for kind, series in results["series"].items():
        sizes_of = results["bytes"][kind]
        cells = " | ".join(_kilobytes(sizes_of[every]) for every in ("5", "15", "30"))
        yield f"| {kind} | {series['scraped']} | {series['recorded']} | {cells} |"
    yield f"\n## Evaluation of the rules for {RUNS} runs that classify\n"
    yield (
        "Measured is the processor time of one evaluation, while other programs ran; durations were not measured."
        f"{_calculation(sizes)} Of the past, each run has as much as the rules read, up to two hours. Groups that take less "
        "than 0.1 s are left out.\n"
    )
    head = [f"{runs} runs" for runs in sizes]
    if _factor(sizes) != 1:
        head.append(f"{RUNS} runs, calculated")
    yield f"| group | interval | {' | '.join(head)} | share of the interval |"
    yield "| --- | ---: |" + " ---: |" * (len(head) + 1)
    shares = {}
    for group, every in results["intervals"].items():
        seconds = [results["seconds"][runs][group] for runs in sizes]
        expected = seconds[-1] * _factor(sizes)
        shares[group] = expected / every
        if expected >= 0.1:
            cells = [f"{second:.2f} s" for second in seconds]
            if _factor(sizes) != 1:
                cells.append(f"{expected:.1f} s")
            yield f"| {group} | {every} s | {' | '.join(cells)} | {expected / every:.0%} |"
    cores = [
        sum(results["seconds"][runs][group] / every for group, every in results["intervals"].items())
        for runs in sizes
    ]
    cells = [f"{core:.2f}" for core in cores]
    if _factor(sizes) != 1:
        cells.append(f"{cores[-1] * _factor(sizes):.1f}")
    yield f"| **cores for all groups** | | {' | '.join(cells)} | |"
    slow = [group for group, share in shares.items() if share > 0.5]
    yield "\n" + (
        f"More than half of its interval takes {', '.join(slow)}."
        if slow
        else "No group takes more than half of its interval."
    )


def _factor(sizes: Sequence[str]) -> float:
    """What the largest fleet is multiplied by."""
    return RUNS / int(sizes[-1])


def _calculation(sizes: Sequence[str]) -> str:
    factor = _factor(sizes)
    return "" if factor == 1 else f" The figures for {RUNS} runs are those for {sizes[-1]} times {factor:g}."


def _kilobytes(sizes: Mapping[str, int]) -> str:
    return f"{(sizes['samples'] + sizes['index'] / 2) / 1000:.0f} kB"
