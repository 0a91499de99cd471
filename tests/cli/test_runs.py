"""The runs of a machine from the command line."""

from __future__ import annotations

import io
import json
import math
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from rich.console import Console

from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint, ModelMonitor
from traingauge.cli.main import main
from traingauge.cli.run_status import Reader, Status, status
from traingauge.cli.runs import table
from traingauge.cli.runs_view import View, sparkline
from traingauge.delivery.targets import Target, announced
from traingauge.stack.home import Home, Record, default_home

KILLED = """
import os, signal, sys
from traingauge import Endpoint, ModelMonitor
monitor = ModelMonitor("digits", run="killed", delivery=[Endpoint(discovery_dir=sys.argv[1])])
monitor.step(loss=0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def shown(capsys, directory, *options):
    assert main(["runs", "--directory", str(directory), *options]) == 0
    return capsys.readouterr().out


def endpoint(directory, **options):
    return Endpoint(discovery_dir=directory, linger=0, **options)


def announce(directory, url, run="other"):
    content = [{"targets": [url], "labels": {"model": "digits", "run": run, "__metrics_path__": "/metrics"}}]
    (directory / f"{run}.json").write_text(json.dumps(content))


def test_each_announced_run_is_a_line_with_state_step_and_loss(tmp_path, capsys):
    delivery = endpoint(tmp_path)
    with (
        ModelMonitor("digits", run="r1", total_steps=4, delivery=[delivery]) as run,
        ModelMonitor("digits", run="r2", delivery=[delivery]) as another,
    ):
        run.step(loss=0.5)
        run.evaluate("validation", loss=0.75)
        another.step(loss=math.nan)
        url = run.url
        first, *lines = shown(capsys, tmp_path).splitlines()
    assert first.split()[:6] == ["MODEL", "RUN", "STATE", "HEALTH", "STEP", "LOSS"]
    assert [line.split()[:3] for line in lines] == [["digits", "r1", "running"], ["digits", "r2", "running"]]
    assert "1 (25%)  0.5 / 0.75" in lines[0]
    assert " nan " in lines[1]
    assert url in lines[0]


def test_a_run_that_is_not_healthy_says_which_signal_that_is_about(tmp_path, capsys):
    with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]) as run:
        for step in range(1, 30):
            run.step(loss=1 / step)
            run.evaluate("validation", loss=1 / step if step < 18 else 0.1, y_true=[0, 1], y_pred=[0, 1])
        (found,) = json.loads(shown(capsys, tmp_path, "--json"))
        assert f" {found['health']} (validation loss) " in shown(capsys, tmp_path)
    assert (found["health"], found["health_cause"]) == ("warning", "validation loss")


@pytest.mark.parametrize(
    ("health", "strains", "cause"),
    [
        ("degraded", {("loss", "train"): 4.0, ("gradient_norm", "train"): 7.0}, "train gradient norm"),
        ("failing", {("loss", "train"): 4.0}, ""),
        ("healthy", {("loss", "train"): 1.0}, ""),
        ("warning", {("loss", "train"): math.nan}, ""),
        ("warning", {}, ""),
    ],
    ids=["the worst", "a value was not finite", "healthy", "unknown", "none"],
)
def test_a_state_of_health_is_about_the_worst_signal_if_that_is_as_bad(health, strains, cause):
    lines = [
        'model_run_state{model="m",run="r",state="running"} 1',
        f'model_health{{model="m",run="r",state="{health}"}} 1',
        *(
            f'model_health_strain{{model="m",run="r",signal="{signal}",split="{split}"}} {strain}'
            for (signal, split), strain in strains.items()
        ),
    ]
    assert status(Target("m", "r", "", 0.0), "\n".join(lines) + "\n", 0.0).cause == cause


def test_json_has_the_same_as_plain_values(tmp_path, capsys):
    with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]) as run:
        run.step(loss=math.inf)
        (found,) = json.loads(shown(capsys, tmp_path, "--json"))
    assert found["loss"] == {"train": "inf"}
    assert (found["state"], found["step"], found["steps_planned"]) == ("running", 1, None)


def test_without_a_run_it_says_where_it_looked(tmp_path, capsys):
    assert shown(capsys, tmp_path / "nowhere") == f"no runs in {tmp_path / 'nowhere'}\n"


def test_without_a_run_it_says_where_those_are_that_have_ended(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    targets, overview = tmp_path / "traingauge/targets", "http://127.0.0.1:9095"
    home = Home(default_home())
    with home.held():
        home.write(Record(os.getpid(), 0.0, {"overview": overview}, discovery_dir=str(targets)))
        assert overview in shown(capsys, targets)
        assert overview not in shown(capsys, tmp_path / "elsewhere"), "it does not look there"
    assert overview not in shown(capsys, targets), "it is stopped"


def test_a_killed_run_is_gone(tmp_path, capsys):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert "gone" in shown(capsys, tmp_path)


def test_what_is_no_discovery_file_is_passed_over(tmp_path, capsys):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "number.json").write_text("7")
    (tmp_path / "deep.json").write_text("[" * 60_000)
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    assert "no runs" in shown(capsys, tmp_path)


def test_a_name_cannot_steer_the_terminal(tmp_path, capsys):
    announce(tmp_path, "127.0.0.1:9", run="a\x1b[2Jb")
    out = shown(capsys, tmp_path)
    assert "a?[2Jb" in out
    assert "\x1b" not in out


def test_what_an_endpoint_says_of_its_run_cannot_steer_the_terminal():
    run = Status(Target("digits", "r", "http://127.0.0.1:9", 0.0), state="run\x1b[2J", health="well\x1b[2J")
    view = View(lambda: [run])
    out = io.StringIO()
    Console(file=out, width=200).print(view.frame())
    for shown in (table([run]), out.getvalue()):
        assert "run?[2J" in shown
        assert "well?[2J" in shown
        assert "\x1b" not in shown


def test_a_page_that_the_parser_stumbles_over_is_no_exposition():
    target = Target("m", "r", "", 0.0)
    with pytest.raises(ValueError, match="not in Prometheus' text format"):
        status(target, 'model_health{model="m",\t=un="r",state="healthy"} "1\n', 0.0)


def test_looking_is_no_scrape_and_leaves_no_trace_in_the_discovery_file(tmp_path, capsys):
    with ModelMonitor("digits", run="r1", delivery=[Endpoint(discovery_dir=tmp_path)]) as run:
        run.step(loss=0.5)
        (file,) = tmp_path.glob("*.json")
        before = file.stat().st_atime_ns
        shown(capsys, tmp_path)
        assert file.stat().st_atime_ns == before
        started = time.monotonic()
    assert time.monotonic() - started < 30, "the end waits for no Prometheus"


def test_an_endpoint_that_asks_for_a_token_is_read_with_it(tmp_path, capsys):
    token, targets = tmp_path / "token", tmp_path / "targets"
    token.write_text("secret-of-the-endpoint\n")
    with ModelMonitor("digits", run="r1", delivery=[endpoint(targets, token_file=token)]) as run:
        run.step(loss=0.5)
        without = shown(capsys, targets)
        given = shown(capsys, targets, "--token-file", str(token))
    assert "unreadable" in without
    assert "401" in without
    assert "running" in given


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/metrics"):
            self.server.asked.set()
            self.server.end.wait(30)

    def log_message(self, *_: object) -> None:
        pass


def test_an_endpoint_that_never_answers_takes_no_other_with_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("traingauge.cli.run_status.TIMEOUT", 0.5)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.asked, server.end = threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(tmp_path, f"127.0.0.1:{server.server_port}", run="slow")
    try:
        with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]) as run:
            run.step(loss=0.5)
            out = shown(capsys, tmp_path)
        assert server.asked.is_set()
    finally:
        server.end.set()
        server.shutdown()
        server.server_close()
    assert [line.split()[1:3] for line in out.splitlines()[1:]] == [["r1", "running"], ["slow", "unreadable"]]


class _Dripping(_Slow):
    def do_GET(self) -> None:
        self.server.asked += 1
        while not self.server.end.wait(0.01):
            try:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n"[self.server.sent : self.server.sent + 1] or b"x")
            except OSError:
                return
            self.server.sent += 1


def test_an_endpoint_that_sends_its_answer_bit_by_bit_is_not_waited_for_nor_asked_twice_at_once(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("traingauge.cli.run_status.TIMEOUT", 0.5)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Dripping)
    server.asked, server.sent, server.end = 0, 0, threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(tmp_path, f"127.0.0.1:{server.server_port}")
    reader = Reader()
    try:
        for _ in range(2):
            (found,) = reader.read(announced(tmp_path))
            assert (found.state, found.problem) == ("unreadable", "no answer within 0.5 s")
        assert server.asked == 1
        assert server.sent > 0
    finally:
        server.end.set()
        server.shutdown()
        server.server_close()


def test_an_interval_that_is_none_is_refused(capsys):
    assert main(["runs", "--watch", "--every", "0"]) == 1
    assert "--every=0" in capsys.readouterr().err


def test_a_sparkline_spans_its_values():
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([0.0, math.inf, 7.0]) == "▁!█"


@pytest.mark.parametrize(("width", "bars"), [(80, False), (120, True)])
def test_the_live_view_has_bars_and_sparklines_where_there_is_room(tmp_path, width, bars):
    with ModelMonitor("digits", run="r1", total_steps=9, delivery=[endpoint(tmp_path)]) as run:
        view = View(lambda: Reader().read(announced(tmp_path)))
        for loss in (3.0, 2.0, 1.0):
            run.step(loss=loss)
            frame = view.frame(width)
    text = _text(frame, width)
    assert "3 (33%)" in text
    assert ("█▅▁" in text) == ("━" in text) == bars


def watching(directory):
    """The command of the live view."""
    options = ["--watch", "--every=0.05", f"--directory={directory}"]
    return [sys.executable, "-m", "traingauge", "runs", *options]


def test_without_a_terminal_the_list_is_written_again_and_again(tmp_path):
    viewer = subprocess.Popen(watching(tmp_path), stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: "no runs in" in viewer.stdout.readline())
        with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]):
            for _ in range(2):
                wait_until(lambda: "running" in viewer.stdout.readline())
    finally:
        viewer.send_signal(signal.SIGINT)
        viewer.communicate(timeout=PATIENCE)


def test_the_live_view_draws_the_loss_of_a_run_that_only_evaluates(tmp_path):
    with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]) as run:
        view = View(lambda: Reader().read(announced(tmp_path)))
        view.frame()
        for loss in (3.0, 1.0):
            run.evaluate("validation", loss=loss)
            frame = view.frame(120)
    assert "█▁" in _text(frame)
    assert "!" not in _text(frame)


def _text(frame, width=120):
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(frame)
    return console.export_text()


def test_the_live_view_runs_in_a_terminal_until_ctrl_c(tmp_path):
    ours, theirs = pty.openpty()
    with ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)]) as run:
        run.step(loss=0.5)
        viewer = subprocess.Popen(watching(tmp_path), stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        drawn = bytearray()

        def shows_two_frames() -> bool:
            drawn.extend(os.read(ours, 65_536))
            return drawn.count(b"running") >= 2

        wait_until(shows_two_frames)
        viewer.send_signal(signal.SIGINT)
        assert viewer.wait(30) == 130
    os.close(ours)


def test_a_run_whose_end_no_scrape_has_seen_has_the_state_in_which_it_ended(tmp_path, capsys):
    run = ModelMonitor("digits", run="r1", delivery=[endpoint(tmp_path)])
    url = run.url
    requests.get(f"{url}/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "5"}, timeout=PATIENCE)
    requests.get(f"{url}/healthz", timeout=PATIENCE)  # by now the endpoint has noted the scrape
    run.close("interrupted")
    (found,) = json.loads(shown(capsys, tmp_path, "--json"))
    assert (found["state"], found["problem"], found["url"]) == ("interrupted", None, url)
