"""Run the stack in the foreground for your own training scripts: ``python -m traingauge.stack``."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from traingauge.delivery.discovery import default_directory

from .errors import StackError
from .notification import Notification
from .pace import Pace
from .programs import GRAFANA_ADVICE, SERVERS_VARIABLE, find_programs
from .stack import Stack
from .webhook import WebhookReceiver

#: Tried first, so that bookmarks keep working; a port that is taken is replaced by a free one.
WELL_KNOWN_PORTS = {"prometheus": 9090, "alertmanager": 9093, "grafana": 3000}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m traingauge.stack",
        description="Run Prometheus and Alertmanager (and Grafana, if installed) for the training runs on this machine. "
        f"The programs are found in ${SERVERS_VARIABLE} or on PATH, or installed if possible.",
    )
    parser.add_argument(
        "--discovery-dir",
        type=Path,
        default=default_directory(),
        help="directory with the discovery files of runs (default: %(default)s)",
    )
    parser.add_argument(
        "--directory", type=Path, help="keep configuration, logs and data here (default: a temporary one)"
    )
    parser.add_argument(
        "--factor",
        type=float,
        default=1.0,
        help="divide every waiting time of the rules by this number (default: 1)",
    )
    return parser


def show(notification: Notification) -> None:
    """Print a notification as it arrives."""
    print(f"\n{notification}", flush=True)


def run(options: argparse.Namespace) -> None:
    """Run the stack until Ctrl-C or SIGTERM."""
    with (
        WebhookReceiver(show) as receiver,
        Stack(
            directory=options.directory,
            discovery_dir=options.discovery_dir,
            webhook_url=receiver.url,
            pace=Pace(options.factor),
            programs=find_programs(),
            with_grafana=True,
            ports=WELL_KNOWN_PORTS,
        ) as stack,
    ):
        print(f"Prometheus    {stack.prometheus_url}  ({stack.programs.prometheus.version})")
        print(f"Alertmanager  {stack.alertmanager_url}  ({stack.programs.alertmanager.version})")
        print(f"Grafana       {stack.grafana_url or GRAFANA_ADVICE}")
        print(f"Runs          are discovered in {stack.discovery_dir}")
        print("Notifications are printed here. Ctrl-C stops everything.", flush=True)
        stack.wait_for(lambda: None, "the end", timeout=threading.TIMEOUT_MAX)


def main() -> int:
    """Run the program and return its exit status."""
    try:
        run(arguments().parse_args())
    except KeyboardInterrupt:
        print("\nstopped")
    except (StackError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
