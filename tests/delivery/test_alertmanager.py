"""Alerts straight from the script, to a real Alertmanager."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.waiting import FOREVER, PATIENCE, finished
from traingauge import Alertmanager, Endpoint, ModelMonitor
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery import alertmanager as module
from traingauge.delivery.alertmanager import AlertSender
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

Reading = Callable[..., float | None]

IDENTITY = Identity("churn", "r1")


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stack(receiver: WebhookReceiver) -> Iterator[Stack]:
    with Stack(webhook_url=receiver.url, pace=Pace(30)) as stack:
        yield stack


@pytest.fixture
def monitor(stack: Stack) -> Iterator[ModelMonitor]:
    with ModelMonitor(
        "churn",
        run="r1",
        delivery=[Endpoint(discovery_dir=False)],
        alerts=Alertmanager(stack.alertmanager_url),
    ) as monitor:
        yield monitor


pytestmark = pytest.mark.servers


def test_an_alert_reaches_the_receiver_with_its_labels_and_is_resolved_when_the_script_resolves_it(
    monitor: ModelMonitor, receiver: WebhookReceiver
) -> None:
    monitor.send_alert(
        "LabelAuditFailed", "3 % of labels disagree", labels={"auditor": "a"}, description="Look."
    )
    _, alert = receiver.wait_for("LabelAuditFailed")
    assert alert.labels == {
        "alertname": "LabelAuditFailed",
        "auditor": "a",
        "model": "churn",
        "run": "r1",
        "severity": "warning",
    }
    assert alert.annotations == {"summary": "3 % of labels disagree", "description": "Look."}
    monitor.resolve_alert("LabelAuditFailed", labels={"auditor": "a"})
    receiver.wait_for("LabelAuditFailed", "resolved")


def test_an_alert_resolves_by_itself(monitor: ModelMonitor, receiver: WebhookReceiver) -> None:
    monitor.send_alert("DiskNearlyFull", "95 % full", severity="critical", resolves_after=3)
    receiver.wait_for("DiskNearlyFull", "firing")
    receiver.wait_for("DiskNearlyFull", "resolved")


def test_a_crash_is_reported_before_the_process_ends(stack: Stack, receiver: WebhookReceiver) -> None:
    script = (
        "from traingauge import ModelMonitor\n"
        "monitor = ModelMonitor('churn', run='crashed', delivery=[])\n"
        "monitor.step(loss=1.0)\n"
        "raise MemoryError\n"
    )
    environment = os.environ | {"TRAINGAUGE_ALERTMANAGER_URL": stack.alertmanager_url}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert "MemoryError" in done.stderr
    _, alert = receiver.wait_for("TrainingCrashed")
    assert alert.annotations["summary"] == "Training crashed with MemoryError."
    assert "after 1 training steps" in alert.annotations["description"]


class Posts:
    """Counts what is posted, and answers with the statuses it was given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.count, waiting = 0, list(statuses)
        posts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                posts.count += 1
                self.send_response(waiting.pop(0) if waiting else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def posts() -> Iterator[Callable[..., Posts]]:
    made: list[Posts] = []

    def make(*statuses: int) -> Posts:
        made.append(Posts(*statuses))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_same_alert_again_is_not_sent_again_while_it_is_alive(posts: Callable[..., Posts]) -> None:
    server = posts()
    sender = AlertSender(server.url, IDENTITY, Guard())
    for _ in range(5):
        sender.send("A", "same", severity="info")
        assert sender.flush(PATIENCE)
    sender.send("A", "same", severity="info", labels={"part": "other"})
    assert sender.flush(PATIENCE)
    assert server.count == 2


def test_an_alert_that_is_about_to_end_is_sent_again(posts: Callable[..., Posts]) -> None:
    server = posts()
    sender = AlertSender(server.url, IDENTITY, Guard())
    sender.send("A", "same", severity="info", resolves_after=0.2)
    assert sender.flush(PATIENCE)
    time.sleep(0.15)
    sender.send("A", "same", severity="info", resolves_after=0.2)
    assert sender.flush(PATIENCE)
    assert server.count == 2


def test_a_failed_delivery_is_tried_again_and_counted(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.01)
    server, guard = posts(503, 500), Guard()
    sender = AlertSender(server.url, IDENTITY, guard)
    sender.send("A", "once", severity="info")
    assert sender.flush(PATIENCE)
    assert (server.count, guard.errors["alert"]) == (3, 2)


def test_what_alertmanager_refuses_is_counted_and_not_tried_for_ever(posts: Callable[..., Posts]) -> None:
    server, guard = posts(400), Guard()
    sender = AlertSender(server.url, IDENTITY, guard)
    sender.send("A", "once", severity="info")
    assert sender.flush(PATIENCE)
    assert (server.count, guard.errors["alert"]) == (1, 1)


def test_an_unreachable_alertmanager_holds_up_neither_training_nor_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", (FOREVER, FOREVER))
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monitor = ModelMonitor("churn", delivery=[], alerts=Alertmanager(url))
        finished(lambda: monitor.send_alert("A", "the server never answers"))
        finished(monitor.close)


def test_without_an_alertmanager_an_alert_is_counted_as_lost_and_training_continues(
    read: Reading, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TRAINGAUGE_ALERTMANAGER_URL", raising=False)
    with ModelMonitor("churn", delivery=[]) as monitor:
        monitor.send_alert("A", "there is no Alertmanager")
        assert read(monitor, "model_monitor_errors_total", reason="alert") == 1
    assert "pass alerts=Alertmanager(url)" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"name": "no spaces"}, InvalidArgumentError, "'no spaces': expected letters"),
        ({"severity": "bad"}, UnknownNameError, "'bad': expected one of 'critical'"),
        ({"labels": {"run": "x"}}, InvalidArgumentError, "none of alertname, model, run, severity"),
        ({"labels": {"a-b": "x"}}, InvalidArgumentError, "'a-b'"),
        ({"labels": {"a": 1}}, InvalidTypeError, "expected strings"),
        ({"resolves_after": 0}, InvalidArgumentError, "above 0"),
    ],
)
def test_an_alert_that_does_not_fit_is_refused_at_once(
    arguments: dict[str, Any], error: type, says: str
) -> None:
    sender = AlertSender("http://127.0.0.1:9", IDENTITY, Guard())
    with pytest.raises(error, match=says):
        sender.send(**{"name": "A", "summary": "s", "severity": "info"} | arguments)
