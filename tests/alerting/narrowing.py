"""The rules that a unit test reads: promtool evaluates every rule that a test names, at every moment of every case.

A test reads the alerts that it asserts, the series in its expressions, and all that these read in turn. An assertion about
``ALERTS`` of any name thus keeps every alert that the test names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml

from dashboards.promql import selectors

Rule = Mapping[str, Any]
#: What a selector demands of labels, the name among them: an operator and a value by label.
Demand = tuple[tuple[str, str, str], ...]

#: A recorded series in the query of an annotation, with its labels.
_QUERIED = re.compile(r"\w+(?::\w+)+(?:\{[^}]*\})?")
_OPERATORS = ((promql.MatchOp.Equal, "="), (promql.MatchOp.Re, "=~"))


def load(text: str) -> dict[str, Any]:
    """A unit test, with its values as they are written: ``0x40`` is no hexadecimal number here."""
    test: dict[str, Any] = yaml.load(text, yaml.CBaseLoader)
    return test


def seconds(duration: str) -> float:
    """A duration of promtool: ``36m15s`` is 2175 seconds."""
    units = {"h": 3600, "m": 60, "s": 1, "d": 86400}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([dhms])", duration))


def metric_of(series: str) -> str:
    """The name of a series in promtool's notation."""
    return series.partition("{")[0]


def narrow(tests: Path, name: str, text: str) -> Path:
    """Write a unit test to a folder of its own, next to those of its rules that it reads.

    Args:
        tests: The folder from which the test names its rule files.
        name: Name of the test, and of the folder.
        text: The test.

    Returns:
        The file of the test.
    """
    home = tests.parent / "narrowed" / name
    test = load(text)
    sources = [path.resolve() for pattern in test["rule_files"] for path in sorted(tests.glob(pattern))]
    groups = {path: _groups(path) for path in sources}
    rules = [rule for path in sources for group in groups[path] for rule in group["rules"]]
    read = {id(rule) for rule in _read(rules, _asserted(test["tests"]))}
    for path in sources:
        kept = [
            group | {"rules": [rule for rule in group["rules"] if id(rule) in read]} for group in groups[path]
        ]
        copy = home / path.relative_to(tests.parent.resolve())
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps({"groups": [group for group in kept if group["rules"]]}))  # JSON is YAML
    written = home / "tests" / f"{name}.yml"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(text)
    return written


def _read(rules: list[Rule], demands: Iterable[Demand]) -> list[Rule]:
    """The rules that meet one of these demands, or one of a rule that does."""
    found: list[Rule] = []
    left, open_demands = list(rules), list(demands)
    while open_demands:
        demand = open_demands.pop()
        for rule in [rule for rule in left if any(_meets(series, demand) for series in _written(rule))]:
            left.remove(rule)
            found.append(rule)
            open_demands += _demands(rule["expr"])
            for annotation in rule.get("annotations", {}).values():
                for series in _QUERIED.findall(annotation):
                    open_demands += _demands(series.replace("=%q", '=~".*"'))
    return found


def _asserted(cases: Iterable[Mapping[str, Any]]) -> Iterator[Demand]:
    for case in cases:
        for check in case.get("alert_rule_test", ()):
            yield (("__name__", "=", "ALERTS"), ("alertname", "=", check["alertname"]))
        for check in case.get("promql_expr_test", ()):
            yield from _demands(check["expr"])


@cache
def _demands(expression: str) -> tuple[Demand, ...]:
    return tuple(
        tuple(
            [("__name__", "=", selector.name)] * bool(selector.name)
            + [
                (matcher.name, sign, matcher.value)
                for matcher in selector.matchers.matchers
                for operator, sign in _OPERATORS
                if matcher.op == operator
            ]
        )
        for selector in selectors(promql.parse(expression))
    )


def _written(rule: Rule) -> Iterator[dict[str, str]]:
    """The series that a rule writes, with the labels that it gives them."""
    labels = {name: value for name, value in rule.get("labels", {}).items() if "{{" not in value}
    if "record" in rule:
        yield {"__name__": rule["record"], **labels}
    else:
        for series in ("ALERTS", "ALERTS_FOR_STATE"):
            yield {"__name__": series, "alertname": rule["alert"], **labels}


def _meets(series: Mapping[str, str], demand: Demand) -> bool:
    return all(
        series[label] == value if sign == "=" else re.fullmatch(value, series[label])
        for label, sign, value in demand
        if label in series
    )


@cache
def _groups(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.load(path.read_text(), yaml.CBaseLoader)["groups"]
    return groups
