"""The rule files load, keep their conventions, and do what their unit tests say."""

import re
from datetime import timedelta

import promql_parser as promql
import pytest
import yaml

from alerting import rulebook
from traingauge.catalog import RUN_LABELS

FILES = rulebook.rule_files()
UNIT_TESTS = sorted(rulebook.TESTS.glob("*.yml"))
#: Alerts about Prometheus and Alertmanager, not about a run.
OF_THE_STACK = {"ModelWatchdog", "ModelRulesFailing", "ModelNotificationsFailing"}
_LOOKS_BACK = "it looks back over minutes, which bridges what comes and goes"
_STATE = "it is a state and no level"
_GROWS = "it is a time that grows until it is over"
#: Alerts that stop to fire as soon as their expression does, and why they do not flap.
WITHOUT_HYSTERESIS = {
    "ModelWatchdog": "it always fires",
    "ModelRulesFailing": _LOOKS_BACK,
    "ModelNotificationsFailing": _LOOKS_BACK,
    "ModelRunFailed": _STATE,
    "ModelRunVanished": _STATE,
    "ModelRestartLoop": _LOOKS_BACK,
    "ModelExporterDown": _STATE,
    "ModelMetricsMissing": _STATE,
    "ModelStuck": _GROWS,
    "ModelArchitectureChanged": _LOOKS_BACK,
    "ModelWeightsNonFinite": _LOOKS_BACK,
    "ModelLossNonFinite": _LOOKS_BACK,
    "ModelLossDiverging": "it is half of all that was gained, of a mean over the window: noise does not reach that",
    "ModelLossSpike": "the highest loss of the window stays until the window has passed",
    "ModelLossPlateau": _GROWS,
    "ModelScoreImplausible": "a score that was less than perfect once is so for a day",
    "ModelCanaryMismatch": "it changes when the canary is asked",
    "ModelScoreBelowBaseline": "it waits for longer than it takes from one pass to the next",
    "ModelCanaryStale": _GROWS,
    "ModelFeatureDrift": "ModelFeaturesDrifted takes over, and what it mutes would never be told to be over",
    "ModelEvaluationStale": _GROWS,
    "ModelMonitorErrors": _LOOKS_BACK,
    "ModelSeriesDropped": "it is a count that does not fall",
}
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
RECORDED_NAME = re.compile(r"(global|model(_run)?(_[a-z]+)*):[a-z0-9_]+(:[a-z0-9_]+)?")


def ids(paths):
    return [path.stem for path in paths]


def rules():
    return [
        rule
        for file in FILES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def test_promtool_has_nothing_to_say_about_the_rules(tool):
    tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", *FILES)


@pytest.mark.parametrize("file", UNIT_TESTS, ids=ids(UNIT_TESTS))
def test_the_rules_do_what_their_unit_tests_say(tool, file):
    tool("promtool", "test", "rules", file)


def test_names_of_groups_are_unique():
    names = [group["name"] for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("file", FILES[2:], ids=ids(FILES[2:]))
def test_a_file_of_alerts_holds_one_group_named_after_it(file):
    (group,) = yaml.safe_load(file.read_text())["groups"]
    assert group["name"] == "traingauge-" + file.stem.split("-", 1)[1]


def test_recorded_names_say_level_metric_operations():
    for rule in rulebook.recordings():
        assert RECORDED_NAME.fullmatch(rule.name), rule.name


def test_a_recorded_length_of_time_is_a_constant_and_says_so_in_its_name():
    """Whoever runs the rules with shorter waits finds every wait by these two signs."""
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
    assert without == set(WITHOUT_HYSTERESIS)


def test_a_summary_is_one_static_sentence():
    for alert in rulebook.alerts():
        assert "{{" not in alert.annotations["summary"], alert.name
        assert alert.annotations["summary"].endswith("."), alert.name


def test_an_alert_says_which_run_it_is_about():
    for alert in rulebook.alerts():
        if alert.name in OF_THE_STACK:
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
