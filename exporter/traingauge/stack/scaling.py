"""Divides every waiting time of the shipped rules by one factor and changes nothing else.

The demo and the tests thus run the rules that are shipped, in minutes instead of hours. A waiting time is a duration
(``for``, ``keep_firing_for``, a group's ``interval``, a range selector, a subquery, an ``offset``) or a recorded series
whose name ends in ``_seconds`` and whose expression is ``vector(<seconds>)``, a convention of alerting/rules.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from . import documents
from .durations import divided
from .errors import ConfigError

#: The fewest scrapes in a range: with fewer, one late scrape leaves ``rate`` or ``delta`` without a result.
SCRAPES_IN_A_RANGE = 4

_DURATION = r"(?:\d+(?:ms|[ywdhms]))+"

# First the text that may look like a duration and is none: strings, comments, names.
_TOKEN = re.compile(
    rf"""
      (?P<verbatim> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` | \#[^\n]* )
    | (?P<offset> offset\s+-?\s*(?P<by>{_DURATION}) \b )
    | (?P<name> [A-Za-z_:][A-Za-z0-9_:]* )
    | (?P<range> \[ \s* (?P<length>{_DURATION}) \s* (?: (?P<colon>:) \s* (?P<step>{_DURATION})? \s* )? \] )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

_SECONDS = re.compile(r"\s*vector\s*\(\s*(?P<seconds>\d+(?:\.\d+)?)\s*\)\s*")


def scale_expression(expression: str, factor: float, *, interval: int) -> str:
    """A PromQL expression with its range selectors, subqueries and offsets divided by a factor.

    Args:
        expression: In PromQL.
        factor: 1 or more.
        interval: Milliseconds between two scrapes. Ranges stay at least :data:`SCRAPES_IN_A_RANGE` times as
            long, offsets and the steps of subqueries at least once.

    >>> scale_expression('rate(a_total{of="[5m]"}[5m] offset 10m) or b[1h:1m]', 10, interval=1000)
    'rate(a_total{of="[5m]"}[30s] offset 1m) or b[6m:6s]'
    >>> scale_expression("rate(a_total[1m])", 100, interval=1000)
    'rate(a_total[4s])'
    """

    def scaled(token: re.Match[str]) -> str:
        floors = {"by": interval, "length": SCRAPES_IN_A_RANGE * interval, "step": interval}
        text, start = token[0], token.start()
        for group, floor in reversed(floors.items()):  # from the right, so that positions stay true
            if token[group] is not None:
                left, right = token.start(group) - start, token.end(group) - start
                text = text[:left] + divided(token[group], factor, floor=floor) + text[right:]
        return text

    return _TOKEN.sub(scaled, expression)


def scale_rules(document: dict[str, Any], factor: float, *, interval: int) -> dict[str, Any]:
    """The content of a rule file with every waiting time divided by a factor.

    Args:
        document: The file, parsed.
        factor: 1 or more.
        interval: Milliseconds between two scrapes or evaluations of the Prometheus that will run it; no group is evaluated
            more often.

    Returns:
        A new document; with factor 1 an equal one.
    """
    return document | {
        "groups": [
            _scale(group, {"interval": interval}, factor)
            | {"rules": [_scale_rule(rule, factor, interval) for rule in group["rules"]]}
            for group in document["groups"]
        ]
    }


def scale_rule_files(source: Path, target: Path, *, factor: float, interval: int) -> None:
    """Write each rule file of one folder, scaled, into another, in place of the rule files there.

    Raises:
        ConfigError: There is no rule file, or one cannot be read.
        ImportError: A factor other than 1 needs PyYAML, which is not installed.
    """
    files = sorted(source.glob("*.yml"))
    if not files:
        raise ConfigError(f"no rule files (*.yml) in {source}")
    for old in target.glob("*.yml"):
        old.unlink()
    for file in files:
        if factor == 1:
            shutil.copyfile(file, target / file.name)
            continue
        documents.dump(scale_rules(documents.load(file), factor, interval=interval), target / file.name)


def _scale_rule(rule: dict[str, Any], factor: float, interval: int) -> dict[str, Any]:
    scaled = _scale(rule, {"for": 1, "keep_firing_for": 1}, factor)
    expression = str(rule["expr"])
    if str(rule.get("record", "")).endswith("_seconds") and (constant := _SECONDS.fullmatch(expression)):
        seconds = divided_seconds(float(constant["seconds"]), factor, floor=SCRAPES_IN_A_RANGE * interval)
        left, right = constant.span("seconds")
        return scaled | {"expr": f"{expression[:left]}{seconds:g}{expression[right:]}"}
    return scaled | {"expr": scale_expression(expression, factor, interval=interval)}


def divided_seconds(seconds: float, factor: float, *, floor: int) -> float:
    """Seconds divided by a factor, but no shorter than ``floor`` milliseconds, and never longer than before.

    >>> [divided_seconds(*of, floor=1000) for of in ((300, 10), (300, 1000), (0.5, 10))]
    [30.0, 1.0, 0.5]
    """
    return min(seconds, max(seconds / factor, floor / 1000))


def _scale(mapping: dict[str, Any], floors: dict[str, int], factor: float) -> dict[str, Any]:
    shorter = {
        key: divided(mapping[key], factor, floor=floor) for key, floor in floors.items() if key in mapping
    }
    return mapping | shorter
