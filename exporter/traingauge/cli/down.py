"""``traingauge down``: stops what ``traingauge up`` runs."""

from __future__ import annotations

import argparse
import sys

from traingauge.cli import up

SUMMARY = "Stop what `traingauge up` runs; its data are kept."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    up.directory(parser)


def run(options: argparse.Namespace) -> None:
    """Stop the stack.

    Raises:
        StackError: It did not stop.
    """
    from traingauge.stack.background import stop
    from traingauge.stack.home import Home, default_home

    stopped = stop(Home(options.directory or default_home()))
    sys.stdout.write("stopped\n" if stopped else "nothing is running\n")
