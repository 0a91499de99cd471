"""Alertmanager: whether it gets alerts, and notifies a person."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import requests
from prometheus_client.parser import text_string_to_metric_families

from traingauge.bundle import documents, places
from traingauge.stack.client import get

from .finding import Finding, ok, problem, skipped, warning
from .servers import BROKEN, NO_PROMETHEUS, TIMEOUT
from .subject import Subject

#: The alert that is sent, as the routes of the rules' alerts take it.
TEST_ALERT = "ModelTestAlert"

#: Seconds within which it has to be notified: routes wait for others to come.
DELIVERED_WITHIN = 90.0

_EVERY = 0.5


def alertmanager(subject: Subject) -> Iterator[Finding]:
    """Prometheus has an Alertmanager, which answers and has a receiver that notifies."""
    if subject.prometheus is None:
        yield skipped(NO_PROMETHEUS)
    else:
        try:
            known = get(f"{subject.prometheus_url}/api/v1/alertmanagers", timeout=TIMEOUT).json()["data"]
            if not known["activeAlertmanagers"]:
                yield problem(
                    "Prometheus sends alerts to no Alertmanager",
                    "name one in `alerting:` of its configuration",
                )
        except BROKEN as error:
            yield skipped(f"Prometheus does not say where it sends alerts: {error}")
    if subject.alertmanager_url is None:
        yield problem(
            "no Alertmanager is known",
            "start one with `traingauge up`, or name yours with --alertmanager-url",
        )
        return
    try:
        answer = get(f"{subject.alertmanager_url}/api/v2/status", timeout=TIMEOUT).json()
        version, configuration = answer["versionInfo"]["version"], str(answer["config"]["original"])
    except BROKEN as error:
        yield problem(
            f"Alertmanager at {subject.alertmanager_url} does not answer as it should: {error}",
            "is it running, is the address right, and is no firewall between?",
        )
        return
    yield ok(f"Alertmanager {version} answers at {subject.alertmanager_url}")
    yield from _configured(configuration)


def delivered(subject: Subject) -> Iterator[Finding]:
    """An alert that is sent is notified."""
    if not subject.sends_test_alert:
        yield skipped("no test alert was sent", "--send-test-alert sends one to your receivers")
        return
    if subject.alertmanager_url is None:
        yield skipped("no Alertmanager is known")
        return
    try:
        before = _counts(subject.alertmanager_url)
        _post(subject.alertmanager_url, minutes=5)
        after = _changed(subject.alertmanager_url, before)
        _post(subject.alertmanager_url, minutes=0)
    except BROKEN as error:
        yield problem(f"Alertmanager does not take an alert: {error}", "see its log")
        return
    (sent, failed), (sent_before, failed_before) = after, before
    if failed > failed_before:
        yield problem(
            "Alertmanager could not deliver a notification after a test alert",
            "its log says why: the address of the receiver, a token, a proxy",
        )
    elif sent == sent_before:
        yield problem(
            f"{TEST_ALERT} was notified to no one within {DELIVERED_WITHIN:.0f} s",
            "`amtool config routes test alertname=ModelTestAlert severity=warning` says which receiver it reaches",
        )
    else:
        yield ok(f"{TEST_ALERT} was notified, and is over: look whether it has arrived")


def _configured(text: str) -> Iterator[Finding]:
    receivers = documents.shipped(places.ALERTMANAGER_CONFIG)["receivers"]
    placeholder = receivers[0]["webhook_configs"][0]["url"]
    if "_configs:" not in re.sub(r"_configs: \[\]", "", text):
        yield problem("no receiver of Alertmanager notifies anyone", "give a receiver an address")
    elif placeholder in text:
        yield problem(
            f"the receiver of Alertmanager is still the shipped placeholder, {placeholder}",
            "put the address of your own receiver there",
        )
    if not any({"model", "run"} <= names or "..." in names for names in _groupings(text)):
        yield warning(
            "no route of Alertmanager groups by model and run: alerts of several runs come in one notification",
            "put model and run into `group_by` of the route",
        )


def _groupings(text: str) -> Iterator[set[str]]:
    """The labels by which each route groups, of YAML in either style; ``...`` stands for all."""
    for flow, block in re.findall(r"\bgroup_by:\s*(?:\[([^\]]*)\]|((?:\s*- \S+)+))", text):
        yield {name.strip("'\"") for name in re.findall(r"[^\s,]+", flow or block)}


def _counts(url: str) -> tuple[float, float]:
    """Notifications that were tried, and that failed."""
    text = get(f"{url}/metrics", timeout=TIMEOUT).text
    names = ("alertmanager_notifications_total", "alertmanager_notifications_failed_total")
    totals = dict.fromkeys(names, 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in totals:
                totals[sample.name] += sample.value
    return totals[names[0]], totals[names[1]]


def _changed(url: str, before: tuple[float, float]) -> tuple[float, float]:
    deadline = time.monotonic() + DELIVERED_WITHIN
    while (now := _counts(url)) == before and time.monotonic() < deadline:
        time.sleep(_EVERY)
    return now


def _post(url: str, *, minutes: float) -> None:
    """Send the alert, which ends that many minutes from now."""
    now = datetime.now(UTC)
    alert = {
        "labels": {
            "alertname": TEST_ALERT,
            "severity": "warning",
            "model": "traingauge-doctor",
            "run": "test",
        },
        "annotations": {"summary": "traingauge doctor tests whether alerts arrive. There is nothing to do."},
        "startsAt": (now - timedelta(seconds=1)).isoformat(),
        "endsAt": (now + timedelta(minutes=minutes)).isoformat(),
    }
    with requests.Session() as session:
        session.trust_env = False
        session.post(f"{url}/api/v2/alerts", json=[alert], timeout=TIMEOUT).raise_for_status()
