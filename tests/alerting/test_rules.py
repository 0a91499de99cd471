"""The rule files load, keep their conventions, and do what their unit tests say."""

import json
import re
from datetime import timedelta

import promql_parser as promql
import pytest
import yaml

from alerting import rulebook
from alerting.identity import identity
from tests.alerting.narrowing import load, metric_of, seconds
from traingauge.catalog import RUN_LABELS

FILES = rulebook.rule_files()
ALERT_FILES = sorted(rulebook.ALERTS.glob("*.yml"))
UNIT_TESTS = sorted(rulebook.TESTS.glob("*.yml"))
RECORDED_NAME = re.compile(r"(global|model(_run)?(_[a-z]+)*):[a-z0-9_]+(:[a-z0-9_]+)?")


def ids(paths):
    return [path.stem for path in paths]


def groups():
    return [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]


def rules():
    return [rule for group in groups() for rule in group["rules"]]


def test_promtool_has_nothing_to_say_about_the_rules(tool):
    tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", *FILES)


@pytest.mark.parametrize("file", UNIT_TESTS, ids=ids(UNIT_TESTS))
def test_the_rules_do_what_their_unit_tests_say(unit_test, staged, file):
    unit_test(file.stem, (staged / file.name).read_text())


def test_no_recording_fails_on_the_series_of_any_unit_test(tool, staged):
    """promtool reports a rule whose evaluation fails; a unit test runs with the rules that it reads, here are all."""
    recorded = {rule.name for rule in rulebook.recordings()}
    cases = []
    for file in UNIT_TESTS:
        for case in load((staged / file.name).read_text())["tests"]:
            checks = [*case.get("alert_rule_test", ()), *case.get("promql_expr_test", ())]
            end = max((check["eval_time"] for check in checks), key=seconds)
            given = [one for one in case.get("input_series", ()) if metric_of(one["series"]) not in recorded]
            done = {"expr": "vector(0)", "eval_time": end, "exp_samples": [{"labels": "{}", "value": 0}]}
            cases.append({"interval": case["interval"], "input_series": given, "promql_expr_test": [done]})
    path = staged / "every-recording.yml"
    test = {"rule_files": ["../recordings/*.yml"], "evaluation_interval": "10m", "tests": cases}
    path.write_text(json.dumps(test))  # JSON is YAML
    tool("promtool", "test", "rules", path)


def test_no_rule_mixes_runs_of_two_clusters():
    """Every rule that names a run names it in full, or by its start on one cluster."""
    by_start = {"cluster", "namespace", *RUN_LABELS, "start"}
    for rule in rules():
        for labels in re.findall(r"\b(?:by|on) \(([^)]*\brun\b[^)]*)\)", rule["expr"]):
            named = set(labels.split(", "))
            assert named >= {*identity(), *RUN_LABELS} or named == by_start, rule["expr"]


def test_names_of_groups_are_unique():
    names = [group["name"] for group in groups()]
    assert len(names) == len(set(names))


def test_mimir_and_grafana_cloud_take_the_groups():
    """By default they take 20 rules a group and 70 groups a tenant."""
    assert max(len(group["rules"]) for group in groups()) <= 20
    assert len(groups()) <= 20


def test_a_setting_of_another_ruler_breaks_no_rule():
    """Another ruler may record the same settings with a label of its own: a join with two series fails."""
    for rule in rules():
        bare = re.sub(r"scalar\(max\(global:[^)]*\)\)|max by \(metric\) \(global:[^)]*\)", "", rule["expr"])
        assert "global:" not in bare, rule["expr"]


@pytest.mark.parametrize("file", ALERT_FILES, ids=ids(ALERT_FILES))
def test_a_file_of_alerts_holds_one_group_named_after_it(file):
    (group,) = yaml.safe_load(file.read_text())["groups"]
    assert group["name"] == "traingauge-" + file.stem.split("-", 1)[1]


def test_recorded_names_say_level_metric_operations():
    for rule in rulebook.recordings():
        assert RECORDED_NAME.fullmatch(rule.name), rule.name


def test_a_recorded_length_of_time_is_a_constant_and_says_so_in_its_name():
    """A demo with shorter waits finds every wait by these two signs."""
    for rule in rulebook.recordings():
        if rule.name.endswith("_seconds"):
            assert re.fullmatch(r"vector\(\d+\)", rule.expr), rule.name


def test_ranges_are_long_enough_to_be_divided():
    for rule in rules():
        nodes = []
        promql.walk(promql.parse(rule["expr"]), nodes.append)
        lengths = [node.range for node in nodes if hasattr(node, "range")]
        assert all(length >= timedelta(minutes=5) for length in lengths), rule["expr"]


def test_every_alert_says_how_bad_it_is_and_what_to_do():
    for alert in rulebook.alerts():
        assert alert.name.startswith("Model"), alert.name
        assert alert.severity in ("critical", "warning", "info"), alert.name
        assert set(alert.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}, (
            alert.name
        )


def test_an_alert_does_not_flap():
    """It keeps firing for a while, or there is a reason why it need not."""
    without = {rule["alert"] for rule in rules() if "alert" in rule and "keep_firing_for" not in rule}
    assert without == {alert.name for alert in rulebook.alerts() if "No hysteresis" in alert.notes}


def test_a_summary_is_the_run_and_one_static_sentence():
    """It is the title of a page: two runs that fail in one night differ in it."""
    for alert in rulebook.alerts():
        run = "" if alert.of_no_run else "{{ $labels.model }} / {{ $labels.run }}: "
        assert alert.annotations["summary"] == run + alert.summary
        assert "{{" not in alert.summary, alert.name
        assert alert.summary.endswith("."), alert.name


def test_a_mute_is_looked_up_for_longer_than_its_alert_looks_back():
    """Otherwise the alert begins when the run that muted it is over."""
    for alert in rulebook.alerts():
        nodes = []
        promql.walk(promql.parse(alert.expr), nodes.append)
        mutes, others = [], [timedelta(minutes=30)]
        for node in (node for node in nodes if hasattr(node, "range")):
            (mutes if "model_run_muted" in str(node) else others).append(node.range)
        assert alert.of_no_run or min(mutes) > max(others), alert.name


def test_an_alert_says_which_run_it_is_about():
    for alert in rulebook.alerts():
        if alert.of_no_run:
            continue
        named = {label for label in RUN_LABELS if f"$labels.{label}" in alert.annotations["description"]}
        assert named == set(RUN_LABELS), alert.name


def test_nothing_is_used_that_older_servers_reject():
    """Prometheus 2.42 does not know these, and refuses the whole file."""
    for file in FILES:
        assert not re.search(r"^\s*(query_offset|labels_from)\s*:", file.read_text(), re.MULTILINE)
        for group in yaml.safe_load(file.read_text())["groups"]:
            assert set(group) <= {"name", "interval", "limit", "rules"}
    for file in UNIT_TESTS:
        assert "fuzzy_compare" not in file.read_text()
