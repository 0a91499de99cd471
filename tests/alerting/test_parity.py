"""Rules, unit tests, runbooks and the catalogue speak of the same things."""

import re

import pytest
import yaml

from alerting import rulebook
from traingauge.catalog import better_side
from traingauge.core import baseline
from traingauge.core.collectors.drift import THRESHOLD
from traingauge.core.thresholds import METRICS
from traingauge.reference.run import CLASSIFICATION_SCORES, REGRESSION_SCORES

ALERTS = rulebook.alerts()
NAMES = sorted({alert.name for alert in ALERTS})


def ids(rules):
    return [f"{rule.file.stem}-{at}" for at, rule in enumerate(rules)]


@pytest.mark.parametrize("rule", ALERTS, ids=ids(ALERTS))
def test_an_alert_asks_for_series_and_labels_that_exist(assert_known, rule):
    assert_known(rule.expr)


@pytest.mark.parametrize("rule", rulebook.recordings(), ids=ids(rulebook.recordings()))
def test_a_recording_asks_for_series_and_labels_that_exist(assert_known, rule):
    assert_known(rule.expr)


@pytest.mark.parametrize("alert", NAMES)
def test_an_alert_is_unit_tested_to_fire_and_to_be_quiet(alert):
    (file,) = {rule.file.name for rule in ALERTS if rule.name == alert}
    cases = yaml.safe_load((rulebook.TESTS / file).read_text())["tests"]
    expected = [
        bool(check["exp_alerts"])
        for case in cases
        for check in case.get("alert_rule_test", ())
        if check["alertname"] == alert
    ]
    assert True in expected, "an evaluation at which it fires, with its annotations"
    if alert != "ModelWatchdog":  # which never is
        assert False in expected, "one just before, and one after it has recovered"


def test_a_unit_test_belongs_to_a_file_of_rules():
    rules = {file.stem for file in (*rulebook.ALERTS.glob("*.yml"), *rulebook.RECORDINGS.glob("*.yml"))}
    tested = {file.name.split(".")[0] for file in rulebook.TESTS.glob("*.yml")}
    assert tested <= rules | {"healthy"}


def test_a_healthy_run_is_held_against_every_group_of_rules():
    groups = [group for file in rulebook.rule_files() for group in yaml.safe_load(file.read_text())["groups"]]
    evaluated = yaml.safe_load((rulebook.TESTS / "healthy.yml").read_text())["group_eval_order"]
    assert sorted(evaluated) == sorted(group["name"] for group in groups)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert sorted(page.stem for page in rulebook.RUNBOOKS.glob("*.md")) == NAMES


def test_an_alert_links_its_own_runbook():
    for alert in ALERTS:
        assert alert.annotations["runbook_url"].endswith(f"/alerting/runbooks/{alert.name}.md"), alert.name


def test_a_default_is_of_a_metric_that_code_can_set_a_threshold_for():
    assert set(rulebook.thresholds()) <= set(METRICS)


def test_the_exporter_counts_drifted_features_by_the_default_threshold_of_the_rules():
    assert rulebook.thresholds()["feature_drift"]["warning"] == THRESHOLD


def test_every_metric_that_code_can_set_a_threshold_for_is_read_by_an_alert():
    scores = {"accuracy", "precision", "recall", "f1"}  # read by the label `metric` of the recorded score
    named = {metric for metric in METRICS if any(f'metric="{metric}"' in alert.expr for alert in ALERTS)}
    assert named | scores == set(METRICS)


def test_scores_are_compared_with_their_baseline_the_way_that_is_better():
    higher = [name for name, metric in baseline.METRICS.items() if metric.better == "higher"]
    lower = [name for name, metric in baseline.METRICS.items() if metric.better == "lower"]
    (shortfall,) = (rule.expr for rule in rulebook.recordings() if rule.name.endswith(":shortfall"))
    assert re.findall(r"model_\((\w[^)]+)\)", shortfall) == ["|".join(higher), "|".join(lower)]
    (reached,) = (rule.expr for rule in rulebook.recordings() if rule.name.endswith(":reached"))
    errors = "|".join(name for name in lower if name != "loss")  # whose best is a metric of its own
    assert re.findall(r'metric(!~|=~)"([^"]+)"', reached) == [("!~", errors), ("=~", errors)]


def test_scores_are_compared_with_a_reference_run_the_way_that_is_better():
    (worse,) = {rule.expr for rule in rulebook.recordings() if rule.name.endswith("model_deviation:worse")}
    lower, excluded = (set(names.split("|")) for names in re.findall(r'metric(?:=~|!~)"([^"]+)"', worse))
    read = {"loss", "gradient_norm", "bias", *CLASSIFICATION_SCORES, *REGRESSION_SCORES}
    assert lower == {name for name in read if better_side(name) == "lower"}
    assert excluded == {name for name in read if better_side(name) != "higher"}
