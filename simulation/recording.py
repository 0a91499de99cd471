"""What scrapes of one run would have seen, on the grid of the scrapes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from alerting import rulebook
from simulation.clock import BEGIN
from traingauge.catalog import RUN_LABELS, Metric
from traingauge.core.families import Family, Identity, Key, label_names
from traingauge.delivery.exposition import number

_GONE = "stale"


@dataclass(slots=True)
class Recording:
    """The series of one run.

    Attributes:
        identity: The run.
        scrapes: How many there were.
        series: For each series its values by the number of the scrape, where they change; ``stale`` where it ends.
    """

    identity: Identity
    scrapes: int = 0
    series: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
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
            ends = [number for number, _ in changes[1:]] + [self.scrapes]
            blank = f"_x{changes[0][0]}" if changes[0][0] else ""
            runs = (
                _repeated(value, end - number) for (number, value), end in zip(changes, ends, strict=True)
            )
            yield name, " ".join(filter(None, (blank, *runs)))

    def _target(self, instance: str) -> str:
        """The labels of the target."""
        return (
            f'model="{self.identity.model}",run="{self.identity.run}",job="traingauge",instance="{instance}"'
        )

    def _names(self, family: Family, instance: str) -> list[str]:
        """The series of a family, rebuilt only when its keys change; "" for one that no rule reads."""
        keys, served_by, names = self._named.get(family.metric.name, ((), "", []))
        if keys is not family.keys or served_by != instance:
            target = self._target(instance)
            names = [_series(family.metric, key, target) for key in family.keys]
            self._named[family.metric.name] = family.keys, instance, names
        return names

    def _take(self, seen: Mapping[str, float]) -> None:
        for name, value in seen.items():
            last = self._last.get(name)
            if last is None or (value != last and not (math.isnan(value) and math.isnan(last))):
                self.series.setdefault(name, []).append((self.scrapes, _spelt(name, value)))
        for name in self._last.keys() - seen.keys():
            self.series[name].append((self.scrapes, _GONE))
        self._last = dict(seen)
        self.scrapes += 1


def _repeated(value: str, times: int) -> str:
    if value == _GONE:  # one marker is enough
        return f"{value} _x{times - 1}" if times > 1 else value
    if times == 1 or value in {"NaN", "Inf", "-Inf"}:  # promtool counts only numbers
        return " ".join([value] * times)
    return f"{value}x{times - 1}"


def _series(metric: Metric, key: Key, target: str) -> str:
    if metric.name + key.suffix not in _read():
        return ""
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
