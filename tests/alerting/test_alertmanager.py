"""Alertmanager's configuration loads, notifies the right receiver, and mutes the consequences of a cause."""

import re
from functools import cache

import pytest
import yaml

from alerting import rulebook
from alerting.identity import identity

CONFIG = rulebook.ALERTMANAGER / "alertmanager.yml"
EXAMPLE = rulebook.ALERTMANAGER / "receivers.example.yml"
DOCUMENT = yaml.safe_load(CONFIG.read_text())
NAMES = {alert.name for alert in rulebook.alerts()}


@pytest.mark.parametrize("file", [CONFIG, EXAMPLE], ids=["shipped", "example"])
def test_amtool_accepts_the_configuration(tool, file):
    tool("amtool", "check-config", file)


@pytest.mark.parametrize(
    ("file", "labels", "receivers"),
    [
        (CONFIG, {"alertname": "ModelLossNonFinite", "severity": "critical"}, "training"),
        (CONFIG, {"alertname": "ModelFeatureDrift", "severity": "warning"}, "training"),
        (CONFIG, {"alertname": "ModelLossPlateau", "severity": "info"}, "blackhole"),
        (CONFIG, {"alertname": "ModelWatchdog", "severity": "info"}, "blackhole"),
        (CONFIG, {"alertname": "SentByAScript"}, "training"),
        (EXAMPLE, {"alertname": "ModelStuck", "severity": "critical"}, "slack"),
        (EXAMPLE, {"alertname": "ModelStuck", "severity": "critical", "tier": "experiment"}, "slack"),
        (
            EXAMPLE,
            {"alertname": "ModelStuck", "severity": "critical", "tier": "production"},
            "pagerduty,slack",
        ),
        (EXAMPLE, {"alertname": "ModelStuck", "severity": "warning", "tier": "production"}, "slack"),
        (EXAMPLE, {"alertname": "ModelStuck", "severity": "critical", "team": "vision"}, "teams"),
        (EXAMPLE, {"alertname": "ModelScoreBelowBest", "severity": "warning", "model": "churn-eu"}, "email"),
        (EXAMPLE, {"alertname": "ModelLossPlateau", "severity": "info"}, "blackhole"),
        (EXAMPLE, {"alertname": "ModelWatchdog", "severity": "info"}, "dead-mans-switch"),
    ],
)
def test_an_alert_reaches_the_receivers_of_its_labels(tool, file, labels, receivers):
    given = [f"{name}={value}" for name, value in ({"model": "m", "run": "r"} | labels).items()]
    options = [f"--config.file={file}", f"--verify.receivers={receivers}"]
    tool("amtool", "config", "routes", "test", *options, *given)


def test_the_url_of_the_webhook_stands_in_one_place():
    hooks = [hook for receiver in DOCUMENT["receivers"] for hook in receiver.get("webhook_configs", ())]
    assert len(hooks) == 1
    assert CONFIG.read_text().count(hooks[0]["url"]) == 1
    assert hooks[0]["send_resolved"] is True


def test_one_notification_is_for_one_run():
    assert DOCUMENT["route"]["group_by"] == [*identity(), "model", "run"]


def test_one_run_has_one_group_whatever_the_severities_of_its_alerts():
    """Alertmanager groups by route: alerts of one run at one receiver have one route."""
    receivers = [child["receiver"] for child in DOCUMENT["route"]["routes"]]
    assert DOCUMENT["route"]["receiver"] not in receivers


def test_the_example_has_the_inhibitions_of_the_shipped_configuration():
    assert yaml.safe_load(EXAMPLE.read_text())["inhibit_rules"] == DOCUMENT["inhibit_rules"]


def test_many_runs_that_fail_at_once_mute_single_ones_of_their_namespace_other_than_in_production():
    (rule,) = (rule for rule in DOCUMENT["inhibit_rules"] if "ModelManyRunsFailing" in str(rule))
    assert rule["equal"] == ["cluster", "namespace"]
    for tier, muted in (("", True), ("experiment", True), ("production", False)):
        alert = {"alertname": "ModelRunVanished", "tier": tier}
        assert all(matches(matcher, alert) for matcher in rule["target_matchers"]) == muted


def test_a_notification_leaves_within_seconds():
    assert re.fullmatch(r"[0-5]s", DOCUMENT["route"]["group_wait"])


def test_every_receiver_of_the_example_gets_resolved_alerts():
    for receiver in yaml.safe_load(EXAMPLE.read_text())["receivers"]:
        hooks = [hook for key, hooks in receiver.items() if key != "name" for hook in hooks]
        resolved = {hook["send_resolved"] for hook in hooks}
        assert resolved == ({receiver["name"] != "dead-mans-switch"} if hooks else set()), receiver["name"]


def test_the_example_holds_no_secret():
    """Alertmanager takes each of these from a file as well, under the same name with `_file` at its end."""
    secrets = r"^\s*(smtp_auth_password|auth_password|slack_api_url|api_url|routing_key|service_key|credentials|password):"
    assert not re.search(secrets, EXAMPLE.read_text(), re.MULTILINE)


def matches(matcher: str, labels: dict[str, str]) -> bool:
    name, operator, pattern = parsed(matcher)
    return bool(pattern.fullmatch(labels.get(name, ""))) != operator.startswith("!")


@cache
def parsed(matcher: str) -> tuple[str, str, re.Pattern[str]]:
    """The label, the operator, and a pattern of the values; every test asks for all of them thousands of times."""
    name, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()
    return name, operator, re.compile(value if "~" in operator else re.escape(value))


