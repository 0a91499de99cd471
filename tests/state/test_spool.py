"""The rows of runs without a state directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, wait_until
from traingauge import ModelMonitor
from traingauge.state.spool import LEAST_AGE, LOCK, PREFIX
from traingauge.testing import InMemory

KILLED = """
import os, signal
from traingauge import ModelMonitor
from traingauge.testing import InMemory

class Reads(InMemory):
    needs_rows = True

monitor = ModelMonitor("m", delivery=[Reads()])
os.kill(os.getpid(), signal.SIGKILL)
"""


class Reads(InMemory):
    needs_rows = True


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def killed(place: Path) -> Path:
    """What a killed process has left, an hour ago."""
    before = set(place.iterdir())
    process = subprocess.run(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "TMPDIR": str(place)},
        timeout=PATIENCE,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    (left,) = set(place.iterdir()) - before
    grow_old(left)
    return left


def grow_old(directory: Path) -> None:
    """As if it had been made an hour ago."""
    for path in directory.iterdir():
        then = path.stat().st_mtime - 60 * LEAST_AGE
        os.utime(path, (then, then))


def test_a_run_removes_what_a_killed_process_has_left(killed: Path) -> None:
    with ModelMonitor("m", delivery=[Reads()]):
        wait_until(lambda: not killed.exists(), "the sweep")


def test_a_run_leaves_what_is_in_use_or_young_or_none_of_its_kind(place: Path, killed: Path) -> None:
    others = [place / f"{PREFIX}of-another-kind", place / f"{PREFIX}young", place / f"{PREFIX}link"]
    for other in others[:2]:
        other.mkdir()
    (others[1] / LOCK).touch()
    others[2].symlink_to(killed)
    before = set(place.iterdir())
    with ModelMonitor("m", delivery=[Reads()]) as live:
        (own,) = set(place.iterdir()) - before
        grow_old(own)
        with ModelMonitor("n", delivery=[Reads()]):
            wait_until(lambda: not killed.exists(), "the sweep")
            assert all(os.path.lexists(other) for other in [own, *others])
        live.step(loss=0.5)
        assert live.rows()["loss"].tolist() == [0.5]
