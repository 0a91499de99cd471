"""The results as JSON, as a page of Markdown and as a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from benchmarks.cost.growth import Curve
from benchmarks.cost.harness import Check, Row


def write(
    page: Path,
    results: Path,
    machine: Mapping[str, str],
    rows: Sequence[Row],
    curves: Sequence[Curve],
    *,
    command: str = "python -m benchmarks.cost",
) -> None:
    """Write the results as JSON, the page and, where matplotlib is installed, its picture in ``pictures/`` next to it."""
    results.parent.mkdir(parents=True, exist_ok=True)
    picture = page.parent / "pictures" / f"{page.stem}-growth.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": dict(machine),
        "rows": [asdict(row) | {"checks": [_checked(check) for check in row.checks]} for row in rows],
        "growth": [asdict(curve) | {"slope": curve.slope} for curve in curves],
    }
    results.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    shown = f"pictures/{picture.name}" if curves and _plot(picture, curves) else None
    page.write_text("\n".join(_page(machine, rows, curves, command, shown)) + "\n", encoding="utf-8")


def text(row: Row) -> str:
    """A row for the terminal."""
    lines = [row.title]
    for figure in row.figures:
        noise = f"[{_number(figure.low)}, {_number(figure.high)}]"
        lines.append(f"  {figure.name:64}{seconds(figure.seconds):>10}{_number(figure.ratio):>9} {noise}")
    lines += [f"  {'met' if check.met else 'NOT MET':9}{_target(check)}" for check in row.checks]
    lines += [f"  {peer}: {why}" for peer, why in row.missing.items()]
    return "\n".join(lines)


def seconds(value: float) -> str:
    """Seconds in a readable unit.

    >>> seconds(1.5e-6), seconds(0.0123), seconds(2.0)
    ('1.50 µs', '12.3 ms', '2.00 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{_number(value / size)} {unit}"
    return f"{_number(value / 1e-9)} ns"


def _page(
    machine: Mapping[str, str],
    rows: Sequence[Row],
    curves: Sequence[Curve],
    command: str,
    picture: str | None,
) -> Iterator[str]:
    yield f"<!-- Written by `{command}`: do not edit. -->\n"
    yield "# What it costs\n"
    yield (
        "Every row is measured in one run, in random order, as a ratio to its own base; the base runs twice, and the second "
        "time (*null*) shows the noise. In brackets are the quartiles over rounds. Time is that of the thread on a "
        "processor, unless the row says otherwise. Ratios differ less between machines than seconds, and still by half or "
        "more between processors: `generate_latest` ÷ ours at 10 % changed was 41 on an AMD EPYC and 28 on an Intel Xeon. "
        "`make bench` measures yours.\n"
    )
    yield from (f"* {name}: {value}" for name, value in machine.items())
    yield "\n## Targets\n"
    yield "| figure | measured | target | |"
    yield "| --- | ---: | ---: | --- |"
    for check in (check for row in rows for check in row.checks):
        target, met = (
            f"{'≤' if check.at_most else '≥'} {check.target:g}",
            "met" if check.met else "**not met**",
        )
        yield f"| {check.what} | {_number(check.value)} | {target} | {met} |"
    for row in rows:
        yield f"\n## {row.title}\n"
        yield from _table(row)
    if curves:
        yield "\n## Growth\n"
        yield from _growth(curves, picture)


def _table(row: Row) -> Iterator[str]:
    if row.figures:
        yield f"| | {row.unit} | ratio | |"
        yield "| --- | ---: | ---: | ---: |"
    for figure in row.figures:
        name = f"**{figure.name}**" if figure.ours else figure.name
        noise = f"[{_number(figure.low)}, {_number(figure.high)}]"
        yield f"| {name} | {seconds(figure.seconds)} | {_number(figure.ratio)} | {noise} |"
    for peer, why in row.missing.items():
        yield f"| {peer} | {why} | | |" if row.figures else f"{peer}: {why}"
    if row.note:
        yield f"\n{row.note}"


def _growth(curves: Sequence[Curve], picture: str | None) -> Iterator[str]:
    yield (
        "The slope is that of the logarithms over the upper half of the sizes: 0 is constant, 1 is linear. Of "
        "more than 100 classes or 200 features only the worst are published as series, so that scrapes stay bounded. "
        "Memory grows until the history of the last steps, which a script can read, is full.\n"
    )
    for curve in curves:
        yield (
            f"| {curve.what} | "
            + " | ".join(f"{size:,}".replace(",", " ") for size in curve.sizes)
            + " | slope |"
        )
        yield "| --- |" + " ---: |" * (len(curve.sizes) + 1)
        yield f"| {curve.of} | " + " | ".join(map(_number, curve.costs)) + f" | {curve.slope:.2f} |\n"
    if picture:
        yield f"![Cost against size]({picture})"


def _plot(path: Path, curves: Iterable[Curve]) -> bool:
    """Draw one panel per size; returns False if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return False
    import matplotlib as mpl
    from matplotlib.figure import Figure

    grows = dict.fromkeys(curve.what for curve in curves)
    figure = Figure(figsize=(15, 3.4), layout="constrained")
    for axes, what in zip(figure.subplots(1, len(grows), squeeze=False)[0], grows, strict=True):
        for curve in (curve for curve in curves if curve.what == what):
            axes.loglog(curve.sizes, curve.costs, "o-", label=f"{curve.of} (slope {curve.slope:.2f})")
        axes.set_xlabel(what)
        axes.set_ylim(bottom=min(min(curve.costs) for curve in curves if curve.what == what) / 2)
        axes.legend(fontsize=6, loc="upper left")
        axes.grid(visible=True, alpha=0.3)
    with mpl.rc_context({"svg.hashsalt": "benchmarks"}):
        figure.savefig(path, metadata={"Date": None})
    return True


def _checked(check: Check) -> dict[str, object]:
    return asdict(check) | {"met": check.met}


def _target(check: Check) -> str:
    return f"{check.what}: {_number(check.value)}, target {'≤' if check.at_most else '≥'} {check.target:g}"


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