def muted_by(source: str, severity: str = "", of: str = "", **labels: str) -> set[str]:
    """Alerts of a severity that a firing one mutes in the same run, without other labels in common."""
    return {
        target
        for target in NAMES | {"TrainingCrashed"}
        for rule in DOCUMENT["inhibit_rules"]
        if set(rule["equal"]) <= {*identity(), "model", "run", *labels}
        if all(matches(one, {"alertname": source, "severity": severity}) for one in rule["source_matchers"])
        if all(matches(matcher, {"alertname": target, "severity": of}) for matcher in rule["target_matchers"])
    }


@pytest.mark.parametrize("source", ["ModelRunFailed", "ModelRunVanished", "ModelTargetGone"])
def test_a_run_that_is_gone_mutes_its_other_alerts(source):
    kept = {
        "ModelRunFailed",
        "ModelRunVanished",
        "ModelTargetGone",
        "ModelRestartLoop",
        "ModelLossNonFinite",
        "ModelWeightsNonFinite",
    }
    assert muted_by(source) == NAMES - kept


def test_a_nan_mutes_what_is_computed_from_the_same_weights():
    muted = muted_by("ModelWeightsNonFinite")
    assert muted_by("ModelLossNonFinite") == {"ModelWeightsNonFinite", *muted}
    assert muted == {
        "ModelLossDiverging",
        "ModelLossSpike",
        "ModelLossAboveThreshold",
        "ModelLossPlateau",
        "ModelGradientExploding",
        "ModelGradientVanishing",
        "ModelPredictionsCollapsed",
        "ModelClassRecallCollapsed",
        "ModelScoreBelowThreshold",
        "ModelScoreBelowBest",
        "ModelScoreBelowBaseline",
        "ModelScoreImplausible",
        "ModelOverfitting",
    }


def test_data_that_drifts_as_a_whole_notifies_once():
    assert muted_by("ModelFeaturesDrifted") == {
        "ModelFeatureDrift",
        "ModelFeatureMissing",
        "ModelFeatureOutOfRange",
        "ModelOverfitting",
    }


def test_infinite_values_mute_missing_values_and_drift_of_the_same_feature():
    muted = muted_by("ModelFeatureInfinite", feature="age") - muted_by("ModelFeatureInfinite")
    assert muted == {"ModelFeatureMissing", "ModelFeatureDrift"}


def test_a_score_that_is_critical_mutes_the_loss_that_rose_with_it_and_not_the_other_way_round():
    scores = {"ModelPredictionsCollapsed", "ModelClassRecallCollapsed", "ModelScoreBelowThreshold"}
    for score in scores:
        assert "ModelLossDiverging" in muted_by(score, severity="critical")
        assert "ModelLossDiverging" not in muted_by(score, severity="warning")
    assert not scores & muted_by("ModelLossDiverging", severity="critical")


@pytest.mark.parametrize("source", ["ModelScoreBelowThreshold", "ModelScoreBelowBaseline"])
def test_a_score_below_what_it_should_be_mutes_that_others_are_below_their_best(source):
    assert muted_by(source) == {"ModelScoreBelowBest"}


@pytest.mark.parametrize("source", ["ModelFeaturesDrifted", "ModelLabelDrift"])
def test_changed_data_mutes_the_loss_that_rose_with_it_and_not_the_scores(source):
    muted = muted_by(source, severity="critical")
    assert {"ModelLossDiverging", "ModelOverfitting"} <= muted
    assert not {name for name in muted if name.startswith("ModelScore")}
    assert "ModelLossDiverging" not in muted_by(source, severity="warning")


@pytest.mark.parametrize("source", ["ModelFeaturesDrifted", "ModelLabelDrift", "ModelClassRecallCollapsed"])
def test_a_cause_that_is_critical_mutes_scores_that_only_warn(source):
    scores = {"ModelScoreBelowThreshold", "ModelScoreBelowBest"}
    assert scores <= muted_by(source, severity="critical", of="warning")
    assert not scores & muted_by(source, severity="critical", of="critical")
    assert not scores & muted_by(source, severity="warning", of="warning")


def test_scores_that_are_critical_mute_single_classes():
    assert "ModelClassRecallCollapsed" in muted_by("ModelScoreBelowThreshold", severity="critical")
    assert "ModelClassRecallCollapsed" not in muted_by("ModelScoreBelowThreshold", severity="warning")


def test_critical_mutes_the_warning_of_the_same_thing():
    (rule,) = (rule for rule in DOCUMENT["inhibit_rules"] if "alertname" in rule["equal"])
    identifying = {*identity(), "model", "run", "split", "metric", "output", "class", "feature"}
    assert set(rule["equal"]) == {"alertname", *identifying}


def test_every_matcher_of_an_inhibition_is_of_some_alert():
    for rule in DOCUMENT["inhibit_rules"]:
        for side in ("source_matchers", "target_matchers"):
            labels = [
                {"alertname": alert.name, "severity": alert.severity, "run": "r"}
                for alert in rulebook.alerts()
            ]
            assert any(all(matches(matcher, each) for matcher in rule[side]) for each in labels), rule


def test_every_name_in_a_matcher_is_of_an_alert():
    for rule in DOCUMENT["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            full_names = set(re.findall(r"\bModel\w+\b(?![.(])", matcher))
            assert full_names <= NAMES, matcher


def test_an_alert_mutes_others_of_its_own_run_only():
    for rule in DOCUMENT["inhibit_rules"]:
        if "ModelManyRunsFailing" not in str(rule["source_matchers"]):
            assert {*identity(), "model", "run"} <= set(rule["equal"])
