"""``traingauge up``: Prometheus, Alertmanager and Grafana for the runs of this machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from traingauge.delivery.discovery import default_directory

if TYPE_CHECKING:
    from traingauge.stack.up import Settings

SUMMARY = "Run Prometheus and Alertmanager (and Grafana, if installed) for the training runs on this machine."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--detach", action="store_true", help="run in the background, and return when all is ready"
    )
    parser.add_argument("--install", action="store_true", help="install missing servers (Debian, Ubuntu)")
    parser.add_argument(
        "--desktop", action="store_true", help="show notifications on the desktop, too (notify-send)"
    )
    parser.add_argument(
        "--slack-webhook-file",
        type=Path,
        metavar="FILE",
        help="notify the incoming webhook whose address is in the file",
    )
    parser.add_argument(
        "--terminal",
        type=Path,
        metavar="DEVICE",
        help="show notifications on this terminal, too (with --detach: the one it was started from)",
    )
    parser.add_argument("--discovery-dir", type=Path, help="directory with the discovery files of runs")
    parser.add_argument(
        "--factor",
        type=float,
        default=1.0,
        help="divide every waiting time of the rules (default: %(default)g)",
    )
    directory(parser)


def directory(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the stack."""
    parser.add_argument(
        "--directory",
        type=Path,
        help="configuration, logs and data (default: ~/.local/state/traingauge/stack)",
    )


def run(options: argparse.Namespace) -> None:
    """Run the stack in the foreground or in the background.

    Raises:
        StackError: It runs already, or a server is missing, did not start, or ended.
        OSError: The directory cannot be written.
    """
    from traingauge.stack.home import default_home
    from traingauge.stack.up import Settings, up

    settings = Settings(
        home=(options.directory or default_home()).absolute(),
        discovery_dir=(options.discovery_dir or default_directory()).absolute(),
        factor=options.factor,
        install=options.install,
        desktop=options.desktop,
        terminal=options.terminal,
        slack_webhook_file=options.slack_webhook_file,
    )
    if options.detach:
        _detach(settings)
        return
    try:
        up(
            settings,
            lambda text: _say(f"{text}\nNotifications are printed here. {_stop(settings)} stops everything."),
        )
    except KeyboardInterrupt:
        _say("\nstopped")


def _stop(settings: Settings) -> str:
    """How the one who reads what is printed stops it: in the background no key reaches it."""
    return "Ctrl-C" if sys.stdin is not None and sys.stdin.isatty() else down_command(settings)


def down_command(settings: Settings) -> str:
    """The command that stops this stack, and not that of the default directory."""
    from traingauge.stack.home import default_home

    elsewhere = settings.home != default_home().absolute()
    return f"`traingauge down --directory {settings.home}`" if elsewhere else "`traingauge down`"


def _detach(settings: Settings) -> None:
    from traingauge.stack.background import start
    from traingauge.stack.errors import AlreadyRunningError
    from traingauge.stack.home import Home
    from traingauge.stack.up import described

    home = Home(settings.home)
    if (running := home.running()) is not None:
        raise AlreadyRunningError(home.directory, running.urls)
    record = start(home, _arguments(settings))
    _say(described(record))
    shown = "on this terminal" if _terminal(settings) else f"in {home.log}"
    _say(f"Notifications are shown {shown}. {down_command(settings)} stops everything.")


def _arguments(settings: Settings) -> list[str]:
    """The command line of the process in the background."""
    arguments = [
        f"--directory={settings.home}",
        f"--discovery-dir={settings.discovery_dir}",
        f"--factor={settings.factor!r}",
    ]
    arguments += ["--install"] * settings.install + ["--desktop"] * settings.desktop
    if (terminal := _terminal(settings)) is not None:
        arguments.append(f"--terminal={terminal}")
    if settings.slack_webhook_file is not None:
        arguments.append(f"--slack-webhook-file={settings.slack_webhook_file.absolute()}")
    return arguments


def _terminal(settings: Settings) -> Path | None:
    if settings.terminal is None and sys.stdout.isatty():
        return Path(os.ttyname(sys.stdout.fileno()))
    return settings.terminal


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
