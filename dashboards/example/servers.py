"""The metrics of Prometheus and Alertmanager themselves, from real servers that deliver the alerts of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import requests

from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

#: The servers' intervals are divided by this, so that they soon have something to publish and to deliver.
FASTER = 30

#: What Alertmanager publishes when it has decided of every alert whether to mute it.
_ALL_PROCESSED = 'alertmanager_alerts{state="unprocessed"} 0\n'

#: Labels of an alert.
Alert = Mapping[str, str]


def own_metrics(directory: Path, firing: Sequence[Sequence[Alert]]) -> list[dict[str, str]]:
    """What each server of the shipped stack publishes about itself as alerts begin and end.

    Args:
        directory: For the stack's data.
        firing: The alerts that fire at each of several moments.

    Returns:
        Before any alert fires, and at each of the moments, once Alertmanager has delivered what is to be delivered: a text
        by the job of the server.
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
                lambda: "\nprometheus_tsdb_head_series 0\n" not in published()["prometheus"],
                "Prometheus has scraped something",
            )
            stack.wait_for(
                lambda: (
                    "\nprometheus_notifications_alertmanagers_discovered 1\n" in published()["prometheus"]
                ),
                "Prometheus knows Alertmanager, and drops no notification any more",
            )
            texts, before = [published()], list[Alert]()
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
