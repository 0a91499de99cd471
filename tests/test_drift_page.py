"""What the page on drift shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from traingauge.stats.drift.extractors import EXTRACTORS
from traingauge.stats.drift.statistics import STATISTICS
from traingauge.stats.drift.window import WINDOWS

HOME = Path(__file__).parents[1] / "docs" / "explanation"
PAGE = (HOME / "drift.md").read_text(encoding="utf-8")


def test_every_python_block_runs(tmp_path: Path) -> None:
    script = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    environment = os.environ | {"TRAINGAUGE_DISCOVERY_DIR": str(tmp_path / "targets")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_statistic_window_and_extractor_is_named() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows >= {*STATISTICS, *WINDOWS}
    assert all(f'of="{name}"' in PAGE for name in EXTRACTORS)
