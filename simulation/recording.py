"""What scrapes of one run would have seen, on the grid of the scrapes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from alerting import rulebook
from simulation.clock import BEGIN
from traingauge.catalog import Metric
from traingauge.core.families import Family, Identity, Key, own_labels
from traingauge.delivery.exposition import number


class Missing(Enum):
    """Why a series has no value."""

    STALE = "it ended: Prometheus marks it"
    UNSEEN = "Prometheus was away, and marks nothing"


@dataclass(slots=True)
class Recording:
    """The series of one target.

    Attributes:
        identity: The run.
        scrapes: How many there were.
        series: For each series its values by the number of the scrape, where they change.
        every: Whether series that no rule reads are recorded, too.
        labels: Those of the target, but its instance and its run.
        named: Whether the target has the labels of its run, as by a discovery file; those of a pod may lack them.
    """

    identity: Identity
    scrapes: int = 0
    series: dict[str, list[tuple[int, float | Missing]]] = field(default_factory=dict)
    every: bool = False
    labels: Mapping[str, str] = field(default_factory=lambda: {"job": "traingauge"})
    named: bool = True
    _note: str = ""
    _last: dict[str, float] = field(default_factory=dict)
    _named: dict[str, tuple[tuple[Key, ...], str, list[str]]] = field(default_factory=dict)

    def read(self, families: Callable[[], Iterable[Family]], instance: str) -> None:
        """Scrape a run that answers; the arguments are those of :meth:`scrape`, which gets what ``families`` returns."""
        self.scrape(families(), instance)

    def scrape(self, families: Iterable[Family], instance: str) -> None:
        """A scrape that the run answered.

        Args:
            families: What the run publishes.
            instance: The label of the process that serves it.
        """
        seen = {self._up(instance): 1.0}
        for family in families:
            names = self._names(family, instance)
            seen.update((name, value) for name, value in zip(names, family.values, strict=True) if name)
        self._take(seen)

    def down(self, instance: str) -> None:
        """A scrape that failed, of a target that is still in discovery."""
        self._take({self._up(instance): 0.0})

    def gone(self) -> None:
        """The target is no longer in discovery."""
        self._take({})

    def noted(self, instance: str, ended: str) -> None:
        """From the next scrape on, discovery says how the run ended, by a target that never answers; "" takes that back."""
        note = f'{self._up(instance).removesuffix("}")},ended="{ended}"}}'
        self._note = note if ended else ""

    def unseen(self) -> None:
        """Prometheus was away when a scrape was due."""
        for name in self._last:
            self.series[name].append((self.scrapes, Missing.UNSEEN))
        self._last = {}
        self.scrapes += 1

    def values(self) -> Iterator[tuple[str, str]]:
        """Each series with its values in promtool's notation."""
        for name, changes in self.series.items():
            blank = f"_x{changes[0][0]}" if changes[0][0] else ""
            spans = (_spelt_for(name, value, end - start) for start, end, value in self._spans(changes))
            yield name, " ".join(filter(None, (blank, *spans)))

    def samples(self) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        """Each series with its values by the number of the scrape."""
        for name, changes in self.series.items():
            yield (
                name,
                [
                    (scrape, value)
                    for start, end, value in self._spans(changes)
                    if not isinstance(value, Missing)
                    for scrape in range(start, end)
                ],
            )

    def _spans(
        self, changes: Sequence[tuple[int, float | Missing]]
    ) -> Iterator[tuple[int, int, float | Missing]]:
        ends = [start for start, _ in changes[1:]] + [self.scrapes]
        for (start, value), end in zip(changes, ends, strict=True):
            yield start, end, value

    def _target(self, instance: str) -> str:
        """The labels of the target's samples."""
        return f'model="{self.identity.model}",run="{self.identity.run}",{self._place(instance)}'

    def _up(self, instance: str) -> str:
        return f"up{{{self._target(instance) if self.named else self._place(instance)}}}"

    def _place(self, instance: str) -> str:
        return ",".join(f'{name}="{value}"' for name, value in {**self.labels, "instance": instance}.items())

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
        if self._note:
            seen = {**seen, self._note: 0.0}
        for name, value in seen.items():
            last = self._last.get(name)
            if last is None or (value != last and not (math.isnan(value) and math.isnan(last))):
                self.series.setdefault(name, []).append((self.scrapes, value))
        for name in self._last.keys() - seen.keys():
            self.series[name].append((self.scrapes, Missing.STALE))
        self._last = dict(seen)
        self.scrapes += 1


def _spelt_for(series: str, value: float | Missing, times: int) -> str:
    """A value that lasts for some scrapes."""
    if value is Missing.STALE:
        return f"stale _x{times - 1}".removesuffix(" _x0")  # one marker is enough
    if value is Missing.UNSEEN:
        return f"_x{times}"
    return _repeated(_spelt(series, value), times)


def _repeated(value: str, times: int) -> str:
    if times == 1 or value in {"NaN", "Inf", "-Inf"}:  # promtool counts only numbers
        return " ".join([value] * times)
    return f"{value}x{times - 1}"


def _series(metric: Metric, key: Key, target: str) -> str:
    labels = [f"{name}={json.dumps(value)}" for name, value in own_labels(metric, key).items()]
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
