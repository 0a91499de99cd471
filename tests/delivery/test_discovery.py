"""The file by which Prometheus finds a run."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from traingauge.core.families import Identity
from traingauge.delivery import discovery
from traingauge.delivery.discovery import DiscoveryFile, default_directory, sweep

ADDRESS = "127.0.0.1:9109"


def test_the_file_is_what_file_sd_reads(tmp_path: Path) -> None:
    found = DiscoveryFile(tmp_path / "new", Identity("churn", "r1"), ADDRESS)
    found.write()
    assert json.loads(found.path.read_text()) == [
        {"targets": [ADDRESS], "labels": {"model": "churn", "run": "r1"}}
    ]
    assert [path.suffix for path in found.path.parent.iterdir()] == [".json"], "nothing unfinished is left"


@pytest.mark.parametrize("name", ["a/b", "..", "ключ", "x" * 200, 'a"b'])
def test_any_name_makes_a_file_inside_of_the_directory(tmp_path: Path, name: str) -> None:
    found = DiscoveryFile(tmp_path, Identity(name, name), ADDRESS)
    found.write()
    assert found.path.parent == tmp_path
    assert json.loads(found.path.read_text())[0]["labels"] == {"model": name, "run": name}


def test_two_runs_of_one_process_have_files_of_their_own(tmp_path: Path) -> None:
    for port in (1, 2):
        DiscoveryFile(tmp_path, Identity("m", "r"), f"127.0.0.1:{port}").write()
    assert len(list(tmp_path.iterdir())) == 2


def test_removing_a_file_twice_is_no_error(tmp_path: Path) -> None:
    found = DiscoveryFile(tmp_path, Identity("m", "r"), ADDRESS)
    found.write()
    found.remove()
    found.remove()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind_and_raises() -> None:
    with pytest.raises(OSError, match=r".+"):
        DiscoveryFile(Path("/dev/full"), Identity("m", "r"), ADDRESS).write()


def test_the_file_can_be_read_by_a_server_of_another_user(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        found = DiscoveryFile(tmp_path, Identity("m", "r"), ADDRESS)
        found.write()
    finally:
        os.umask(before)
    assert found.path.stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TRAINGAUGE_DISCOVERY_DIR": "/x", "XDG_STATE_HOME": "/y"}, "/x"),
        ({"XDG_STATE_HOME": "/y"}, "/y/traingauge/targets"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/traingauge/targets"),
    ],
)
def test_the_directory_is_the_users_choice_or_the_state_home(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("TRAINGAUGE_DISCOVERY_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_directory() == Path(expected)


def left(directory: Path, pid: int, *, host: str = socket.gethostname(), age: float) -> Path:
    path = directory / f"m-r@{host}-{pid}-9109.json"
    path.write_text("[]")
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


DEAD = 2**22 + 1  # beyond any process id that Linux gives


def test_only_old_files_of_dead_processes_of_this_host_are_swept(tmp_path: Path) -> None:
    old, young = discovery.KEPT_SECONDS + 60, 60
    swept = left(tmp_path, DEAD, age=old)
    kept = [
        left(tmp_path, DEAD, host="elsewhere", age=old),
        left(tmp_path, DEAD - 1, age=young),
        left(tmp_path, os.getpid(), age=old),
        left(tmp_path, 1, age=old),
    ]
    foreign = tmp_path / "mine.json"
    foreign.write_text("[]")
    os.utime(foreign, (0, 0))
    sweep(tmp_path)
    assert not swept.exists()
    assert all(path.exists() for path in [*kept, foreign])
