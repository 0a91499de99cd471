"""``traingauge state``: look at the saved state of a run, and export its rows."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from traingauge import export
from traingauge.errors import TrainGaugeError
from traingauge.stats.health.states import STATES

SUMMARY = "Show or export the saved state of a run; the run may still be training."

FORMATS = ("csv", "openmetrics", "parquet")


class OutputError(TrainGaugeError, ValueError):
    """The format needs a file to write to."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``show`` and ``export``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show_parser = actions.add_parser(
        "show", help="print a summary", description="Print a summary of a saved state."
    )
    export_parser = actions.add_parser(
        "export",
        help="write every recorded row",
        description="Write every recorded row of a saved state.",
    )
    for action in (show_parser, export_parser):
        action.add_argument("directory", type=Path, help="the run's state directory")
    export_parser.add_argument("--format", choices=FORMATS, default="csv", help="default: %(default)s")
    export_parser.add_argument("--output", type=Path, help="file to write (default: standard output)")


def run(options: argparse.Namespace) -> None:
    """Show or export.

    Raises:
        FileNotFoundError: The directory holds no state.
        DamagedFileError: No saved copy can be read.
        OutputError: Parquet was asked for without a file.
        ImportError: The format needs a library that is not installed.
    """
    if options.action == "show":
        sys.stdout.write(summary(options.directory))
    else:
        _export(options.directory, options.format, options.output)


def summary(directory: Path) -> str:
    """What a saved state holds, one fact a line."""
    saved, tables = export.read(directory)
    progress, health = saved.tree["progress"], saved.tree["diagnostics"]["health"]["state"]
    facts = {
        "Model": saved.identity.model,
        "Run": saved.identity.run,
        "File": saved.path.name,
        "Saved": _local_time(saved.saved),
        "Started": _local_time(saved.tree["run"]["started"]),
        "Restarts": saved.tree["restarts"]["restarts"],
        "Step": saved.tree["diagnostics"]["position"][0],
        "Anomalies": sum(count for *_, count in saved.tree["diagnostics"]["anomalies"]["counts"]),
        "Health": "not yet known" if health is None else STATES[health],
        **{f"Steps, {split}": count for split, count in progress["steps"].items() if count},
        **{f"Rows, {split}": len(table["step"]) for split, table in tables.items()},
        "Rows given up": export.given_up(saved),
        "Damaged copies": ", ".join(path.name for path in saved.damaged) or "none",
    }
    width = max(map(len, facts)) + 2
    return "".join(f"{name + ':':{width}}{fact}\n" for name, fact in facts.items())


def _local_time(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(moment))


def _export(directory: Path, kind: str, output: Path | None) -> None:
    saved, tables = export.read(directory)
    if kind == "parquet":
        if output is None:
            raise OutputError("Parquet is a binary format: pass --output FILE")
        export.write_parquet(tables, output)
        return
    file = sys.stdout if output is None else output.open("w", encoding="utf-8", newline="")
    try:
        if kind == "csv":
            export.write_csv(tables, file)
        else:
            export.write_openmetrics(saved.identity, tables, file)
    finally:
        if output is not None:
            file.close()
