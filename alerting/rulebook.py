"""The shipped rules, read: what the tests, the demo and the docs want to know of them.

>>> [alert.severity for alert in alerts() if alert.name == "ModelLossNonFinite"]
['critical']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HOME = Path(__file__).parent
RULES = HOME / "rules"
TESTS = HOME / "tests"
RUNBOOKS = HOME / "runbooks"
ALERTMANAGER = HOME / "alertmanager"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule; an alert with two severities is two of them.

    Attributes:
        name: Of the alert.
        expr: PromQL.
        labels: That the rule adds.
        annotations: As templates.
        file: That holds the rule.
    """

    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    file: Path

    @property
    def severity(self) -> str:
        """``critical``, ``warning`` or ``info``."""
        return self.labels["severity"]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule.

    Attributes:
        name: Of the recorded series.
        expr: PromQL.
        labels: That the rule adds.
        file: That holds the rule.
    """

    name: str
    expr: str
    labels: dict[str, str]
    file: Path


def rule_files() -> list[Path]:
    """The files of rules, in triage order."""
    return sorted(RULES.glob("*.yml"))


def alerts() -> list[Alert]:
    """Every alerting rule, in triage order."""
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"], file)
        for file, rule in _rules()
        if "alert" in rule
    ]


def recordings() -> list[Recording]:
    """Every recording rule."""
    return [
        Recording(rule["record"], rule["expr"], rule.get("labels", {}), file)
        for file, rule in _rules()
        if "record" in rule
    ]


def _rules() -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in rule_files():
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield file, rule
