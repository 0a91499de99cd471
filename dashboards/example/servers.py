"""What Prometheus and Alertmanager publish about themselves, asked of real ones."""

from __future__ import annotations

from pathlib import Path

import requests

from deploy.native.stack import Stack


def own_metrics(directory: Path) -> dict[str, str]:
    """The text that each server of the shipped stack publishes about itself, by its job.

    Args:
        directory: For the stack's data.
    """
    with Stack(directory=directory) as stack, requests.Session() as session:
        session.trust_env = False
        urls = {"prometheus": stack.prometheus_url, "alertmanager": stack.alertmanager_url}
        return {job: session.get(f"{url}/metrics").text for job, url in urls.items()}
