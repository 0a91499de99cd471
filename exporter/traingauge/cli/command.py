"""What a command of ``traingauge`` consists of."""

from __future__ import annotations

import argparse
from typing import Protocol


class Command(Protocol):
    """One command: a module of this package with these names, listed in :data:`traingauge.cli.main.COMMANDS`.

    Attributes:
        SUMMARY: What the command is for, in one line.
    """

    SUMMARY: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to its parser."""

    def run(self, options: argparse.Namespace) -> None:
        """Run the command.

        Raises:
            TrainGaugeError, OSError, ImportError: The command failed; the message becomes the one line of error output.
        """
