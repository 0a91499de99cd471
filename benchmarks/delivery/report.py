"""The results as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results" / "delivery.json"
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "delivery.md"

#: Scenarios whose samples are compared, and what the page calls them.
COMPARED = {
    "Prometheus, every step": "10 000 steps of 30 series, Prometheus",
    "VictoriaMetrics, every step": "the same, VictoriaMetrics, compared to eleven digits",
    "every third answer is lost": "a proxy loses every third answer",
    "every third answer is lost, naive sender": "the same, a naive sender",
    "outage": "Prometheus is down for the middle of the run",
    "outage, window of 2 h": "the same, with `out_of_order_time_window: 2h`",
    "2.0 to a server of 1.0": '`protocol="2.0"` to a Prometheus that understands 1.0',
    "20 kills": "the process is killed 20 times and started again",
    "2.0, every step": '`protocol="2.0"` to a Prometheus that takes it',
    "2.0, outage": "the same, down for the middle of the run",
}

#: Series of each run that is compared.
SERIES = 30

#: Seconds of the outage that the shorter ones stand for.
FULL_OUTAGE = 1800.0

#: What the page says of each sender.
SENDERS = {
    "traingauge": "`RemoteWrite` to Prometheus, with a state directory.",
    "OpenTelemetry": "The exporter for remote write, three gauges and a reader that exports each second, to the same "
    "Prometheus. A gauge keeps its last value, and the sample has the time of the export. An export that fails is not "
    "repeated.",
    "gangplank": "The callback of Keras pushes at the end of an epoch, here every 50 steps, to a Pushgateway, which "
    "Prometheus scrapes each second. It stores a value as often as it sees it, at the time of the scrape.",
    "MLflow": "`log_metrics(…, synchronous=False)` to its tracking server, with SQLite.",
    "W&B offline": '`mode="offline"` writes a file and sends nothing until `wandb sync`. There is no server of W&B here.',
}


def page(results: Mapping[str, Any]) -> str:
    """The page's text."""
    return "\n\n".join(_parts(results)) + "\n"


def _parts(results: Mapping[str, Any]) -> Iterator[str]:
    found = results["scenarios"]
    yield "<!-- Written by `python -m benchmarks.delivery`: do not edit. -->"
    yield "# What arrives"
    yield (
        "Runs send themselves by [remote write](../how-to/remote-write.md) to real servers, which are then asked for what "
        "they have."
    )
    yield "\n".join(f"* {name}: {value}" for name, value in results["machine"].items())
    yield "## Every sample, by value and millisecond"
    yield _samples(found)
    yield _scale(found["outage"])
    lost = found["every third answer is lost"]
    yield (
        f"Where every third answer was lost, {_spaced(lost['steps'])} steps took {_spaced(lost['requests'])} requests and "
        f"{lost['seconds']:.0f} s; `linger=600` let the end wait for them. What is in doubt is sent again series by series."
    )
    yield (
        "The naive sender posts all rows that wait in one request of 1.0. If no answer comes, it posts them again, with the "
        "rows that have come since. It drops a request that is refused, and a receiver of 1.0 refuses all of it for the "
        "rows that it has already."
    )
    yield "## Rows that are too old"
    yield _too_old(found["three hours for a window of two"])
    yield "## Next to other senders, in the same outage"
    yield from _side_by_side(found["side by side"])
    yield "## Many runs on one Pushgateway"
    yield from _many_runs(found["60 runs on a Pushgateway"])
    yield "## What it costs"
    yield _steps(found["cost of a step"])
    yield _core(found["10 000 samples a second"])
    yield "## When"
    yield _when(results["measured"])
    yield "## Not measured"
    yield (
        "An outage of 30 minutes at its full length. Other senders whose run ends in the outage, or is killed. W&B with its "
        "server."
    )


