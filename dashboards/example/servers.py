"""The metrics of Prometheus and Alertmanager themselves, from real servers that deliver the alerts of the runs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path

import requests

from dashboards.example.history import END, History, grid
from dashboards.example.rules import firing
from dashboards.vocabulary.metrics import OF_THE_SERVERS
from simulation.clock import BEGIN, SCRAPE_SECONDS
from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

#: The servers' intervals are divided by this, so that they soon have something to publish and to deliver.
FASTER = 300

#: How many series Prometheus holds.
_HELD = "prometheus_tsdb_head_series"

#: What Alertmanager publishes when it has decided of every alert whether to mute it.
_ALL_PROCESSED = 'alertmanager_alerts{state="unprocessed"} 0\n'

#: Labels of an alert.
Alert = Mapping[str, str]


def add_servers(history: History, rules: History, directory: Path) -> None:
    """Add what the servers of a history publish about themselves.

    Args:
        history: Of the runs and their hosts.
        rules: What the rules made of it.
        directory: For the servers' data.
    """
    alerts = firing(rules)
    texts = _own_metrics(directory, list(alerts.values()))
    held = _series_held(texts[-1]["prometheus"], (history, rules))
    for text, (since, until) in zip(texts, pairwise((*alerts, END + SCRAPE_SECONDS)), strict=True):
        for job, exposition in text.items():
            history.hold(exposition, job, OF_THE_SERVERS.keys() - {_HELD}, (since, until - SCRAPE_SECONDS))
    history.add(_HELD, {"job": "prometheus", "instance": "prometheus:9090"}, held)


def _series_held(exposition: str, histories: Iterable[History]) -> Iterator[tuple[float, float]]:
    """The series in the memory of Prometheus: its own, and those that were there up to a moment of an hour."""
    own = float(re.search(rf"^{_HELD} (.*)$", exposition, re.MULTILINE)[1])
    lines = chain.from_iterable(chain.from_iterable(one.lines.values() for one in histories))
    first: dict[str, float] = {}
    for line in lines:
        series, _, at = line.rsplit(" ", 2)
        first.setdefault(series, float(at))
    began = sorted(first.values())
    return ((at, own + bisect_right(began, at)) for at in grid(BEGIN, END))


def _own_metrics(directory: Path, firing: Sequence[Sequence[Alert]]) -> list[dict[str, str]]:
    """What each server of the shipped stack publishes about itself as alerts begin and end.

    Args:
        directory: For the stack's data.
        firing: The alerts that fire at each of several moments.

    Returns:
        At each of the moments, once Alertmanager has delivered what is to be delivered: a text by the job of the server.
    """
    with WebhookReceiver() as webhook, requests.Session() as session:
        session.trust_env = False
        with Stack(directory=directory, webhook_url=webhook.url, pace=Pace(FASTER)) as stack:
            urls = {"prometheus": stack.prometheus_url, "alertmanager": stack.alertmanager_url}

            def published() -> dict[str, str]:
                return {job: session.get(f"{url}/metrics").text for job, url in urls.items()}

            def delivered() -> bool:
                # Alertmanager measures a delivery once the receiver has answered.
                came = {frozenset(alert.labels.items()) for _, alert in webhook.alerts("firing")}
                text = published()["alertmanager"]
                measured = _deliveries(text) == len(webhook.notifications)
                return (
                    measured
                    and _ALL_PROCESSED in text
                    and _to_deliver(session, stack.alertmanager_url) <= came
                )

            stack.wait_for(
                lambda: stack.prometheus.query("count(up == 1) == 2"),
                "Prometheus has scraped itself and Alertmanager",
            )
            stack.wait_for(
                lambda: (
                    "\nprometheus_notifications_alertmanagers_discovered 1\n" in published()["prometheus"]
                ),
                "Prometheus knows Alertmanager, and drops no notification any more",
            )
            texts, before = [], list[Alert]()
            for now in firing:
                ended = [alert for alert in before if alert not in now]
                posted = [{"labels": alert} for alert in now] + [
                    {"labels": alert, "endsAt": datetime.now(UTC).isoformat()} for alert in ended
                ]
                url = f"{stack.alertmanager_url}/api/v2/alerts"
                session.post(url, json=posted).raise_for_status()
                stack.wait_for(delivered, "Alertmanager has delivered every alert")
                texts.append(published())
                before = list(now)
    return texts


def _to_deliver(session: requests.Session, alertmanager: str) -> set[frozenset[tuple[str, str]]]:
    """Labels of the alerts that Alertmanager holds, does not mute, and sends to the webhook."""
    wanted = {"receiver": "training", "active": "true", "inhibited": "false", "silenced": "false"}
    held = session.get(f"{alertmanager}/api/v2/alerts", params=wanted).json()
    return {frozenset(alert["labels"].items()) for alert in held}


def _deliveries(exposition: str) -> float:
    """How many notifications the webhook's histogram holds."""
    return sum(
        float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        if line.startswith("alertmanager_notification_latency_seconds_count{") and '"webhook"' in line
    )
