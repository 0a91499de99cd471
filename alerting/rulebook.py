"""Reads the rules as they are rendered, for the tests, the demo and the docs.

>>> [alert.severity for alert in alerts() if alert.name == "ModelLossNonFinite"]
['critical']
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from alerting.inlined import thresholds
from alerting.links import Links
from alerting.places import ALERTMANAGER, ALERTS, HEALTHY, HOME, RECORDINGS, RULES, RUNBOOKS, TESTS
from alerting.sources import WHICH, linked, sources

__all__ = [
    "ALERTMANAGER",
    "ALERTS",
    "HEALTHY",
    "HOME",
    "RECORDINGS",
    "RULES",
    "RUNBOOKS",
    "TESTS",
    "Alert",
    "Recording",
    "alerts",
    "recordings",
    "rule_files",
    "thresholds",
]

#: Exceptions from the conventions of alerts; a comment above the alert states each, as ``# No hysteresis: <reason>``.
NOTES = ("No hysteresis", "Fires on NaN", "Fires on absent series")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule; an alert with two severities has two.

    Attributes:
        name: Name of the alert.
        expr: PromQL.
        labels: Labels that the rule adds.
        annotations: Its templates by name.
        file: Its source.
        notes: Exceptions that the source of the alert states above it, each with its reason.
    """

    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    file: Path
    notes: Mapping[str, str]

    @property
    def severity(self) -> str:
        """``critical``, ``warning`` or ``info``."""
        return self.labels["severity"]

    @property
    def summary(self) -> str:
        """What is wrong, without the run."""
        return self.annotations["summary"].removeprefix(WHICH)

    @property
    def of_no_run(self) -> bool:
        """Whether it is about many runs, or about Prometheus and Alertmanager: the triage numbers below 20."""
        return self.file.name < "20"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule.

    Attributes:
        name: Name of the recorded series.
        expr: PromQL.
        labels: Labels that the rule adds.
        file: Its source.
    """

    name: str
    expr: str
    labels: dict[str, str]
    file: Path


def rule_files() -> list[Path]:
    """The rendered rule files, in triage order."""
    return sorted(RULES.glob("*.yml"))


def alerts() -> list[Alert]:
    """Every alerting rule, in triage order."""
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"], file, _notes(file))
        for file, rule in _rules()
        if "alert" in rule
    ]


def _notes(file: Path) -> dict[str, str]:
    return dict(re.findall(rf"^ +# ({'|'.join(NOTES)}): (.+)$", file.read_text(), re.MULTILINE))


def recordings() -> list[Recording]:
    """Every recording rule."""
    return [
        Recording(rule["record"], rule["expr"], rule.get("labels", {}), file)
        for file, rule in _rules()
        if "record" in rule
    ]


@cache
def _rules() -> Sequence[tuple[Path, Mapping[str, Any]]]:
    """Every rule with its file. The sources do not change while they are read, and parsing them takes most of a second."""
    return [
        (file, rule)
        for file in sources()
        for group in yaml.safe_load(linked(file, Links()))["groups"]
        for rule in group["rules"]
    ]
