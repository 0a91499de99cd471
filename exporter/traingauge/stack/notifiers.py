"""Where notifications are shown on this machine, in addition to the receivers of Alertmanager."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import ConfigError
from .notification import Notification

Notifier = Callable[[Notification], None]


def printed(notification: Notification) -> None:
    """Print a notification as it arrives."""
    print(f"\n{notification}", flush=True)


def on_terminal(path: Path) -> Notifier:
    """Notifications on a terminal that is not the standard output, until it is closed.

    Raises:
        ConfigError: It is not a terminal that can be written to.
    """
    try:
        # Without waiting: a terminal that was stopped by Ctrl-S must not hold up the others.
        terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"{path}: expected a terminal: {error.strerror}") from error
    if not os.isatty(terminal):
        os.close(terminal)
        raise ConfigError(f"{path}: expected a terminal")

    def show(notification: Notification) -> None:
        text = f"\n{notification}\n".replace(
            "\n", "\r\n"
        )  # a program may have switched the terminal to raw mode
        try:
            os.write(terminal, text.encode(errors="replace"))
        except OSError:  # it was closed, or takes no more at the moment
            return

    return show


def on_desktop() -> Notifier:
    """Notifications of the desktop.

    Raises:
        ConfigError: ``notify-send`` is not installed.
    """
    program = shutil.which("notify-send")
    if program is None:
        raise ConfigError(
            "--desktop: notify-send is not installed (Debian: libnotify-bin; Fedora: libnotify)"
        )

    def show(notification: Notification) -> None:
        summary, _, body = str(notification).partition("\n")
        urgency = "critical" if notification.status == "firing" else "normal"
        command = [program, "--app-name=traingauge", f"--urgency={urgency}", "--", summary, body]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            print(f"notify-send failed: {done.stderr.strip()}", file=sys.stderr, flush=True)

    return show


def each(notifiers: Sequence[Notifier]) -> Notifier:
    """One notifier for all."""

    def show(notification: Notification) -> None:
        for notifier in notifiers:
            notifier(notification)

    return show
