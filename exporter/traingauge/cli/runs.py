"""``traingauge runs``: the runs that this machine's discovery directory announces, and how each is doing."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from traingauge.cli.run_status import Reader, Status
from traingauge.delivery.discovery import default_directory
from traingauge.delivery.plain_text import duration, printable
from traingauge.delivery.targets import announced
from traingauge.errors import TrainGaugeError

SUMMARY = "List the runs that are announced, with state, step and loss."

#: Seconds between two looks of ``--watch``, unless they are set.
EVERY = 2.0

_SPLITS = ("train", "validation", "test")


class IntervalError(TrainGaugeError, ValueError):
    """``--every`` is no number of seconds above 0."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write a JSON list instead of a table")
    form.add_argument(
        "--watch",
        action="store_true",
        help="show a live view until Ctrl-C; without a terminal, the list again and again",
    )
    parser.add_argument(
        "--every",
        type=float,
        default=EVERY,
        metavar="SECONDS",
        help="of the live view (default: %(default)g)",
    )
    endpoints(parser)


def endpoints(parser: argparse.ArgumentParser) -> None:
    """Add the options by which the endpoints of runs are found and read."""
    announcements(parser)
    parser.add_argument("--token-file", type=Path, help="bearer token of endpoints that ask for one")
    parser.add_argument("--ca-file", type=Path, help="certificates to verify endpoints with TLS by")


def announcements(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where runs announce themselves."""
    parser.add_argument(
        "--directory",
        type=Path,
        help="discovery directory (default: $TRAINGAUGE_DISCOVERY_DIR, or ~/.local/state/traingauge/targets)",
    )


def run(options: argparse.Namespace) -> None:
    """List the runs once, or watch them.

    Raises:
        IntervalError: ``--every`` is not above 0.
        OSError: The token file cannot be read.
        ImportError: ``--watch`` in a terminal needs rich, which is not installed.
    """
    if not 0 < options.every < math.inf:
        raise IntervalError(f"--every={options.every:g}: expected seconds above 0")
    directory = options.directory or default_directory()
    reader = Reader(options.token_file, options.ca_file)

    def read() -> list[Status]:
        return reader.read(announced(directory))

    if options.json:
        sys.stdout.write(json.dumps([as_json(each) for each in read()], indent=1) + "\n")
    elif not options.watch:
        sys.stdout.write(_listed(read(), directory))
    elif sys.stdout.isatty():
        from traingauge.cli.runs_view import watch  # rich is an extra

        watch(read, options.every)
    else:
        while True:
            sys.stdout.write(f"{now()}\n{_listed(read(), directory)}\n")
            sys.stdout.flush()
            time.sleep(options.every)


def _listed(found: Sequence[Status], directory: Path) -> str:
    return table(found) if found else f"no runs in {directory}{_where_ended_runs_are(directory)}\n"


def as_json(status: Status) -> dict[str, object]:
    """The facts of a run as plain values; unknown numbers are ``None``.

    A loss that is not finite is text, ``"nan"`` or ``"inf"``, for JSON has no such number.
    """
    target = status.target
    return {
        "model": target.model,
        "run": target.run,
        "url": target.url,
        "state": status.state,
        "health": status.health or None,
        "health_cause": status.cause or None,
        "step": _known(status.step),
        "steps_planned": _known(status.planned),
        "loss": {split: loss if math.isfinite(loss) else str(loss) for split, loss in status.loss.items()},
        "age_seconds": _known(status.age),
        "idle_seconds": _known(status.idle),
        "problem": status.problem or None,
    }


def table(found: Sequence[Status]) -> str:
    """A line for each run, in columns.

    >>> from traingauge.delivery.targets import Target
    >>> run = Status(Target("digits", "r1", "http://127.0.0.1:9109", 5.0), "running", "healthy", 1200, 4800,
    ...              {"train": 0.25}, 90.0, 1.0)
    >>> print(table([run]), end="")
    MODEL   RUN  STATE    HEALTH   STEP         LOSS  AGE     LAST STEP  URL
    digits  r1   running  healthy  1,200 (25%)  0.25  1m 30s  1s ago     http://127.0.0.1:9109
    """
    lines = [tuple(cells(found[0])), *(tuple(cells(each).values()) for each in found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def cells(status: Status) -> dict[str, str]:
    """What a table shows of a run, by heading."""
    target = status.target
    return {
        "MODEL": printable(target.model),
        "RUN": printable(target.run),
        "STATE": printable(status.state),
        "HEALTH": printable(f"{status.health} ({status.cause})" if status.cause else status.health) or "-",
        "STEP": _step(status),
        "LOSS": " / ".join(f"{loss:.4g}" for loss in shown_losses(status.loss).values()) or "-",
        "AGE": duration(status.age),
        "LAST STEP": f"{duration(status.idle)} ago" if math.isfinite(status.idle) else "-",
        "URL": printable(target.url + (f" ({status.problem})" if status.problem else "")),
    }


def now() -> str:
    """The time of day."""
    return time.strftime("%H:%M:%S")


def _where_ended_runs_are(directory: Path) -> str:
    """Where a stack of this machine that looks into the directory shows the runs that have ended."""
    from traingauge.stack.home import Home, default_home

    stack = Home(default_home()).running()
    if stack is None or "overview" not in stack.urls or Path(stack.discovery_dir) != directory.absolute():
        return ""
    return f"; those that have ended are on {stack.urls['overview']}"


def _step(status: Status) -> str:
    if not math.isfinite(status.step):
        return "-"
    done = f" ({status.done:.0%})" if math.isfinite(status.done) else ""
    return f"{status.step:,.0f}{done}"


def shown_losses(loss: Mapping[str, float]) -> dict[str, float]:
    """The losses of the first two splits, training first.

    >>> shown_losses({"test": 0.5, "validation": 0.25})
    {'validation': 0.25, 'test': 0.5}
    """
    return {split: loss[split] for split in [one for one in _SPLITS if one in loss][:2]}


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None
