"""Back up and restore the data of the servers: ``python -m deploy.backup save|restore ARCHIVE …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .archive import BackupError, restore, save


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for action, text in (
        ("save", "write the data of running servers to one archive"),
        ("restore", "restore an archive while the servers are stopped; nothing is overwritten"),
    ):
        command = actions.add_parser(action, help=text, description=text)
        command.add_argument("archive", type=Path, help="the archive, a .tar.gz")
        if action == "save":
            command.add_argument(
                "--prometheus-url", help="URL of a Prometheus that runs with --web.enable-admin-api"
            )
        command.add_argument("--prometheus-data", type=Path, help="its data directory")
        command.add_argument("--grafana-db", type=Path, help="Grafana's grafana.db")
    return parser


def main(given: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = arguments()
    options = parser.parse_args(given)
    if options.prometheus_data is None and options.grafana_db is None:
        parser.error("nothing to do: pass --prometheus-data, --grafana-db, or both")
    if options.action == "save" and (options.prometheus_url is None) != (options.prometheus_data is None):
        parser.error("--prometheus-url and --prometheus-data go together")
    try:
        if options.action == "save":
            save(options.archive, options.prometheus_url, options.prometheus_data, options.grafana_db)
        else:
            restore(options.archive, options.prometheus_data, options.grafana_db)
    except (BackupError, OSError) as error:
        print(f"backup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
