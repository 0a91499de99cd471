"""``python -m traingauge``."""

from __future__ import annotations

import sys

from traingauge.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
