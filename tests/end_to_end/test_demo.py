"""The main job, as a newcomer runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Seconds after which the demo is taken for hung. On a busy machine it starts again at half the pace, perhaps several times.
PATIENCE = 3600

pytestmark = [pytest.mark.servers, pytest.mark.keras]


def test_the_demo_reports_every_fault_and_its_end_and_nothing_else() -> None:
    """It exits with 0 only if every alert arrived and resolved, none was unexpected, and the clean end was quiet."""
    command = [sys.executable, "-m", "demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every alert arrived and resolved" in done.stdout
    assert "never" not in done.stdout
