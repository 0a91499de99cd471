"""What must hold for every alert; part of it is in the unit test of the alert, and the rest is derived from that test.

The case in which an alert fires for one run and not for a healthy one yields four more: a run whose numbers are NaN, a run
that publishes nothing but its state, the healthy run that continues in another process, and both runs under one name on two
clusters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting import rulebook
from alerting.identity import identity
from tests.alerting.narrowing import load, metric_of, seconds
from traingauge.catalog import CATALOG

ALERTS = {alert.name: alert for alert in rulebook.alerts() if not alert.of_no_run}
NAMES = sorted(ALERTS)

#: Series that show that a run exists.
STATE = {"up", "model_run_state", "model_run_start_timestamp_seconds"}

#: Turns a series of a scenario, and its values, into those of a variant.
Change = Callable[["Scenario", str, list[str]], Iterator[tuple[str, list[str]]]]

#: What an alert says about its run, besides its model.
LABELS = (*identity(), "run")

_TOKEN = re.compile(r"(stale|_|NaN|[-+]?Inf|[-+]?[\d.]+(?:e[-+]?\d+)?)([-+][\d.]+(?:e[-+]?\d+)?)?(?:x(\d+))?")


@dataclass(frozen=True, slots=True)
class Scenario:
    """The unit test in which an alert fires.

    Attributes:
        name: The alert.
        file: The content of the test file.
        case: The test.
        checks: When the test looks at this alert, and whether it fires; in the order of the file.
        faulty: Runs for which it fires.
    """

    name: str
    file: Mapping[str, Any]
    case: Mapping[str, Any]
    checks: list[tuple[str, bool]]
    faulty: set[str]

    @property
    def healthy(self) -> set[str]:
        """The other runs."""
        return {run_of(series["series"]) for series in self.case["input_series"]} - self.faulty - {""}

    def on_two_clusters(self) -> dict[str, Any]:
        """A test in which all runs have one name, each on a cluster of its own: the alert says which it is about."""
        series = [
            {"series": _named_alike(one["series"]), "values": one["values"]}
            for one in self.case["input_series"]
        ]
        checks = [check for check in self.case["alert_rule_test"] if check["alertname"] == self.name]
        found = [
            {
                "expr": f'group by ({", ".join(LABELS)}) (ALERTS{{alertname="{self.name}", alertstate="firing"}})',
                "eval_time": check["eval_time"],
                "exp_samples": [
                    {"labels": "{" + _named_alike(f'run="{run}"') + "}", "value": 1}
                    for run in sorted({alert["exp_labels"]["run"] for alert in check["exp_alerts"]})
                ],
            }
            for check in checks
        ]
        return {
            "name": "two clusters",
            "interval": self.case["interval"],
            "input_series": series,
            "promql_expr_test": found,
        }

    def variant(self, what: str, change: Change) -> dict[str, Any]:
        """A test that expects the alert never to fire for series derived from its own."""
        series = [
            {"series": name, "values": " ".join(values)}
            for one in self.case["input_series"]
            for name, values in change(self, one["series"], expanded(one["values"]))
        ]
        quiet = {
            "expr": f'count_over_time(ALERTS{{alertname="{self.name}", alertstate="firing"}}[1w])',
            "eval_time": max((when for when, _ in self.checks), key=seconds),
            "exp_samples": [],
        }
        return {
            "name": what,
            "interval": self.case["interval"],
            "input_series": series,
            "promql_expr_test": [quiet],
        }


def nan(scenario: Scenario, series: str, values: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Every number but the state is NaN."""
    if metric_of(series) not in {"up", "model_run_state"}:
        values = ["NaN" if is_number(value) else value for value in values]
    yield series, values


