"""``python -m dashboards``: render the dashboards, or with ``--check`` compare with what is committed."""

from __future__ import annotations

import argparse
import sys

from dashboards.render import outdated, write


def main() -> int:
    """Render or check; the exit code is 1 where the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the committed JSON is out of date")
    if not parser.parse_args().check:
        for path in write():
            print(path)
        return 0
    reasons = outdated()
    for reason in reasons:
        print(reason, file=sys.stderr)
    if reasons:
        print("run `python -m dashboards` and commit what it writes", file=sys.stderr)
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
