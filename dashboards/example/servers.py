"""The metrics of Prometheus and Alertmanager themselves, from real servers."""

from __future__ import annotations

from pathlib import Path

import requests

from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

#: The servers' intervals are divided by this, so that they soon have something to publish.
FASTER = 5

#: Something for Alertmanager to deliver.
_ALERT = {
    "labels": {"alertname": "LabelAuditFailed", "severity": "warning", "model": "digits", "run": "faulty"},
    "annotations": {"summary": "3 % of the labels disagree."},
}


def own_metrics(directory: Path) -> dict[str, tuple[str, str]]:
    """The text that each server of the shipped stack publishes about itself, before and after an alert was delivered.

    Args:
        directory: For the stack's data.

    Returns:
        By the job of the server.
    """
    with WebhookReceiver() as webhook, requests.Session() as session:
        session.trust_env = False
        with Stack(directory=directory, webhook_url=webhook.url, pace=Pace(FASTER)) as stack:
            urls = {"prometheus": stack.prometheus_url, "alertmanager": stack.alertmanager_url}

            def published() -> dict[str, str]:
                return {job: session.get(f"{url}/metrics").text for job, url in urls.items()}

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
            before = published()
            session.post(f"{stack.alertmanager_url}/api/v2/alerts", json=[_ALERT]).raise_for_status()
            webhook.wait_for("LabelAuditFailed", timeout=30)
            # Alertmanager measures a delivery once the receiver has answered.
            stack.wait_for(
                lambda: _deliveries(published()["alertmanager"]) > _deliveries(before["alertmanager"]),
                "Alertmanager has measured the delivery",
            )
            after = published()
    return {job: (before[job], after[job]) for job in urls}


def _deliveries(exposition: str) -> float:
    """How many notifications the webhook's histogram holds."""
    return sum(
        float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        if line.startswith("alertmanager_notification_latency_seconds_count{") and '"webhook"' in line
    )
