"""What scrapes of one run would have seen, on the grid of the scrapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from alerting import rulebook
from dashboards.example.clock import BEGIN

#: Seconds between two scrapes, and between two evaluations of the rules. The shipped configuration scrapes and evaluates
#: more often; this is cheaper to replay, and harder on the rules.
SCRAPE_SECONDS, EVALUATION_SECONDS = 15.0, 30.0

_GONE = "stale"


@dataclass(slots=True)
class Recording:
    """The series of one run.

    Attributes:
        scrapes: How many there were.
        series: For each series its values by the number of the scrape, where they change; ``stale`` where it ends.
    """

    scrapes: int = 0
    series: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)

    def scrape(self, exposition: str, identity: str, instance: str) -> None:
        """A scrape that was answered.

        Args:
            exposition: The answer.
            identity: The labels of the run, as text.
            instance: The label of the process that serves it.
        """
        seen = {f'up{{{identity},job="traingauge",instance="{instance}"}}': "1"}
        for line in exposition.splitlines():
            text, _, value = line.rpartition(" ")
            if series := _series(text, instance):
                seen[series] = _spelt(series, value)
        self._take(seen)

    def down(self, identity: str, instance: str) -> None:
        """A scrape that nobody answered, of a target that is still in discovery."""
        self._take({f'up{{{identity},job="traingauge",instance="{instance}"}}': "0"})

    def gone(self) -> None:
        """The target is no longer in discovery."""
        self._take({})

    def values(self) -> Iterator[tuple[str, str]]:
        """Each series with its values in promtool's notation."""
        for name, changes in self.series.items():
            ends = [number for number, _ in changes[1:]] + [self.scrapes]
            blank = f"_x{changes[0][0]}" if changes[0][0] else ""
            runs = (
                _repeated(value, end - number) for (number, value), end in zip(changes, ends, strict=True)
            )
            yield name, " ".join(filter(None, (blank, *runs)))

    def _take(self, seen: dict[str, str]) -> None:
        for name, value in seen.items():
            changes = self.series.setdefault(name, [])
            if not changes or changes[-1][1] != value:
                changes.append((self.scrapes, value))
        for name in self._there - seen.keys():
            self.series[name].append((self.scrapes, _GONE))
        self._there = set(seen)
        self.scrapes += 1


def _repeated(value: str, times: int) -> str:
    if value == _GONE:  # one marker says it
        return f"{value} _x{times - 1}" if times > 1 else value
    if times == 1 or value in {"NaN", "Inf", "-Inf"}:  # promtool counts only numbers
        return " ".join([value] * times)
    return f"{value}x{times - 1}"


@cache
def _series(text: str, instance: str) -> str:
    """A series with the labels of its target; "" if it is a comment or no rule reads it."""
    name, _, labels = text.partition("{")
    if name not in _read():
        return ""
    own = labels.removesuffix("}")
    return f'{name}{{{own},job="traingauge",instance="{instance}"}}'


def _spelt(series: str, value: str) -> str:
    """A value as promtool reads it: it knows no sign before Inf but minus, and its time begins at 0."""
    if "_timestamp_seconds{" in series:
        return f"{float(value) - BEGIN:.3f}"
    return value.removeprefix("+")


@cache
def _read() -> frozenset[str]:
    """The names that the rules read; what else a run publishes changes nothing and is left out."""
    texts = [rule.expr for rule in rulebook.alerts()] + [rule.expr for rule in rulebook.recordings()]
    return frozenset(name for text in texts for name in re.findall(r"\bmodel_\w+", text))
