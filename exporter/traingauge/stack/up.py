"""Runs the stack of a user until a signal, or until a server ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from traingauge.version import __version__

from .errors import ConfigError, StackError
from .home import Home, Record
from .notifiers import Notifier, each, on_desktop, on_terminal, printed
from .overview.server import Overview
from .pace import Pace
from .programs import GRAFANA_ADVICE, find_programs
from .stack import Stack
from .webhook import WebhookReceiver

#: Tried first, so that bookmarks keep working; a port that is taken is replaced by a free one.
WELL_KNOWN_PORTS = {"prometheus": 9090, "alertmanager": 9093, "grafana": 3000, "overview": 9095}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a user wants the stack.

    Attributes:
        home: Its directory, with configuration, logs and data.
        discovery_dir: The directory with the discovery files of runs.
        factor: Divides every waiting time of the rules.
        install: Install missing servers, if that is possible.
        desktop: Show notifications on the desktop, too.
        terminal: Show them on this terminal, too.
        slack_webhook_file: A file with the address of an incoming webhook of Slack, to which they are sent, too.
    """

    home: Path
    discovery_dir: Path
    factor: float = 1.0
    install: bool = False
    desktop: bool = False
    terminal: Path | None = None
    slack_webhook_file: Path | None = None


def up(settings: Settings, ready: Callable[[str], None]) -> None:
    """Run the stack until SIGTERM or Ctrl-C.

    Args:
        settings: What to run.
        ready: Takes what there is to say when all servers are ready.

    Raises:
        AlreadyRunningError: The stack of this directory runs.
        StackError: A server is missing, did not start, or ended.
        OSError: The directory cannot be written.
    """
    notifier, slack = each(_notifiers(settings)), _slack_file(settings.slack_webhook_file)
    home = Home(settings.home)
    with home.held():
        earlier = home.record()
        home.write(Record(os.getpid(), time.time()))
        ports = WELL_KNOWN_PORTS | (earlier.ports if earlier is not None else {})
        try:
            with (
                WebhookReceiver(notifier) as receiver,
                Stack(
                    directory=settings.home,
                    discovery_dir=settings.discovery_dir,
                    webhook_url=receiver.url,
                    slack_webhook_file=slack,
                    pace=Pace(settings.factor),
                    programs=find_programs(install=settings.install),
                    with_grafana=True,
                    ports=ports,
                ) as stack,
                Overview(stack.prometheus_url, _links(stack), port=ports["overview"]) as overview,
            ):
                record = _record(stack, overview, receiver)
                home.write(record)
                ready(described(record))
                stack.wait()
        except StackError as error:
            home.end(f"failed: {error}")
            raise
        except (KeyboardInterrupt, SystemExit):
            home.end("was stopped")
            raise


def described(record: Record) -> str:
    """The lines that say where everything is."""
    lines = {
        name.capitalize(): f"{url}  ({record.versions.get(name, 'unknown')})"
        for name, url in record.urls.items()
    }
    lines.setdefault("Grafana", GRAFANA_ADVICE)
    lines["Runs"] = f"are discovered in {record.discovery_dir}"
    return "\n".join(f"{name:13} {text}" for name, text in lines.items())


def _links(stack: Stack) -> dict[str, str]:
    """The servers to look at, by what they are called."""
    links = {"Prometheus": stack.prometheus_url, "Alertmanager": stack.alertmanager_url}
    return links if stack.grafana_url is None else {"Grafana": stack.grafana_url, **links}


def _record(stack: Stack, overview: Overview, receiver: WebhookReceiver) -> Record:
    urls = {name.lower(): url for name, url in _links(stack).items()}
    versions = {name: getattr(stack.programs, name).version for name in urls}
    return Record(
        os.getpid(),
        time.time(),
        {"overview": overview.url, **urls},
        {"overview": __version__, **versions},
        str(stack.discovery_dir),
        receiver.url,
    )


def _notifiers(settings: Settings) -> list[Notifier]:
    found: list[Notifier] = [printed]
    if settings.terminal is not None:
        found.append(on_terminal(settings.terminal))
    if settings.desktop:
        found.append(on_desktop())
    return found


def _slack_file(file: Path | None) -> Path | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    if not text.startswith(("https://", "http://")) or len(text.split()) != 1:
        raise ConfigError(f"{file}: expected one line with the address of an incoming webhook, https://…")
    return file.resolve()
