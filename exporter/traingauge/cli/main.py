"""``traingauge``: what can be done with a run from the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from traingauge import export
from traingauge.errors import TrainGaugeError
from traingauge.stats.health.states import STATES

FORMATS = ("csv", "openmetrics", "parquet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status.

    Args:
        arguments: Those of the command line; ``sys.argv`` if ``None``.
    """
    given = _parser().parse_args(arguments)
    try:
        if given.action == "show":
            sys.stdout.write(show(given.directory))
        else:
            _export(given.directory, given.format, given.output)
    except (TrainGaugeError, OSError, ImportError) as error:
        sys.stderr.write(f"traingauge: {error}\n")
        return 1
    return 0


def show(directory: Path) -> str:
    """A saved state in words."""
    saved, tables = export.read(directory)
    progress, health = saved.tree["progress"], saved.tree["diagnostics"]["health"]["state"]
    facts = {
        "Model": saved.identity.model,
        "Run": saved.identity.run,
        "File": saved.path.name,
        "Saved": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(saved.saved)),
        "Began": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(saved.tree["run"]["started"])),
        "Restarts": saved.tree["restarts"]["restarts"],
        "Stands at step": saved.tree["diagnostics"]["position"][0],
        "Anomalies": sum(count for *_, count in saved.tree["diagnostics"]["anomalies"]["counts"]),
        "Health": "not yet known" if health is None else STATES[health],
        **{f"Steps, {split}": count for split, count in progress["steps"].items() if count},
        **{f"Rows, {split}": len(table["step"]) for split, table in tables.items()},
        "Damaged copies": ", ".join(path.name for path in saved.damaged) or "none",
    }
    width = max(map(len, facts)) + 2
    return "".join(f"{name + ':':{width}}{fact}\n" for name, fact in facts.items())


def _export(directory: Path, kind: str, output: Path | None) -> None:
    saved, tables = export.read(directory)
    if kind == "parquet":
        if output is None:
            raise FileNotFoundError("Parquet cannot be written to a terminal: pass --output PATH")
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="traingauge", description="Look at runs that traingauge recorded.")
    state = parser.add_subparsers(dest="topic", required=True).add_parser(
        "state", help="the saved state of a run", description="The state that a run keeps in its state_dir."
    )
    actions = state.add_subparsers(dest="action", required=True)
    for action, text in (("show", "say what it holds"), ("export", "write every recorded row")):
        command = actions.add_parser(action, help=text)
        command.add_argument("directory", type=Path, help="the run's state_dir")
        if action == "export":
            command.add_argument("--format", choices=FORMATS, default="csv")
            command.add_argument("--output", type=Path, help="file to write; the standard output if left out")
    return parser