def _when(measured: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["| scenario | date | load before | scheduling |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {' | '.join(where.values())} |" for name, where in measured.items()]
    return "\n".join(lines)


def _samples(found: Mapping[str, Any]) -> str:
    lines = ["| situation | samples | right | lost | doubled | other value |", "| --- |" + " ---: |" * 5]
    for name, title in COMPARED.items():
        one = found[name]
        if "missing" in one:
            lines.append(f"| {title} | not measured: {one['missing']} |" + " |" * 4)
            continue
        server = f" ({one['version']})" if "version" in one else ""
        counts = [one["right"], one["lost"], one["doubled"], one["different"]]
        samples = one["right"] + one["lost"] + one["different"]
        lines.append(f"| {title}{server} | {' | '.join(map(_spaced, [samples, *counts]))} |")
    return "\n".join(lines)


def _scale(one: Mapping[str, Any]) -> str:
    seconds, waiting = one["seconds away"], one["samples meanwhile"]
    return (
        f"The outage takes {seconds:.1f} s and stands for one of 30 minutes, 1 : {FULL_OUTAGE / seconds:.0f}. Meanwhile "
        f"{_spaced(waiting)} samples are recorded, as many as a run of {SERIES} series records in 30 minutes at "
        f"{waiting / SERIES / FULL_OUTAGE:.1f} steps a second. Not scaled are the pauses between attempts, which grow up to "
        "a minute."
    )


def _side_by_side(one: Mapping[str, Any]) -> Iterator[str]:
    whole = one["before"] + one["away"] + one["after"]
    yield (
        f"Each of them trains for {whole:.0f} s, ten steps a second with three numbers each, all at once on this machine. "
        f"The way to its receiver is blocked for {one['away']:.0f} s in the middle, which stand for 30 minutes, "
        f"1 : {FULL_OUTAGE / one['away']:.0f}, and then resets what was connected meanwhile. The time-outs of the senders, "
        "and the pauses between their attempts, are not scaled."
    )
    lines = [
        f"* {name} {one['versions'][name]}: {said}"
        for name, said in SENDERS.items()
        if name not in one["missing"]
    ]
    lines += [f"* {name}: {said}" for name, said in one["missing"].items()]
    yield "\n".join(lines)
    for kind, found in one["outages"].items():
        yield f"The receiver {kind}:"
        yield _arrived(found)


def _arrived(found: Mapping[str, Mapping[str, Any]]) -> str:
    heads = [
        "values",
        "arrived",
        "with the time of their step",
        "repeated",
        "longest call",
        "all calls",
        "exit",
    ]
    lines = [f"| sender | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
    for name, one in found.items():
        counts = [_spaced(one[key]) for key in ("recorded", "arrived", "timed", "repeated")]
        if "in its file" in one:
            counts[1] += f" ({_spaced(one['in its file'])} in its file)"
        times = [_seconds(one[key]) for key in ("longest", "calls", "exit")]
        lines.append(f"| {name} | {' | '.join([*counts, *times])} |")
    return "\n".join(lines)


def _many_runs(one: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{one['runs']} runs on this machine, a process each, push {one['spread']['series of a group']} series every "
        f"{one['every']:.0f} s, twice as often as by default. They start one after the other within that time, or all at "
        "once. The time of a push is from the request to the answer, in the run, which has to wait for a core, too. The "
        "Pushgateway says how long its own part took, on the mean. Its processor time is for all requests: a run also asks "
        "for the list of groups when it starts, and before it deletes its own."
    )
    heads = [
        "pushes",
        "failed",
        "median",
        "longest",
        "above 100 ms",
        "its own mean",
        "its processor time",
        "cores busy",
        "groups",
        "left",
    ]
    lines = [f"| start | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
    for kind in ("spread", "at once"):
        found = one[kind]
        counts = [_spaced(found[key]) for key in ("pushes", "failed")]
        times = [_seconds(found[key]) for key in ("median", "most")]
        rest = [
            _spaced(found["above 100 ms"]),
            _seconds(found["gateway, mean"]),
            _seconds(found["gateway, processor"]),
            f"{found['cores busy']:.0%}",
        ]
        ends = [_spaced(found[key]) for key in ("groups", "left")]
        lines.append(f"| {kind} | {' | '.join([*counts, *times, *rest, *ends])} |")
    yield "\n".join(lines)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _too_old(one: Mapping[str, Any]) -> str:
    given_up = one["given up"].get("age", 0)
    return (
        f"Of {_spaced(one['taken'] + given_up)} samples of three hours, for a Prometheus whose window is two, "
        f"{_spaced(given_up)} were given up as too old, and {_spaced(one['taken'])} were taken, in {one['seconds']:.1f} s. "
        f"It has {_spaced(one['stored, of the loss'])} of the {_spaced(one['steps'])} losses."
    )


def _steps(one: Mapping[str, Any]) -> str:
    lines = [
        "Processor time of `step(loss=…, learning_rate=…, gradient_norm=…)` in the training thread, with a state directory, "
        "in turns of 500 steps, and how long the end of the run takes with `linger=3`: 100 000 steps within seconds are "
        "more than a receiver takes by then.",
        "",
        "| receiver | a step | quartiles | the end |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, (first, median, third) in one["seconds a step"].items():
        end = one["seconds of the end"][name]
        lines.append(
            f"| {name} | {1e6 * median:.2f} µs | {1e6 * first:.2f} to {1e6 * third:.2f} µs | {end:.1f} s |"
        )
    return "\n".join(lines)


def _core(one: Mapping[str, Any]) -> str:
    name = "processor seconds a second"
    without, sending = one[f"without: {name}"], one[f"with: {name}"]
    return (
        f"At {_spaced(round(one['with: samples a second'], -2))} samples a second a process takes {sending:.1%} of a core "
        f"with remote write and {without:.1%} without."
    )


def _spaced(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")
