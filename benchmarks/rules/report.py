"""The results as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        f"Measured is the processor time of one evaluation with {', '.join(sizes[:-1])} and {sizes[-1]} runs, while other "
        f"programs ran; the figures for {RUNS} runs are those for {sizes[-1]} times {RUNS / int(sizes[-1]):g}. Durations "
        "were not measured. Groups that take less than 0.1 s are left out.\n"
    )
    yield f"| group | interval | {' | '.join(f'{runs} runs' for runs in sizes)} | {RUNS} runs, calculated |"
    yield "| --- | ---: |" + " ---: |" * (len(sizes) + 1)
    for group, every in results["intervals"].items():
        seconds = [results["seconds"][runs][group] for runs in sizes]
        expected = seconds[-1] * RUNS / int(sizes[-1])
        if expected >= 0.1:
            cells = " | ".join(f"{second:.2f} s" for second in seconds)
            yield f"| {group} | {every} s | {cells} | {expected:.1f} s |"
    cores = [
        sum(results["seconds"][runs][group] / every for group, every in results["intervals"].items())
        for runs in sizes
    ]
    total = " | ".join(f"{core:.2f}" for core in cores)
    yield f"| **cores for all groups** | | {total} | {cores[-1] * RUNS / int(sizes[-1]):.1f} |"


def _kilobytes(sizes: Mapping[str, int]) -> str:
    return f"{(sizes['samples'] + sizes['index'] / 2) / 1000:.0f} kB"
