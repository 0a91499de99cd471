"""``python -m alerting``: render the rule files and what lists them, or with ``--check`` compare with what is committed.

With ``--output`` the rule files alone are written, for your own addresses of runbooks and Grafana. With ``--test 25-stuck``
promtool runs the unit tests of an alert.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alerting.links import RUNBOOKS, Links
from alerting.places import HOME, RULES
from alerting.render import committed, rules
from alerting.unit import test


def main() -> int:
    """Write or check; the exit code is 1 where the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m alerting", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a committed file is out of date")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write the rule files to this folder instead"
    )
    parser.add_argument("--test", nargs="+", metavar="NN-NAME", help="run these unit tests instead")
    parser.add_argument("--runbooks", metavar="URL", default=RUNBOOKS, help="address of the runbooks")
    parser.add_argument("--dashboards", metavar="URL", default="", help="address of Grafana")
    options = parser.parse_args()
    if options.test:
        return test(options.test)
    links = Links(options.runbooks, options.dashboards)
    if options.output:
        _write({options.output / name: text for name, text in rules(links).items()})
        return 0
    if links != Links():
        parser.error("--runbooks and --dashboards need --output")
    return _check() if options.check else _update()


def _update() -> int:
    files = committed()
    for stale in _stale(files):
        stale.unlink()
    _write(files)
    return 0


def _check() -> int:
    files = committed()
    problems = _stale(files) | {path for path, text in files.items() if _read(path) != text}
    for path in sorted(problems):
        name = path.relative_to(HOME.parent)
        print(f"out of date: {name}; run `make rules` and commit what it writes", file=sys.stderr)
    return 1 if problems else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _stale(files: dict[Path, str]) -> set[Path]:
    """Rule files whose source is gone."""
    return set(RULES.glob("*.yml")) - set(files)


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
