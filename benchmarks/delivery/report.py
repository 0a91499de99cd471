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
    yield "## What it costs"
    yield _steps(found["cost of a step"])
    yield _core(found["10 000 samples a second"])
    yield "## When"
    yield _when(results["measured"])
    yield "## Not measured"
    yield (
        "Other senders in the same outage: gangplank, OpenTelemetry's exporter, W&B offline, MLflow. An outage of 30 "
        "minutes: this one takes seconds. Many runs at one Pushgateway: [its page](../how-to/pushgateway.md) has a figure. "
        "No server here takes 2.0: tests check its messages against a receiver of their own."
    )


def _when(measured: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["| scenario | date | load before | scheduling |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {' | '.join(where.values())} |" for name, where in measured.items()]
    return "\n".join(lines)


def _samples(found: Mapping[str, Any]) -> str:
    lines = ["| situation | samples | right | lost | doubled | other value |", "| --- |" + " ---: |" * 5]
    for name, title in COMPARED.items():
        one = found[name]
        counts = [one["right"], one["lost"], one["doubled"], one["different"]]
        samples = one["right"] + one["lost"] + one["different"]
        lines.append(f"| {title} | {' | '.join(map(_spaced, [samples, *counts]))} |")
    return "\n".join(lines)


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
