"""The past of a fleet as blocks of Prometheus, as far back as rules look."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alerting import rulebook
from benchmarks.rules.fleet import AGE
from traingauge.stack.programs import find_programs
from traingauge.stack.prometheus import Sample

#: Seconds between two scrapes, and between two evaluations of groups without an interval of their own.
EVERY = 5

#: Minutes for which a sample stands where nothing newer is there, and the shortest look-back of rules.
_SHORT = 5

_NAME = re.compile(r"\b(model\w*(?::\w+)*|up)\b")
_RANGE = re.compile(r"(model\w*(?::\w+)*)(?:\{[^}]*\})?(?: [<>=]+ \S+)?\)*\[(\d+)([mh])\](?: offset (\d+)m)?")


class History:
    """The samples of one run of a fleet, to be written under many names.

    Args:
        scrapes: What the run publishes, scrape by scrape, with placeholders.
        recorded: What rules record of it.
        until: The last moment.
    """

    def __init__(self, scrapes: Sequence[str], recorded: Sequence[Sample], until: int) -> None:
        text = "".join(rule.expr + "\n" for rule in (*rulebook.recordings(), *rulebook.alerts()))
        self._read = set(_NAME.findall(text))
        self._minutes: dict[str, int] = {}
        for name, number, unit, offset in _RANGE.findall(text):
            minutes = int(number) * (60 if unit == "h" else 1) + int(offset or 0)
            self._minutes[name] = max(minutes, self._minutes.get(name, _SHORT))
        self._until, self._begun = until, until - AGE
        self._scraped = self._columns(scrapes)
        self._recorded = recorded

    def write(self, file: Path, runs: int) -> int:
        """Write the samples in the OpenMetrics format; returns how many series a run has."""
        placeholder = "@RUN@"
        text = "".join(self._run(placeholder))
        with file.open("w", encoding="utf-8") as out:
            for run in range(runs):
                out.write(text.replace(placeholder, f"r-{run}"))
            out.write("# EOF\n")
        return len(self._scraped) + 1 + len(self._recorded)

    def _columns(self, scrapes: Sequence[str]) -> dict[str, list[str]]:
        columns: dict[str, list[str]] = {}
        for scrape in scrapes:
            for line in scrape.splitlines():
                series, _, value = line.rpartition(" ")
                if series.partition("{")[0] in self._read:
                    columns.setdefault(series, []).append(value)
        return columns

    def _run(self, run: str) -> Iterator[str]:
        target = f'job="traingauge",instance="127.0.0.1:1/{run}"'
        for series, values in [*self._scraped.items(), ("up{}", ["1"])]:
            labels = series[:-1].replace("@RUN@", run) + ("," if series[-2] != "{" else "") + target + "}"
            for at, moment in enumerate(self._moments(series.partition("{")[0], EVERY)):
                value = (
                    values[at % len(values)]
                    .replace("@START@", str(self._begun))
                    .replace("@NOW@", str(moment))
                )
                yield f"{labels} {value} {moment}\n"
        for sample in self._recorded:
            labels = {**sample.labels, "run": run}
            if "instance" in labels:
                labels["instance"] = f"127.0.0.1:1/{run}"
            name = labels.pop("__name__")
            series = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
            for moment in self._moments(name, INTERVALS.get(name, EVERY)):
                yield f"{series} {sample.value} {moment}\n"

    def _moments(self, name: str, every: int) -> range:
        last = self._until // every * every
        return range(last - 60 * self._minutes.get(name, _SHORT), last + 1, every)


def _intervals() -> dict[str, int]:
    import yaml

    return {
        rule["record"]: int(group["interval"].removesuffix("s")) if group["interval"].endswith("s") else 60
        for file in rulebook.rule_files()
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        if "interval" in group
        for rule in group["rules"]
        if "record" in rule
    }


#: Seconds between two samples of a recorded series of a slower group.
INTERVALS: Mapping[str, int] = _intervals()


def blocks(samples: Path, data: Path) -> None:
    """Write the blocks of a file of samples."""
    subprocess.run(
        [find_programs().promtool.path, "tsdb", "create-blocks-from", "openmetrics", samples, data],
        check=True,
        capture_output=True,
    )
