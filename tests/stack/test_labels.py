"""The labels that a run gives itself, on real servers."""

from __future__ import annotations

import pytest

from traingauge import Endpoint, ModelMonitor
from traingauge.stack.pace import Pace, at_a_pace_that_holds
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

pytestmark = pytest.mark.servers

LABELS = {"team": "vision", "tier": "production", "project": "atlas"}


def test_labels_of_a_run_are_on_its_series_once_on_its_target_and_on_what_is_notified() -> None:
    at_a_pace_that_holds(follow_a_labelled_run_into_nan, Pace(60.0))


def follow_a_labelled_run_into_nan(pace: Pace) -> None:
    with WebhookReceiver() as receiver, Stack(pace=pace, webhook_url=receiver.url) as stack:
        endpoint = Endpoint(discovery_dir=stack.discovery_dir)
        with ModelMonitor("m", run="r", labels=LABELS, delivery=[endpoint]) as monitor:
            monitor.step(loss=float("nan"))
            _, alert = receiver.wait_for("ModelLossNonFinite", "firing")
            assert alert.labels.items() >= {"team": "vision", "tier": "production", "run": "r"}.items()
            for query in ("model_loss", "model_run_info", 'up{job="traingauge"}'):
                (found,) = stack.prometheus.query(query)
                assert found.labels.items() >= LABELS.items()
                assert not [name for name in found.labels if name.startswith("exported_")]
