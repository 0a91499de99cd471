"""``traingauge up``, ``status`` and ``down``, with real servers in a directory of their own."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.stack.conftest import FakeRun
from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint, ModelMonitor
from traingauge.cli.up import down_command
from traingauge.stack.home import Home, default_home
from traingauge.stack.prometheus import PrometheusApi
from traingauge.stack.up import Settings

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parents[2]


class Commands:
    """Runs commands with a state directory of their own."""

    def __init__(self, state: Path) -> None:
        self.home = Home(state / "traingauge/stack")
        self.targets = state / "traingauge/targets"
        self._environment = os.environ | {"XDG_STATE_HOME": str(state), "TRAINGAUGE_DISCOVERY_DIR": ""}

    def __call__(self, *arguments: str, **kinds: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "traingauge", *arguments]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | kinds
        return subprocess.run(
            command, cwd=ROOT, env=self._environment, text=True, timeout=PATIENCE, check=False, **options
        )


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path)
    yield commands
    commands("down")


@pytest.fixture
def run() -> Iterator[FakeRun]:
    run = FakeRun()
    yield run
    run.close()


def test_what_stops_a_stack_in_another_directory_than_the_usual_one_names_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    usual = Settings(home=tmp_path / "traingauge/stack", discovery_dir=tmp_path)
    assert down_command(usual) == "`traingauge down`"
    elsewhere = replace(usual, home=tmp_path / "b")
    assert down_command(elsewhere) == f"`traingauge down --directory {tmp_path / 'b'}`"


def test_it_returns_when_all_is_ready_and_a_second_one_and_status_say_where_it_listens(
    commands: Commands,
) -> None:
    first = commands("up", "--detach")
    assert first.returncode == 0, first.stderr
    url = next(line.split()[1] for line in first.stdout.splitlines() if line.startswith("Prometheus"))
    assert str(commands.home.log) in first.stdout
    assert "printed here. `traingauge down` stops everything." in commands.home.log.read_text()
    for again in (commands("up", "--detach"), commands("up")):
        assert again.returncode == 1
        assert "already running: " in again.stderr
        assert f"Prometheus at {url}" in again.stderr
    status = commands("status")
    assert (status.returncode, url in status.stdout) == (0, True)
    assert "Firing        no alert" in status.stdout
    assert commands("down").stdout == "stopped\n"
    stopped = commands("status")
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert stopped.stderr.endswith("start it with `traingauge up`. The last one was stopped\n")
    assert commands("down").stdout == "nothing is running\n"


def test_a_port_that_is_taken_is_replaced(commands: Commands) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        commands.home.directory.mkdir(parents=True)
        (commands.home.directory / "stack.json").write_text(
            json.dumps({"pid": 1, "started": 0, "urls": {"prometheus": f"http://127.0.0.1:{port}"}})
        )
        assert commands("up", "--detach").returncode == 0
        record = commands.home.running()
    assert record is not None
    assert record.ports["prometheus"] != port


def test_the_alert_of_a_failing_run_is_shown_on_the_terminal_it_was_started_from_and_in_slack(
    commands: Commands, run: FakeRun, tmp_path: Path
) -> None:
    with Slack() as slack:
        (tmp_path / "slack").write_text(f"{slack.url}\n")
        ours, theirs = os.openpty()
        commands("up", "--detach", "--factor=30", f"--slack-webhook-file={tmp_path / 'slack'}", stdout=theirs)
        run.set("model_loss_nonfinite", 1, split="train")
        run.announce(commands.targets)
        said = b""

        def read() -> bool:
            nonlocal said
            if select.select([ours], [], [], 0)[0]:
                said += os.read(ours, 4096)
            return b"The loss is NaN or infinite" in said

        wait_until(read)
        assert b"Notifications are shown on this terminal" in said
        assert b"[FIRING] critical: ModelLossNonFinite (" in said
        assert "critical: ModelLossNonFinite (digits, r1)" in commands("status").stdout
        wait_until(lambda: any("ModelLossNonFinite" in message for message in slack.messages))
        assert (
            slack.url
            not in commands.home.log.read_text() + (commands.home.directory / "alertmanager.yml").read_text()
        )
        for end in (ours, theirs):
            os.close(end)
        assert commands.home.running() is not None, "it lives on when its terminal is closed"


def test_a_browser_shows_the_runs_of_this_machine_and_what_is_wrong_with_one(
    commands: Commands, run: FakeRun
) -> None:
    commands("up", "--detach", "--factor=30")
    run.set("model_loss", 0.25, split="train")
    run.set("model_loss_nonfinite", 1, split="train")
    run.set("model_run_start_timestamp_seconds", time.time() - 5)
    run.announce(commands.targets)
    record = commands.home.running()
    assert record is not None
    page = record.urls["overview"]

    wait_until(lambda: "1 critical" in requests.get(page, timeout=PATIENCE).text)
    running = '<span class="state running">running</span>'  # silent meanwhile, where a scrape took too long
    shown = wait_until(lambda: found if running in (found := in_a_browser(page)) else "")
    assert '<a href="/run?model=digits&amp;run=r1">r1</a>' in shown
    one = f"{page}/run?model=digits&run=r1"
    wait_until(lambda: 'aria-label="Loss"' in requests.get(one, timeout=PATIENCE).text)
    shown = in_a_browser(one)
    assert '<svg viewBox="0 0 480 180" role="img" aria-label="Loss">' in shown
    assert "The loss is NaN or infinite" in shown
    assert shown.count('class="line a"') == 1, "processes of a run share a line"
    run.close()
    wait_until(lambda: "gone" in requests.get(page, timeout=PATIENCE).text)
    run.announce(commands.targets, ended="finished")
    wait_until(lambda: '<span class="state finished">' in requests.get(page, timeout=PATIENCE).text)


def test_doctor_finds_nothing_wrong_and_its_alert_is_shown(commands: Commands) -> None:
    commands("up", "--detach", "--factor=30")
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=commands.targets, linger=0)]):
        record = commands.home.running()
        assert record is not None
        scraped = "model_run_state{run='r1'}"
        wait_until(lambda: PrometheusApi(record.urls["prometheus"]).query(scraped))
        found = commands("doctor", "--send-test-alert")
    assert (found.returncode, found.stderr) == (0, ""), found.stdout
    for line in (
        "Prometheus scrapes digits / r1",
        "groups of rules are loaded",
        "ModelTestAlert was notified",
    ):
        assert line in found.stdout
    assert "[FIRING] warning: ModelTestAlert" in commands.home.log.read_text()


def in_a_browser(url: str) -> str:
    """What a page is in a browser; as the server sent it where none is installed."""
    browser = shutil.which("chromium")
    if browser is None:
        return requests.get(url, timeout=PATIENCE).text
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def test_if_a_server_dies_the_others_are_stopped_and_status_says_why(commands: Commands) -> None:
    commands("up", "--detach")
    servers = children_of(commands)
    os.kill(next(pid for pid, name in servers.items() if "alertmanager" in name), signal.SIGKILL)
    wait_until(lambda: commands.home.running() is None)
    assert "alertmanager ended with exit code -9" in commands("status").stderr
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in servers))


def test_if_it_is_killed_no_server_is_left_and_a_new_one_has_its_data_and_ports(commands: Commands) -> None:
    commands("up", "--detach")
    before, servers = commands.home.running(), children_of(commands)
    assert before is not None
    mark = commands.home.directory / "prometheus/wal"
    wait_until(lambda: any(mark.iterdir()))
    os.kill(before.pid, signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in servers))
    kept = {path.name for path in mark.iterdir()}
    assert "The last one was killed" in commands("status").stderr
    assert commands("up", "--detach").returncode == 0
    after = commands.home.running()
    assert after is not None
    assert after.urls == before.urls
    assert kept <= {path.name for path in mark.iterdir()}


def test_what_keeps_it_from_starting_is_said_by_the_command_that_was_called(commands: Commands) -> None:
    refused = commands("up", "--detach", "--factor=0.5")
    assert refused.returncode == 1
    assert refused.stderr == "traingauge: factor 0.5: expected 1 (nothing changes) or more\n"


@pytest.mark.parametrize(
    ("text", "message"), [(None, "cannot be read"), ("", "expected one line"), ("token", "expected one line")]
)
def test_a_file_without_the_address_of_a_webhook_is_refused(
    commands: Commands, tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "slack"
    if text is not None:
        file.write_text(text)
    refused = commands("up", f"--slack-webhook-file={file}")
    assert refused.returncode == 1
    assert message in refused.stderr


def test_a_terminal_that_is_none_is_refused(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = commands("up", f"--terminal={tmp_path / 'file'}")
    assert (refused.returncode, "expected a terminal" in refused.stderr) == (1, True)


def test_data_are_in_the_state_directory_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_home() == Path("/state/traingauge/stack")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_home() == Path("/home/ann/.local/state/traingauge/stack")


def children_of(commands: Commands) -> dict[int, str]:
    """The servers of the stack that runs: process ids with their command lines."""
    record = commands.home.running()
    assert record is not None
    found = {}
    for child in Path(f"/proc/{record.pid}/task/{record.pid}/children").read_text().split():
        line = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        if "--config.file" in line:
            found[int(child)] = line
    return found


class Slack:
    """Takes messages as Slack's incoming webhook does."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                messages.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/secret"

    def __enter__(self) -> Slack:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
