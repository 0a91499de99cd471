"""What is examined: where runs announce themselves, and the servers that should know of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from traingauge.delivery.http.hosts import is_loopback
from traingauge.stack.prometheus import PrometheusApi


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined.

    Attributes:
        discovery_dir: Where runs announce themselves.
        discovery_url: ``traingauge sd`` that they register with; ``None`` if they do not.
        prometheus_url: The Prometheus that should scrape them; ``None`` if none is known.
        alertmanager_url: The Alertmanager that should notify; ``None`` for the one that Prometheus sends alerts to.
        receiver_url: Says what Alertmanager has notified, if it is that of ``traingauge up``; ``None`` if it is not.
        grafana_url: The Grafana that should show them; ``None`` if none is known.
        pushgateway_url: The Pushgateway that runs are pushed to; ``None`` if none is known.
        textfile_dir: Where runs are written for a node_exporter; ``None`` if none is known.
        state_dir: Where runs save their state; ``None`` if they do not.
        is_ours: Whether the servers are those of ``traingauge up``, of the same user and machine.
        sends_test_alert: Whether an alert may be sent to find out whether it is delivered.
    """

    discovery_dir: Path
    prometheus_url: str | None = None
    alertmanager_url: str | None = None
    receiver_url: str | None = None
    grafana_url: str | None = None
    pushgateway_url: str | None = None
    textfile_dir: Path | None = None
    state_dir: Path | None = None
    discovery_url: str | None = None
    is_ours: bool = False
    sends_test_alert: bool = False

    @property
    def prometheus(self) -> PrometheusApi | None:
        """The API of Prometheus."""
        return None if self.prometheus_url is None else PrometheusApi(self.prometheus_url)


def is_on_this_machine(url: str) -> bool:
    """Whether a server is addressed by the loopback."""
    return is_loopback((urlsplit(url).hostname or "").strip("[]"))
