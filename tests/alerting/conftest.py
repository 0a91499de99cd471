"""What an expression may ask for: the catalogue, the recorded series, and what Prometheus itself writes."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import promql_parser as promql
import pytest

from alerting import rulebook
from alerting.identity import identity
from alerting.unit import stage
from dashboards.promql import grouping_labels, selectors
from tests.alerting.narrowing import narrow
from tests.waiting import PATIENCE
from traingauge.catalog import CATALOG, RUN_LABELS

#: Labels that Prometheus adds to every scraped sample.
TARGET_LABELS = {"job", "instance", "pod", *identity()}

#: Series that are not ours, with the labels they may be asked by.
FOREIGN = {
    "up": {*RUN_LABELS, *TARGET_LABELS, "ended"},
    "ALERTS": {*RUN_LABELS, *identity(), "alertname", "alertstate", "severity"},
    # Of an operator's own rule, see ModelTrainingOverdue.
    "model:model_training_due_seconds": {"model"},
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
    "prometheus_notifications_dropped_total": {*TARGET_LABELS},
    "process_start_time_seconds": {*TARGET_LABELS},
    "alertmanager_notifications_failed_total": {"integration"},
}

#: promtool collects garbage for a fifth of its time; less often, it needs 60 MB more, and that time is saved.
SELDOM_COLLECTING = os.environ | {"GOGC": "400"}

_SUFFIXES = {"histogram": {"_bucket": {"le"}, "_sum": set(), "_count": set()}}


@pytest.fixture(scope="session")
def known() -> Mapping[str, set[str]]:
    """Each series there is, with its labels."""
    return _published() | _recorded() | FOREIGN


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """Run a program of Prometheus or Alertmanager for its output; fails with that if the program does."""

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=SELDOM_COLLECTING,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the unit tests, next to the rules that they are about."""
    return stage(tmp_path_factory.mktemp("alerting"))


@pytest.fixture(scope="session")
def unit_test(tool: Callable[..., str], staged: Path) -> Callable[[str, str], str]:
    """Run a unit test, by its name and its text, with those of its rules that it reads."""

    def run(name: str, text: str) -> str:
        return tool("promtool", "test", "rules", narrow(staged, name, text))

    return run


@pytest.fixture(scope="session")
def assert_known(known: Mapping[str, set[str]]) -> Callable[[str], None]:
    """Assert that an expression asks for series that exist, by labels that they have."""

    def check(expression: str) -> None:
        tree = promql.parse(expression)
        labels: set[str] = set()
        for selector in selectors(tree):
            matched = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
            names = _names(selector.name, matched)
            assert names or "job" in matched, f"{selector}: metrics by name, or all of a job"
            labels |= {*RUN_LABELS, *TARGET_LABELS}
            for name in names:
                assert name in known, name
                assert set(matched) - {"__name__"} <= known[name], f"{selector}"
                labels |= known[name]
        labels |= set(re.findall(r'count_values by [^"]*"(\w+)"', expression))
        assert grouping_labels(tree) <= labels, expression

    return check


def _names(name: str | None, matched: Mapping[str, str]) -> list[str]:
    """The metrics that a selector asks for: one, or several as ``{__name__=~"model_(a|b)"}``."""
    if name:
        return [name]
    before, _, alternatives = matched.get("__name__", "").removesuffix(")").partition("(")
    return [before + each for each in alternatives.split("|") if each]


def _published() -> dict[str, set[str]]:
    return {
        metric.name + suffix: {*RUN_LABELS, *TARGET_LABELS, *metric.possible_labels, *more}
        for metric in CATALOG.values()
        for suffix, more in _SUFFIXES.get(metric.kind, {"": set()}).items()
    }


def _recorded() -> dict[str, set[str]]:
    """Labels of a recorded series: those of its level, those that its rules add, and those that they keep."""
    series: dict[str, set[str]] = {}
    for rule in rulebook.recordings():
        level = set(rule.name.split(":")[0].split("_")) - {"global"}
        level |= set(identity()) if level else set()
        kept = grouping_labels(promql.parse(rule.expr))
        series[rule.name] = series.get(rule.name, set()) | level | set(rule.labels) | kept
    return series
