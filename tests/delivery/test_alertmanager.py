"""Alerts straight from the script, to a real Alertmanager."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from tests.waiting import FOREVER, PATIENCE, finished, wait_until
from traingauge import Alertmanager, Endpoint, ModelMonitor
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery import alertmanager as module
from traingauge.delivery import outbox
from traingauge.delivery.alertmanager import LONGEST_ACTIVE, AlertSender
from traingauge.delivery.alerts import alertmanager_of
from traingauge.delivery.base import RunView
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.stack.pace import Pace
from traingauge.stack.stack import Stack
from traingauge.stack.webhook import WebhookReceiver

Reading = Callable[..., float | None]

IDENTITY = Identity("churn", "r1")


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """What a test does not deliver is dropped, or its thread would try for ever."""
    made: list[outbox.Outbox] = []
    original = outbox.Outbox.__init__

    def remember(self: outbox.Outbox, *arguments: Any) -> None:
        original(self, *arguments)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox.Outbox, "__init__", remember)
        yield
    for one in made:
        with one._changed:
            one._pending.clear()
        one.close()
        finished(one._thread.join)


def start(*urls: str, guard: Guard | None = None, **settings: Any) -> AlertSender:
    view = RunView(IDENTITY, lambda maybe_yield: [], dict, guard or Guard())
    return Alertmanager(urls, **settings).start(view)


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
    """Keeps what is posted, and answers with the statuses it was given, then with 200.

    Attributes:
        count: Posts so far.
        taken: Names of the alerts that were answered 200, in their order.
        authorizations: The header of each post.
        refuses: Names of alerts with which a post is answered 400.
        headers: Further headers of each answer.
        opened: Answers wait for it.
    """

    def __init__(self, *statuses: int, port: int = 0) -> None:
        self.count, waiting = 0, list(statuses)
        self.taken: list[str] = []
        self.authorizations: list[str | None] = []
        self.refuses: set[str] = set()
        self.headers: dict[str, str] = {}
        self.opened = Event()
        self.opened.set()
        posts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                posts.count += 1
                posts.authorizations.append(self.headers["Authorization"])
                posts.opened.wait(PATIENCE)
                names = [alert["labels"]["alertname"] for alert in alerts]
                status = waiting.pop(0) if waiting else 400 if posts.refuses & set(names) else 200
                if status == 200:
                    posts.taken += names
                self.send_response(status)
                for name, value in posts.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.opened.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def posts() -> Iterator[Callable[..., Posts]]:
    made: list[Posts] = []

    def make(*statuses: int, port: int = 0) -> Posts:
        made.append(Posts(*statuses, port=port))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_same_alert_again_is_not_sent_again_while_it_is_alive(posts: Callable[..., Posts]) -> None:
    server = posts()
    sender = start(server.url)
    for _ in range(5):
        sender.send("A", "same", severity="info")
        assert sender.flush(PATIENCE)
    sender.send("A", "same", severity="info", labels={"part": "other"})
    assert sender.flush(PATIENCE)
    assert server.count == 2


def test_an_alert_that_is_about_to_end_is_sent_again(posts: Callable[..., Posts]) -> None:
    server = posts()
    sender = start(server.url)
    sender.send("A", "same", severity="info", resolves_after=0.2)
    assert sender.flush(PATIENCE)
    time.sleep(0.15)
    sender.send("A", "same", severity="info", resolves_after=0.2)
    assert sender.flush(PATIENCE)
    assert server.count == 2


def test_a_failed_delivery_is_tried_again_and_counted(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_RETRY", 0.01)
    server, guard = posts(503, 500), Guard()
    sender = start(server.url, guard=guard)
    sender.send("A", "once", severity="info")
    assert sender.flush(PATIENCE)
    assert (server.count, guard.errors["alert"]) == (3, 2)


def test_what_alertmanager_refuses_is_counted_and_not_tried_for_ever(posts: Callable[..., Posts]) -> None:
    server, guard = posts(400), Guard()
    sender = start(server.url, guard=guard)
    sender.send("A", "once", severity="info")
    assert sender.flush(PATIENCE)
    assert (server.count, guard.errors["alert"]) == (1, 1)


@pytest.mark.parametrize("status", [302, 307, 401, 403, 404, 408, 429, 503])
def test_an_answer_that_an_operator_or_time_repairs_is_tried_again(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(outbox, "FIRST_RETRY", 0.01)
    server, guard = posts(status), Guard()
    server.headers["Location"] = "/login"
    sender = start(server.url, guard=guard)
    sender.send("A", "once", severity="info")
    assert sender.flush(PATIENCE)
    assert (server.taken, guard.errors["alert"]) == (["A"], 1)


def test_one_alert_that_is_refused_does_not_take_its_batch_with_it(posts: Callable[..., Posts]) -> None:
    server, guard = posts(), Guard()
    server.opened.clear()
    server.refuses = {"Bad"}
    sender = start(server.url, guard=guard)
    sender.send("First", "holds the thread while the batch grows", severity="info")
    wait_until(lambda: server.count == 1)
    for name in ("A", "B", "Bad", "C", "D"):
        sender.send(name, "in one batch", severity="info")
    server.opened.set()
    assert sender.flush(PATIENCE)
    assert sorted(server.taken) == ["A", "B", "C", "D", "First"]
    assert guard.errors["alert"] == 1


def test_an_error_of_any_kind_is_counted_and_the_next_alert_is_delivered(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, guard = posts(), Guard()
    sender = start(server.url, guard=guard)
    with monkeypatch.context() as broken:
        broken.setattr(outbox.Alert, "as_json", lambda alert: 1 / 0)
        sender.send("Broken", "cannot be written", severity="info")
        assert sender.flush(PATIENCE)
    sender.send("Next", "fine", severity="info")
    assert sender.flush(PATIENCE)
    assert (server.taken, guard.errors["alert"]) == (["Next"], 1)


def test_a_crash_after_an_outage_does_not_wait_for_the_next_retry(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_RETRY", FOREVER)
    monkeypatch.setattr(module, "FLUSH_SECONDS", PATIENCE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    guard = Guard()
    sender = start(f"http://127.0.0.1:{port}", guard=guard)
    sender.send("A", "nothing listens", severity="info")
    wait_until(lambda: guard.errors["alert"])
    server = posts(port=port)
    sender.end("failed", "ValueError", 3)
    assert finished(sender.flush)
    assert sorted(server.taken) == ["A", "TrainingCrashed"]


def test_each_of_a_pair_gets_every_alert_and_one_that_is_down_holds_up_nothing(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", FOREVER)
    one, other, down = posts(), posts(), posts()
    down.opened.clear()
    sender = start(down.url, one.url, other.url)
    sender.send("A", "to both", severity="info")
    wait_until(lambda: one.taken == other.taken == ["A"])
    sender.end("failed", "ValueError", 3)
    assert finished(sender.flush)
    wait_until(lambda: one.taken == other.taken == ["A", "TrainingCrashed"])


def test_an_answer_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", (FOREVER, FOREVER))
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = start(f"http://127.0.0.1:{server.getsockname()[1]}")
        sender.send("A", "answered without end", severity="info")
        client, _ = server.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx")
            assert sender.flush(PATIENCE)


def test_the_queue_of_an_alertmanager_that_is_down_is_bounded(posts: Callable[..., Posts]) -> None:
    server, guard = posts(), Guard()
    server.opened.clear()
    sender = start(server.url, guard=guard)
    sender.send("First", "holds the thread", severity="info")
    wait_until(lambda: server.count == 1)
    for at in range(outbox.MOST_PENDING + 10):
        sender.send("A", "one of many", severity="info", labels={"at": str(at)})
    assert guard.errors["alert"] == 11
    server.opened.set()
    assert sender.flush(PATIENCE)
    assert len(server.taken) == outbox.MOST_PENDING + 1


def test_the_threads_end_with_the_run(posts: Callable[..., Posts]) -> None:
    sender = start(posts().url)
    (thread,) = [one._thread for one in sender._outboxes]
    sender.end("finished", "", 3)
    finished(thread.join)


def test_an_alert_after_the_end_of_the_run_is_delivered(posts: Callable[..., Posts]) -> None:
    server = posts()
    sender = start(server.url)
    (box,) = sender._outboxes
    sender.end("finished", "", 3)
    finished(box._thread.join)
    sender.send("A", "evaluated afterwards", severity="info")
    assert sender.flush(PATIENCE)
    assert server.taken == ["A"]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_is_not_asked_for_an_alertmanager_on_this_machine(
    posts: Callable[..., Posts], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    proxy, server = posts(), posts()
    monkeypatch.setenv(variable, proxy.url)
    sender = start(server.url)
    sender.send("A", "to the loopback", severity="info")
    assert sender.flush(PATIENCE)
    assert (proxy.count, server.taken) == (0, ["A"])


def test_credentials_are_read_from_the_file_at_each_delivery(
    posts: Callable[..., Posts], tmp_path: Path
) -> None:
    server, file = posts(), tmp_path / "token"
    sender = start(server.url, credentials_file=file)
    for token in ("one", "two"):
        file.write_text(f"{token}\n")
        sender.send(token, "with a token", severity="info")
        assert sender.flush(PATIENCE)
    assert server.authorizations == ["Bearer one", "Bearer two"]
    named = start(server.url, username="ann", credentials_file=file)
    named.send("A", "with a password", severity="info")
    assert named.flush(PATIENCE)
    assert server.authorizations[-1] == "Basic YW5uOnR3bw=="


@pytest.mark.parametrize("content", [None, b"", b"hunter2\nhunter2", b"hunter2\xff"])
def test_unusable_credentials_are_counted_and_never_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    file, guard = tmp_path / "token", Guard()
    if content is not None:
        file.write_bytes(content)
    sender = start("http://127.0.0.1:9", guard=guard, credentials_file=file)
    sender.send("A", "with a token", severity="info")
    wait_until(lambda: guard.errors["alert"])
    assert str(file) in caplog.text
    assert "hunter2" not in caplog.text


def test_what_answers_no_http_is_quoted_without_the_token_that_it_repeats(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, guard = tmp_path / "token", Guard()
    file.write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def repeat() -> None:
            with server.accept()[0] as peer:
                peer.recv(65_536)
                peer.sendall(b"no such token: hunter2\r\n\r\n")

        Thread(target=repeat, daemon=True).start()
        sender = start(f"http://127.0.0.1:{server.getsockname()[1]}", guard=guard, credentials_file=file)
        sender.send("A", "with a token", severity="info")
        wait_until(lambda: guard.errors["alert"])
    assert "no such token: ***" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://user:hunter2@127.0.0.1:9093", "credentials_file"),
        ("htp://user:hunter2@127.0.0.1:9093", "credentials_file"),
        ("http://127.0.0.1:9093/?token=hunter2", "a query or fragment"),
        (b"http://hunter2", "expected an address"),
        (["http://127.0.0.1:9093", "http://:hunter2@b"], r"url\[1\] holds a user or password"),
        ("http://127.0.0.1:99999", "expected an address like"),
        ("http://a b", "expected an address like"),
        ([], "at least one"),
        (3, "expected an address"),
    ],
)
def test_an_address_that_does_not_fit_is_refused_without_repeating_a_password(url: Any, says: str) -> None:
    with pytest.raises((InvalidArgumentError, InvalidTypeError), match=says) as caught:
        Alertmanager(url)
    assert "hunter2" not in str(caught.value)


def test_a_user_without_a_password_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="expected a file with the password"):
        Alertmanager("http://a", username="ann")


def test_an_operator_sets_a_pair_and_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINGAUGE_ALERTMANAGER_URL", "http://a:9093, http://b:9093")
    monkeypatch.setenv("TRAINGAUGE_ALERTMANAGER_USERNAME", "ann")
    monkeypatch.setenv("TRAINGAUGE_ALERTMANAGER_CREDENTIALS_FILE", "/run/secrets/password")
    assert alertmanager_of(None) == Alertmanager(
        ["http://a:9093", "http://b:9093"], username="ann", credentials_file="/run/secrets/password"
    )


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
        (
            {"name": "ModelRunFailed"},
            InvalidArgumentError,
            "'ModelRunFailed': expected a name that does not begin",
        ),
        ({"severity": "bad"}, UnknownNameError, "'bad': expected one of 'critical'"),
        ({"labels": {"run": "x"}}, InvalidArgumentError, "none of alertname, model, run, severity"),
        ({"labels": {"a-b": "x"}}, InvalidArgumentError, "'a-b'"),
        ({"labels": {"a": 1}}, InvalidTypeError, "expected strings"),
        ({"labels": np.zeros(2)}, InvalidTypeError, "expected a mapping"),
        ({"severity": np.zeros(2)}, UnknownNameError, "severity of an alert"),
        ({"resolves_after": 0}, InvalidArgumentError, "above 0"),
        (
            {"resolves_after": math.inf},
            InvalidArgumentError,
            "resolves_after is inf: expected above 0 and at most 31622400",
        ),
        ({"resolves_after": math.nan}, InvalidArgumentError, "resolves_after is nan"),
        ({"resolves_after": LONGEST_ACTIVE * 1.01}, InvalidArgumentError, "at most"),
        ({"resolves_after": 10**400}, InvalidArgumentError, "at most"),
        ({"resolves_after": "5"}, InvalidTypeError, "expected a number"),
        ({"summary": np.float32(1)}, InvalidTypeError, "summary of alert 'A' is .*expected a text"),
        ({"summary": b"x"}, InvalidTypeError, "expected a text"),
        ({"summary": math.nan}, InvalidTypeError, "expected a text"),
        ({"description": 3}, InvalidTypeError, "description of alert 'A' is 3"),
    ],
)
def test_an_alert_that_does_not_fit_is_refused_at_once(
    arguments: dict[str, Any], error: type, says: str
) -> None:
    sender = start("http://127.0.0.1:9")
    with pytest.raises(error, match=says):
        sender.send(**{"name": "A", "summary": "s", "severity": "info"} | arguments)
