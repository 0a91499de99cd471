"""Alertmanager's configuration loads, tells the right receiver, and mutes only what exists."""

import re

import pytest
import yaml

from alerting import rulebook

CONFIG = rulebook.ALERTMANAGER / "alertmanager.yml"
DOCUMENT = yaml.safe_load(CONFIG.read_text())
NAMES = {alert.name for alert in rulebook.alerts()}


def test_amtool_accepts_the_configuration(tool):
    tool("amtool", "check-config", CONFIG)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "ModelLossNonFinite", "severity": "critical"}, "training"),
        ({"alertname": "ModelFeatureDrift", "severity": "warning"}, "training"),
        ({"alertname": "ModelLossPlateau", "severity": "info"}, "blackhole"),
        ({"alertname": "SentByAScript"}, "training"),
    ],
)
def test_an_alert_is_told_to_the_receiver_of_its_severity(tool, labels, receiver):
    given = [f"{name}={value}" for name, value in ({"model": "m", "run": "r"} | labels).items()]
    options = [f"--config.file={CONFIG}", f"--verify.receivers={receiver}"]
    tool("amtool", "config", "routes", "test", *options, *given)


def test_the_url_of_the_webhook_stands_in_one_place():
    hooks = [hook for receiver in DOCUMENT["receivers"] for hook in receiver.get("webhook_configs", ())]
    assert len(hooks) == 1
    assert CONFIG.read_text().count(hooks[0]["url"]) == 1
    assert hooks[0]["send_resolved"] is True


def test_one_notification_is_for_one_run():
    assert DOCUMENT["route"]["group_by"] == ["model", "run"]


def test_a_person_is_told_within_seconds():
    assert re.fullmatch(r"[0-5]s", DOCUMENT["route"]["group_wait"])


def test_what_mutes_and_what_is_muted_are_alerts_that_exist():
    for rule in DOCUMENT["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            name, names = re.fullmatch(r'(\w+)=~?"(.*)"', matcher).groups()
            assert name in ("alertname", "severity")
            if name == "alertname":
                assert set(names.split("|")) <= NAMES, matcher


def test_an_alert_mutes_others_of_its_own_run_only():
    for rule in DOCUMENT["inhibit_rules"]:
        assert {"model", "run"} <= set(rule["equal"])
