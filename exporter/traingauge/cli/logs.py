"""``traingauge logs``: what monitoring itself complained about in the processes of the runs of this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import groupby
from urllib.parse import urlsplit

from traingauge.cli import runs
from traingauge.cli.run_status import Reader, UnreadableError
from traingauge.delivery.discovery import default_directory
from traingauge.delivery.plain_text import printable
from traingauge.delivery.targets import Target, announced
from traingauge.errors import TrainGaugeError

SUMMARY = "Show what monitoring itself complained about in the runs that are announced."


class UnknownRunError(TrainGaugeError, LookupError):
    """The run that was named is not announced."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("run", nargs="?", help="the name of a run (default: all)")
    parser.add_argument(
        "--tail", type=_lines, default=20, metavar="N", help="lines of each process (default: %(default)s)"
    )
    runs.endpoints(parser)


def run(options: argparse.Namespace) -> None:
    """Show the last lines of each process.

    Raises:
        UnknownRunError: No such run is announced.
        OSError: The token file cannot be read.
    """
    directory = options.directory or default_directory()
    reader = Reader(options.token_file, options.ca_file)
    found = [one for one in announced(directory) if options.run in (None, one.run) and not one.ended]
    if options.run is not None and not found:
        raise UnknownRunError(f"no run {options.run} in {directory}")
    if not found:
        sys.stdout.write(f"no runs in {directory}\n")
    for together in by_process(found):
        sys.stdout.write(_shown(reader, together, options.tail))


def _lines(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of lines above 0")
    return int(text)


def by_process(found: Iterable[Target]) -> list[list[Target]]:
    """The runs of each process, which share an address, and its log.

    >>> [len(one) for one in by_process(Target("m", run, f"http://node:9/{run}", 0.0) for run in "ab")]
    [2]
    """
    return [list(together) for _, together in groupby(sorted(found, key=_process), _process)]


def _process(target: Target) -> str:
    return urlsplit(target.url).netloc


def _shown(reader: Reader, together: list[Target], tail: int) -> str:
    try:
        lines = reader.log(together[0])[-tail:] or ["nothing"]
    except UnreadableError as error:
        lines = [f"cannot be read: {error}"]
    heading = ", ".join(f"{target.model} / {target.run}" for target in together)
    return "".join(f"{printable(line)}\n" for line in (heading, *(f"  {line}" for line in lines)))
