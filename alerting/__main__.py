"""``python -m alerting``: render the rule files and what lists them, or with ``--check`` compare with what is committed.

With ``--test 25-stuck`` promtool runs the unit tests of an alert.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alerting.places import HOME, RULES
from alerting.render import committed
from alerting.unit import test


def main() -> int:
    """Write or check; the exit code is 1 where the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m alerting", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a committed file is out of date")
    parser.add_argument("--test", nargs="+", metavar="NN-NAME", help="run these unit tests instead")
    options = parser.parse_args()
    if options.test:
        return test(options.test)
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
