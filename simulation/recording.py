"""What scrapes of one run would have seen, on the grid of the scrapes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from alerting import rulebook
from simulation.clock import BEGIN
from traingauge.catalog import RUN_LABELS, Metric
from traingauge.core.families import Family, Identity, Key, label_names
from traingauge.delivery.exposition import number


@dataclass(slots=True)
class Recording:
    """The series of one run.

    Attributes:
        identity: The run.
        scrapes: How many there were.
        series: For each series its values by the number of the scrape, where they change; ``None`` where it ends.
        every: Whether series that no rule reads are recorded, too.
    """

    identity: Identity
    scrapes: int = 0
    series: dict[str, list[tuple[int, float | None]]] = field(default_factory=dict)
    every: bool = False
    _last: dict[str, float] = field(default_factory=dict)
    _named: dict[str, tuple[tuple[Key, ...], str, list[str]]] = field(default_factory=dict)

    def scrape(self, families: Iterable[Family], instance: str) -> None:
        """A scrape that the run answered.

        Args:
            families: What the run publishes.
            instance: The label of the process that serves it.
        """
        seen = {f"up{{{self._target(instance)}}}": 1.0}
        for family in families:
            names = self._names(family, instance)
            seen.update((name, value) for name, value in zip(names, family.values, strict=True) if name)
        self._take(seen)

    def down(self, instance: str) -> None:
        """A scrape that failed, of a target that is still in discovery."""
        self._take({f"up{{{self._target(instance)}}}": 0.0})

    def gone(self) -> None:
        """The target is no longer in discovery."""
        self._take({})

    def values(self) -> Iterator[tuple[str, str]]:
        """Each series with its values in promtool's notation."""
        for name, changes in self.series.items():
            blank = f"_x{changes[0][0]}" if changes[0][0] else ""
            runs = (
                f"stale _x{end - start - 1}".removesuffix(" _x0")  # one marker is enough
                if value is None
                else _repeated(_spelt(name, value), end - start)
                for start, end, value in self._spans(changes)
            )
            yield name, " ".join(filter(None, (blank, *runs)))

    def samples(self) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        """Each series with its values by the number of the scrape."""
        for name, changes in self.series.items():
            yield (
                name,
                [
                    (scrape, value)
                    for start, end, value in self._spans(changes)
                    if value is not None
                    for scrape in range(start, end)
                ],
            )

    def _spans(self, changes: Sequence[tuple[int, float | None]]) -> Iterator[tuple[int, int, float | None]]:
        ends = [start for start, _ in changes[1:]] + [self.scrapes]
        for (start, value), end in zip(changes, ends, strict=True):
            yield start, end, value

    def _target(self, instance: str) -> str:
        """The labels of the target."""
        return (
            f'model="{self.identity.model}",run="{self.identity.run}",job="traingauge",instance="{instance}"'
        )

    def _names(self, family: Family, instance: str) -> list[str]:
        """The series of a family, rebuilt only when its keys change; "" for one that is left out."""
        keys, served_by, names = self._named.get(family.metric.name, ((), "", []))
        if keys is not family.keys or served_by != instance:
            target = self._target(instance)
            names = [
                _series(family.metric, key, target)
                if self.every or family.metric.name + key.suffix in _read()
                else ""
                for key in family.keys
            ]
            self._named[family.metric.name] = family.keys, instance, names
        return names

    def _take(self, seen: Mapping[str, float]) -> None:
        for name, value in seen.items():
            last = self._last.get(name)
            if last is None or (value != last and not (math.isnan(value) and math.isnan(last))):
                self.series.setdefault(name, []).append((self.scrapes, value))
        for name in self._last.keys() - seen.keys():
            self.series[name].append((self.scrapes, None))
        self._last = dict(seen)
        self.scrapes += 1


def _repeated(value: str, times: int) -> str:
    if times == 1 or value in {"NaN", "Inf", "-Inf"}:  # promtool counts only numbers
        return " ".join([value] * times)
    return f"{value}x{times - 1}"


def _series(metric: Metric, key: Key, target: str) -> str:
    named = zip(label_names(metric, key.suffix)[len(RUN_LABELS) :], key.labels, strict=True)
    labels = [f"{name}={json.dumps(value)}" for name, value in named if value is not None]
    return f"{metric.name}{key.suffix}{{{','.join([target, *labels])}}}"


def _spelt(series: str, value: float) -> str:
    """A value in promtool's notation, which has no ``+Inf`` and begins time at 0."""
    if "_timestamp_seconds{" in series:
        return f"{value - BEGIN:.3f}"
    return number(value).removeprefix("+")


@cache
def _read() -> frozenset[str]:
    """The names that the rules read; what else a run publishes changes nothing and is left out."""
    texts = [rule.expr for rule in rulebook.alerts()] + [rule.expr for rule in rulebook.recordings()]
    return frozenset(name for text in texts for name in re.findall(r"\bmodel_\w+", text))