def absent(scenario: Scenario, series: str, values: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The run publishes nothing but its state."""
    if metric_of(series) in STATE:
        yield series, values


def restarted(scenario: Scenario, series: str, values: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Healthy runs continue in another process: series end in the middle, and others start elsewhere, counters at 0."""
    if run_of(series) in scenario.faulty:
        return
    middle = len(values) // 2
    before, after = values[:middle], values[middle + 1 :]
    counted = [float(value) for value in before if is_number(value)]
    metric = CATALOG.get(metric_of(series))
    if metric is not None and metric.kind == "counter" and counted:
        after = [str(max(0.0, float(one) - counted[-1])) if is_number(one) else one for one in after]
    yield _on(series, "a"), [*before, "stale"]
    if any(map(is_number, after)):
        yield _on(series, "b"), ["_"] * (middle + 1) + after
        if (
            metric_of(series) == "model_run_start_timestamp_seconds"
        ):  # a run that keeps its start counts its restarts
            restarts = series.replace("model_run_start_timestamp_seconds", "model_restarts_total")
            yield _on(restarts, "b"), ["_"] * (middle + 1) + ["1"] * len(after)


def _on(series: str, instance: str) -> str:
    return series.replace("}", f', instance="{instance}"}}')


def _named_alike(series: str) -> str:
    """The series, or the labels, of a run on the cluster that is called like the run."""
    others = ", ".join(f'{label}="x"' for label in identity() if label != "cluster")
    return re.sub(r'run="([^"]*)"', rf'cluster="\1", {others}, run="one"', series)


def scenario_of(name: str) -> Scenario:
    (stem,) = {alert.file.stem for alert in rulebook.alerts() if alert.name == name}
    for path in sorted(rulebook.TESTS.glob(f"{stem}*.yml"), key=lambda path: len(path.name)):
        file = load(path.read_text())
        for case in file["tests"]:
            mine = [check for check in case.get("alert_rule_test", ()) if check["alertname"] == name]
            faulty = {alert["exp_labels"]["run"] for check in mine for alert in check["exp_alerts"]}
            if faulty:
                checks = [(check["eval_time"], bool(check["exp_alerts"])) for check in mine]
                return Scenario(name, file, case, checks, faulty)
    raise AssertionError(f"no unit test expects {name} to fire")


def run_of(series: str) -> str:
    found = re.search(r'run="([^"]*)"', series)
    return found[1] if found else ""


def expanded(notation: str) -> list[str]:
    """promtool's notation, one value each.

    >>> expanded("_x2 1 0+0.5x2 stale 3x1")
    ['_', '_', '1', '0.0', '0.5', '1.0', 'stale', '3', '3']
    """
    values: list[str] = []
    for token in str(notation).split():
        found = _TOKEN.fullmatch(token)
        assert found, token
        value, step, times = found[1], found[2], int(found[3] or 0)
        if value == "_":
            values += ["_"] * max(1, times)
        elif step is None or value in {"NaN", "Inf", "-Inf"}:
            values += [value] * (times + 1)
        else:
            values += [str(float(value) + number * float(step)) for number in range(times + 1)]
    return values


def is_number(value: str) -> bool:
    return value not in {"_", "stale"}


SCENARIOS = {name: scenario_of(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_test_has_a_moment_just_before_one_at_which_it_fires_and_one_after(name: str) -> None:
    firing = [fires for _, fires in SCENARIOS[name].checks]
    assert firing[0] is False, "a moment just before"
    assert firing[-1] is False, "a moment after it has recovered"


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_test_has_a_healthy_run_next_to_the_faulty_one(name: str) -> None:
    assert SCENARIOS[name].healthy


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_fire_for_nan_nor_for_series_that_are_absent_nor_for_a_restart_nor_for_a_namesake(
    unit_test: Callable[[str, str], str], name: str
) -> None:
    scenario = SCENARIOS[name]
    changes = {
        "NaN": None if "Fires on NaN" in ALERTS[name].notes else nan,
        "absent": None if "Fires on absent series" in ALERTS[name].notes else absent,
        "restarted": restarted,
    }
    variants = [scenario.variant(what, change) for what, change in changes.items() if change]
    test = {**scenario.file, "tests": [*variants, scenario.on_two_clusters()]}
    unit_test(f"cases-{name}", json.dumps(test))  # JSON is YAML


#: Alerts that compare with what a rule recorded at the evaluation before.
REMEMBERING = [
    "ModelCanaryStale",
    "ModelClassRecallCollapsed",
    "ModelLossDiverging",
    "ModelPredictionsCollapsed",
    "ModelStuck",
]


@pytest.mark.parametrize("name", REMEMBERING)
def test_it_fires_for_the_same_runs_when_rules_and_groups_are_evaluated_in_the_reverse_order(
    unit_test: Callable[[str, str], str], staged: Path, name: str
) -> None:
    """A server may evaluate rules at the same time, and takes groups in no order."""
    scenario = SCENARIOS[name]
    files = sorted({file for pattern in scenario.file["rule_files"] for file in staged.glob(pattern)})
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    rules = staged / f"reversed-{name}.rules"
    rules.write_text(json.dumps({"groups": [group | {"rules": group["rules"][::-1]} for group in groups]}))
    fired = {
        "expr": f'group by (run) (count_over_time(ALERTS{{alertname="{name}", alertstate="firing"}}[1w]))',
        "eval_time": max((when for when, _ in scenario.checks), key=seconds),
        "exp_samples": [{"labels": f'{{run="{run}"}}', "value": 1} for run in sorted(scenario.faulty)],
    }
    case = {key: scenario.case[key] for key in ("name", "interval", "input_series")}
    test = {
        "rule_files": [rules.name],
        "group_eval_order": [group["name"] for group in groups[::-1]],
        "evaluation_interval": scenario.file["evaluation_interval"],
        "tests": [case | {"promql_expr_test": [fired]}],
    }
    unit_test(f"reversed-{name}", json.dumps(test))
