"""``traingauge``: the command line.

Exit statuses: 0, the command succeeded; 1, it failed, and standard error says why in one line; 2, the command line is
wrong; 130, interrupted by Ctrl-C; 141, the program that read the output stopped reading.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from traingauge.cli import bundle, doctor, down, logs, push, runs, sd, state, status, up
from traingauge.cli.command import Command
from traingauge.errors import TrainGaugeError
from traingauge.version import __version__

#: Every command by its name.
COMMANDS: Mapping[str, Command] = {
    "up": up,
    "down": down,
    "status": status,
    "doctor": doctor,
    "bundle": bundle,
    "runs": runs,
    "logs": logs,
    "state": state,
    "push": push,
    "sd": sd,
}

FAILED, INTERRUPTED, NO_READER = 1, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        arguments: The command line without the program's name; ``sys.argv[1:]`` if ``None``.
    """
    options = _parser().parse_args(arguments)
    try:
        COMMANDS[options.command].run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit, which would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except (TrainGaugeError, OSError, ImportError) as error:
        sys.stderr.write(f"traingauge: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="traingauge",
        description="Work with recorded training runs, and with the bundle around the exporter.",
    )
    parser.add_argument("--version", action="version", version=f"traingauge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.configure(commands.add_parser(name, help=command.SUMMARY, description=command.SUMMARY))
    return parser
