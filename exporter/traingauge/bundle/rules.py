"""The rule files as a platform wants them: the shipped texts, with other links, labels, thresholds and severities.

The texts are changed and not the documents, so that comments stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from traingauge.bundle import places
from traingauge.bundle.identity import in_rules
from traingauge.bundle.options import Options
from traingauge.errors import InvalidArgumentError, UnknownNameError

#: A default threshold, as rules are rendered.
_DEFAULT = re.compile(
    r"(?P<head>      - record: global:model_threshold:default\n        expr: vector\()"
    r"(?P<value>\S+)(?P<tail>\)\n        labels: \{metric: (?P<metric>\w+), severity: (?P<severity>\w+)\}\n)"
)

#: One rule of an alert, with the comment above it.
_ALERT = re.compile(r"(?:      #.*\n)*      - alert: (?P<name>\w+)\n(?P<body>(?:        .*\n)+)\n?")
_SEVERITY = re.compile(r"(?<=\n          severity: )\w+(?=\n)")


def rule_files(options: Options) -> dict[str, str]:
    """The rule files by name, in triage order; a file of which no rule is left is left out.

    Raises:
        InvalidArgumentError: A severity is set for an alert or a rule that there is not.

    >>> texts = rule_files(Options(dashboards="https://grafana.example.org/"))
    >>> "dashboard_url: https://grafana.example.org/d/" in texts["20-run.yml"]
    True
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(places.RULES.glob("*.yml"))}
    _check_alerts(texts, options.severities)
    changed = {name: _changed(text, options) for name, text in texts.items()}
    return {name: text for name, text in changed.items() if re.search(r"^      - ", text, re.MULTILINE)}


def _changed(text: str, options: Options) -> str:
    if options.runbooks is not None:
        text = re.sub(r"(?<=runbook_url: ).*/(?=\w+\.md\n)", options.runbooks.rstrip("/") + "/", text)
    if options.dashboards is not None:
        text = re.sub(r"(?<=dashboard_url: )(?=/d/)", options.dashboards.rstrip("/"), text)
    if options.labels is not None:
        text = in_rules(text, options.labels)
    if options.severities:
        text = _ALERT.sub(lambda rule: _with_severity(rule, options.severities), text)
    return _with_thresholds(text, options.thresholds) if options.thresholds else text


def _with_severity(rule: re.Match[str], severities: Mapping[str, Mapping[str, str | None]]) -> str:
    """The rule with its new severity; nothing if that is ``None``."""
    shipped = _severity(rule)
    new = severities.get(rule["name"], {}).get(shipped, shipped)
    return "" if new is None else _SEVERITY.sub(new, rule[0])


def _severity(rule: re.Match[str]) -> str:
    found = _SEVERITY.search(rule["body"])
    assert found is not None, rule["name"]
    return found[0]


def _check_alerts(texts: Mapping[str, str], severities: Mapping[str, Mapping[str, str | None]]) -> None:
    known: dict[str, set[str]] = {}
    for text in texts.values():
        for rule in _ALERT.finditer(text):
            known.setdefault(rule["name"], set()).add(_severity(rule))
    for alert, changes in severities.items():
        if alert not in known:
            raise UnknownNameError("alert", alert, sorted(known))
        left = [new for old in known[alert] if (new := changes.get(old, old)) is not None]
        if len(set(left)) < len(left):
            raise InvalidArgumentError(
                f"{alert} would have two rules of one severity: leave one out with null"
            )
        for old in set(changes) - known[alert]:
            raise InvalidArgumentError(
                f"{alert} has no rule of severity {old}: it has {', '.join(sorted(known[alert]))}"
            )


def _with_thresholds(text: str, thresholds: Mapping[str, Mapping[str, float | None]]) -> str:
    """The defaults of each severity with these values; ``None`` takes one away, and further ones stand at the end."""
    for severity in ("warning", "critical"):
        shipped = [found for found in _DEFAULT.finditer(text) if found["severity"] == severity]
        if not shipped:
            continue
        values: dict[str, object] = {one["metric"]: one["value"] for one in shipped}
        values |= {metric: levels[severity] for metric, levels in thresholds.items() if severity in levels}
        rules = (_default(shipped[0], metric, value) for metric, value in values.items() if value is not None)
        text = text[: shipped[0].start()] + "".join(rules) + text[shipped[-1].end() :]
    return text


def _default(shipped: re.Match[str], metric: str, value: object) -> str:
    return f"{shipped['head']}{value}{shipped['tail'].replace(shipped['metric'], metric)}"
