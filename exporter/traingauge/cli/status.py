"""``traingauge status``: what ``traingauge up`` runs, and which alerts fire."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from traingauge.cli import up

if TYPE_CHECKING:
    from traingauge.stack.prometheus import PrometheusApi

SUMMARY = "Show where the servers of `traingauge up` listen, and which alerts fire."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    up.directory(parser)


def run(options: argparse.Namespace) -> None:
    """Show the stack.

    Raises:
        NotUpError: It is not running; the message says how it ended.
        OSError: Prometheus does not answer.
    """
    from traingauge.stack.errors import NotUpError
    from traingauge.stack.home import Home, default_home
    from traingauge.stack.prometheus import PrometheusApi
    from traingauge.stack.up import described

    home = Home(options.directory or default_home())
    record = home.running()
    if record is None:
        last = home.record()
        raise NotUpError("" if last is None else last.ended or "was killed")
    if not record.urls:
        sys.stdout.write("the servers are starting\n")
        return
    sys.stdout.write(f"{described(record)}\nData          in {home.directory}\n")
    sys.stdout.writelines(_alerts(PrometheusApi(record.urls["prometheus"])))


def _alerts(prometheus: PrometheusApi) -> list[str]:
    firing = [
        alert["labels"]
        for alert in prometheus.alerts("firing")
        if alert["labels"]["alertname"] != "ModelWatchdog"
    ]
    lines = sorted(
        "Firing        {severity}: {alertname}{of}\n".format(
            severity=labels.get("severity", "-"),
            alertname=labels["alertname"],
            of=f" ({labels['model']}, {labels['run']})" if "run" in labels else "",
        )
        for labels in firing
    )
    return lines or ["Firing        no alert\n"]
