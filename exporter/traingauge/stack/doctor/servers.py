"""Prometheus: whether it answers, what it has loaded, and what time it has."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import requests

from traingauge.bundle import places
from traingauge.stack.client import get
from traingauge.stack.errors import QueryError
from traingauge.stack.prometheus import PrometheusApi
from traingauge.version import __version__

from .finding import Finding, ok, problem, skipped, warning
from .subject import Subject
from .waiting import SETTLES_WITHIN, settled

#: What goes wrong where a server does not answer as it should.
BROKEN = (requests.RequestException, QueryError, ValueError, LookupError, TypeError, AttributeError)

#: The oldest version that loads the shipped files.
OLDEST = (2, 42)

#: Seconds by which clocks may differ: ages and ends of runs are compared with them.
SKEW = 5.0

#: Seconds for an answer.
TIMEOUT = 10.0

NO_PROMETHEUS = "no Prometheus is known"
START_ONE = "start one with `traingauge up`, or name yours with --prometheus-url"


def prometheus(subject: Subject) -> Iterator[Finding]:
    """It answers, is new enough, and has the same time."""
    if subject.prometheus_url is None or subject.prometheus is None:
        yield problem(NO_PROMETHEUS, START_ONE)
        return
    try:
        version = str(
            get(f"{subject.prometheus_url}/api/v1/status/buildinfo", timeout=TIMEOUT).json()["data"][
                "version"
            ]
        )
        before = time.time()
        (theirs,) = subject.prometheus.query("time()")
        skew = theirs.value - (before + time.time()) / 2
    except BROKEN as error:
        yield problem(
            f"Prometheus at {subject.prometheus_url} does not answer as it should: {error}",
            "is it running, is the address right, and is no firewall between?",
        )
        return
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        yield problem(
            f"Prometheus {version} is too old for the rules", f"install {OLDEST[0]}.{OLDEST[1]} or newer"
        )
    else:
        yield ok(f"Prometheus {version} answers at {subject.prometheus_url}")
    if abs(skew) > SKEW:
        yield problem(
            f"the clock of Prometheus is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's",
            "synchronise both clocks (NTP): rules compare the times of a run with those of Prometheus",
        )


def rules(subject: Subject) -> Iterator[Finding]:
    """All rules are loaded, work, and are of this version."""
    if subject.prometheus is None:
        yield skipped(NO_PROMETHEUS)
        return
    try:
        groups = settled(partial(_groups, subject.prometheus), _evaluated)
        versions = {
            sample.labels.get("version", "")
            for sample in subject.prometheus.query("global:traingauge_rules_info")
        }
    except BROKEN as error:
        yield skipped(f"the rules of Prometheus cannot be read: {error}")
        return
    missing = sorted(shipped_groups() - set(groups))
    export = "`traingauge bundle export` writes them; `rule_files` of Prometheus has to name them"
    if len(missing) == len(shipped_groups()):
        yield problem("Prometheus has no rule of traingauge: nothing will raise an alert", export)
        return
    if missing:
        yield problem(f"Prometheus lacks groups of rules: {', '.join(missing)}", export)
    failing = [
        f"{rule['name']}: {rule.get('lastError', '')}"
        for group in groups.values()
        for rule in group["rules"]
        if rule.get("health") == "err"
    ]
    if failing:
        yield problem(
            f"{len(failing)} rules cannot be evaluated, such as {failing[0]}",
            "see Status, Rules in Prometheus",
        )
    if others := sorted(versions - {__version__}):
        yield problem(
            f"the rules are of version {', '.join(others)}, and traingauge is {__version__}",
            "`traingauge bundle diff` shows what has changed; export them again",
        )
    if not _evaluated(groups):
        yield warning("some rules were not evaluated yet", "wait for an evaluation interval of Prometheus")
    elif not (missing or failing or others):
        yield ok(f"{len(shipped_groups())} groups of rules are loaded")


def _groups(prometheus: PrometheusApi) -> dict[str, Any]:
    """The shipped groups of rules that are loaded, by name."""
    shipped = shipped_groups()
    return {group["name"]: group for group in prometheus.rule_groups() if group["name"] in shipped}


def _evaluated(groups: Mapping[str, Any]) -> bool:
    """Whether each rule was, of the groups that are evaluated so often that it can be waited for."""
    return not any(
        rule.get("health") == "unknown"
        for group in groups.values()
        for rule in group["rules"]
        if group.get("interval", 0) <= SETTLES_WITHIN
    )


def shipped_groups() -> set[str]:
    """The names of the groups in the shipped rule files."""
    texts = (path.read_text(encoding="utf-8") for path in places.RULES.glob("*.yml"))
    return {name for text in texts for name in re.findall(r"^  - name: (\S+)$", text, re.MULTILINE)}
