"""However the launcher ends, no server outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.servers

LAUNCHER = """
import json
from traingauge.stack.stack import Stack
with Stack() as stack:
    print(json.dumps({"pids": list(stack.pids.values()), "directory": str(stack.directory)}), flush=True)
    stack.wait_for(lambda: None, "the end", timeout=300)
"""


@pytest.fixture
def launch() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def launch(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()
        process.communicate()


def gone(pid: int) -> bool:
    """Whether a process has ended; the system may take minutes to remove the last of it."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
    ],
)
def test_a_signal_stops_the_servers_and_removes_the_directory(launch: Any, number: int, code: int) -> None:
    launcher = launch("-c", LAUNCHER)
    told = json.loads(read_line(launcher))
    launcher.send_signal(number)
    assert launcher.wait(PATIENCE) == code
    assert all(map(gone, told["pids"]))
    assert not Path(told["directory"]).exists()


def test_a_signal_while_the_servers_start_leaves_none(launch: Any, tmp_path: Path) -> None:
    launcher = launch("-c", LAUNCHER, TMPDIR=str(tmp_path))
    wait_until(lambda: bool(list(tmp_path.glob("*/alertmanager.log"))))
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(PATIENCE) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_launcher_that_is_killed_outright_leaves_no_server(launch: Any) -> None:
    launcher = launch("-c", LAUNCHER)
    told = json.loads(read_line(launcher))
    launcher.kill()
    wait_until(lambda: all(map(gone, told["pids"])))


def test_in_the_foreground_it_says_where_everything_is_and_ctrl_c_ends_it_quietly(
    launch: Any, tmp_path: Path
) -> None:
    launcher = launch(
        "-m",
        "traingauge",
        "up",
        TRAINGAUGE_DISCOVERY_DIR=str(tmp_path / "runs"),
        XDG_STATE_HOME=str(tmp_path),
    )
    said = ""
    while "stops everything" not in said:
        line = read_line(launcher)
        assert line, said
        said += line
    assert "Prometheus    http://127.0.0.1:" in said
    assert "Alertmanager  http://127.0.0.1:" in said
    assert "Grafana       " in said
    assert str(tmp_path / "runs") in said
    launcher.send_signal(signal.SIGINT)
    rest, _ = launcher.communicate(timeout=PATIENCE)
    assert (launcher.returncode, rest) == (0, "\nstopped\n")


def test_in_the_foreground_a_notification_is_printed_for_a_person(
    launch: Any, tmp_path: Path, run: Any
) -> None:
    run.set("model_loss_nonfinite", 1, split="train")
    run.announce(tmp_path)
    launcher = launch(
        "-m",
        "traingauge",
        "up",
        "--factor=60",
        f"--discovery-dir={tmp_path}",
        XDG_STATE_HOME=str(tmp_path / "state"),
    )
    said = ""
    while "The loss is NaN or infinite" not in said:
        line = read_line(launcher)
        assert line, said
        said += line
    assert "[FIRING] critical: ModelLossNonFinite (" in said
    assert "model=digits, run=r1, split=train" in said


def test_an_error_is_one_message_and_no_traceback(launch: Any, tmp_path: Path) -> None:
    launcher = launch("-m", "traingauge", "up", "--factor", "0.1", XDG_STATE_HOME=str(tmp_path))
    said, _ = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode == 1
    assert said == "traingauge: factor 0.1: expected 1 (nothing changes) or more\n"
