"""Which alerts Alertmanager mutes, and which it sends nowhere, by the shipped configuration.

>>> rule = {"source_matchers": ['alertname="A"'], "target_matchers": ['alertname=~"B.*"'], "equal": ["run"]}
>>> policy = Policy.of({"inhibit_rules": [rule], "route": {"receiver": "people"}})
>>> firing = [{"alertname": "A", "run": "1"}, {"alertname": "B2", "run": "1"}, {"alertname": "B2", "run": "2"}]
>>> [alert["run"] for alert in policy.sent(firing)]
['1', '2']
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from alerting import rulebook

#: Labels of an alert.
Labels = Mapping[str, str]

_MATCHER = re.compile(r'\s*(?P<label>\w+)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>"(?:[^"\\]|\\.)*"|[^"\s]*)\s*')

_HOW: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}


@dataclass(frozen=True, slots=True)
class Matchers:
    """Conditions on labels, all of which have to hold; a label that is not there is empty.

    >>> Matchers.of(['severity=~"warning|info"', 'team!="ml"'])({"severity": "info"})
    True
    """

    conditions: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Matchers:
        """As the configuration writes them.

        Raises:
            ValueError: One is not a matcher.
        """
        conditions = []
        for text in texts:
            found = _MATCHER.fullmatch(text)
            if found is None:
                raise ValueError(f'{text!r} is not a matcher such as alertname=~"A|B"')
            value = json.loads(found["value"]) if found["value"].startswith('"') else found["value"]
            conditions.append((found["label"], found["how"], value))
        return cls(tuple(conditions))

    def __call__(self, labels: Labels) -> bool:
        """Whether all of them hold."""
        return all(_HOW[how](labels.get(label, ""), value) for label, how, value in self.conditions)


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Alerts that mute others while they fire.

    Attributes:
        source: Which mute.
        target: Which are muted.
        equal: Labels that both must agree in; two that lack one agree.
    """

    source: Matchers
    target: Matchers
    equal: tuple[str, ...]

    def mutes(self, source: Labels, target: Labels) -> bool:
        """Whether the one mutes the other.

        An alert that is both source and target of a rule is not muted by another one of that kind, as in Alertmanager.
        """
        return (
            self.source(source)
            and self.target(target)
            and not (self.source(target) and self.target(source))
            and all(source.get(label, "") == target.get(label, "") for label in self.equal)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What Alertmanager does with firing alerts.

    Attributes:
        rules: That mute.
        routes: Receivers by matchers, in order; the last one takes everything.
    """

    rules: tuple[InhibitRule, ...]
    routes: tuple[tuple[Matchers, str], ...]

    @classmethod
    def shipped(cls) -> Policy:
        """Of the configuration that ships."""
        return cls.of(yaml.safe_load((rulebook.ALERTMANAGER / "alertmanager.yml").read_text()))

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Policy:
        """Of a configuration of Alertmanager, whose routes are one level deep."""
        rules = tuple(
            InhibitRule(
                Matchers.of(rule["source_matchers"]),
                Matchers.of(rule["target_matchers"]),
                tuple(rule.get("equal", ())),
            )
            for rule in configuration.get("inhibit_rules", ())
        )
        route = configuration["route"]
        routes = [
            (Matchers.of(child["matchers"]), child.get("receiver", route["receiver"]))
            for child in route.get("routes", ())
        ]
        return cls(rules, (*routes, (Matchers(()), route["receiver"])))

    def receiver(self, alert: Labels) -> str:
        """The receiver of an alert."""
        return next(receiver for matchers, receiver in self.routes if matchers(alert))

    def muted(self, alert: Labels, firing: Sequence[Labels]) -> bool:
        """Whether an alert is muted by others. A muted alert still mutes others."""
        return any(rule.mutes(source, alert) for rule in self.rules for source in firing)

    def sent(self, firing: Sequence[Labels]) -> list[Labels]:
        """Those of the firing alerts that are sent to a person."""
        return [
            alert for alert in firing if self.receiver(alert) != "blackhole" and not self.muted(alert, firing)
        ]
