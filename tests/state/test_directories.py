"""A directory that a variable sets for all runs of a process: each has its own, and finds it again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE
from traingauge import ModelMonitor, State
from traingauge.core.guard import Guard
from traingauge.errors import InvalidArgumentError, StateDirectoryError, StateInUseError
from traingauge.state.directories import Directories
from traingauge.state.lock import Lock
from traingauge.state.store import Store
from traingauge.testing import Broken


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINGAUGE_STATE_DIR", str(tmp_path))
    return tmp_path


def train(model: str = "m", **arguments: Any) -> tuple[str, int, int]:
    """Run and restarts of a monitor, and the rows that it has after a step."""
    with ModelMonitor(model, delivery=[], **arguments) as monitor:
        monitor.step(loss=1.0)
        restarts = monitor._recorder.restarts.count
        assert restarts is not None
        return monitor.run, restarts, len(monitor.rows()["loss"])


def test_runs_one_after_another_are_no_restarts_of_the_first(root: Path) -> None:
    runs = [train() for _ in range(3)]
    assert len({run for run, _, _ in runs}) == 3
    assert [found[1:] for found in runs] == [(0, 1)] * 3
    assert {path.name for path in root.iterdir() if path.is_dir()} == {"2", "3"}


def test_runs_at_one_time_have_directories_of_their_own(root: Path) -> None:
    with ModelMonitor("m", delivery=[]), ModelMonitor("m", delivery=[]), ModelMonitor("n", delivery=[]):
        assert (root / "3" / "traingauge.lock").exists()


TWICE = """
from traingauge import ModelMonitor
for _ in range(2):
    with ModelMonitor("m", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        print(monitor.run, len(monitor.rows()["loss"]))
"""


def test_a_new_process_continues_its_runs_in_their_order(root: Path) -> None:
    def process() -> list[list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        return [line.split() for line in done.stdout.splitlines()]

    first, second = process(), process()
    assert [run for run, _ in second] == [run for run, _ in first]
    assert [rows for _, rows in second] == ["2", "2"]


def test_a_run_that_is_named_is_found_again_whatever_the_order(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(run="a")
    train(run="b")
    monkeypatch.setattr("traingauge.state.directories.DIRECTORIES._runs", {})  # as in a new process
    assert train(run="b") == ("b", 1, 2)
    assert train(run="a") == ("a", 1, 2)
    assert train(run="b") == ("b", 2, 3), "in one process, too"


def test_a_directory_that_the_script_gives_is_continued(root: Path) -> None:
    train(state=State(root / "own"))
    assert train(state=State(root / "own"))[1:] == (1, 2)


def test_a_monitor_that_cannot_start_uses_no_directory_up(root: Path) -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgumentError):
            ModelMonitor("m", delivery=[Broken("start", InvalidArgumentError("no"))])
    train()
    assert not (root / "2").exists()


def test_runs_named_by_the_variable_have_names_of_their_own(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINGAUGE_RUN", "job-7")
    monkeypatch.setattr("traingauge.process.names.NAMES._kept", set())
    assert [train(), train(), train("n")] == [("job-7", 0, 1), ("job-7-2", 0, 1), ("job-7", 0, 1)]


@pytest.fixture
def in_use(root: Path) -> Iterator[Path]:
    lock = Lock(root / "traingauge.lock")  # as another process holds it
    yield root
    lock.release()


def test_a_run_whose_variable_names_a_directory_in_use_continues_without_state(
    in_use: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ModelMonitor("n", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        assert monitor._persistence.directory is None
        assert monitor._recorder.guard.errors["state"] == 1
        assert len(monitor.rows()["loss"]) == 1
    (record,) = caplog.records
    assert f"no state is kept, as {in_use} is in use by process {os.getpid()}" in record.getMessage()
    assert [path.name for path in in_use.iterdir()] == ["traingauge.lock"]


@pytest.fixture(params=["file", "below a file", "dangling link", "locks are links", "long name"])
def unusable(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / ("x" * 300 if request.param == "long name" else "given")
    if request.param == "below a file":
        path.touch()
        return path / "state"
    if request.param == "file":
        path.touch()
    elif request.param == "dangling link":
        path.symlink_to(tmp_path / "gone")
    elif request.param == "locks are links":
        path.mkdir()
        (path / "traingauge.lock").symlink_to(tmp_path / "elsewhere")
    return path


def test_a_directory_that_cannot_be_used_raises_what_was_given_and_what_fits(unusable: Path) -> None:
    with pytest.raises(StateDirectoryError) as raised:
        ModelMonitor("n", delivery=[], state=State(unusable))
    assert str(raised.value).startswith(f"State.directory is '{unusable}', which cannot be used (")
    assert str(raised.value).endswith("): expected a directory that can be created, read and written")


def test_a_run_whose_variable_names_a_directory_that_cannot_be_used_continues_without_state(
    unusable: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRAINGAUGE_STATE_DIR", str(unusable))
    with ModelMonitor("n", delivery=[]) as monitor:
        monitor.step(loss=1.0)
        assert monitor._persistence.directory is None
        assert monitor._recorder.guard.errors["state"] == 1
    (record,) = caplog.records
    assert "TRAINGAUGE_STATE_DIR: no state is kept, as State.directory is" in record.getMessage()


def test_a_directory_that_cannot_be_listed_is_not_kept_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", refuse)
        with pytest.raises(StateDirectoryError, match="Permission denied"):
            Store(tmp_path)
    Store(tmp_path).close()


def test_a_directory_in_use_that_the_script_gives_raises(in_use: Path) -> None:
    with pytest.raises(StateInUseError, match="is in use by process"):
        ModelMonitor("n", delivery=[], state=State(in_use))


def test_without_the_variable_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINGAUGE_STATE_DIR", raising=False)
    assert Directories().open(None, Guard(), "m", None).directory is None
    assert os.environ.get("TRAINGAUGE_STATE_DIR") is None
