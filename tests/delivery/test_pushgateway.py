"""A run on a Pushgateway."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.delivery.pushgateway_server import groups, pushgateway, value
from tests.waiting import wait_until
from traingauge import ModelMonitor, TrainGaugeError
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.delivery import kept_copy, peer
from traingauge.delivery import pushgateway as module
from traingauge.delivery.pushgateway import Group, Pushgateway
from traingauge.errors import InvalidArgumentError

Reading = Callable[..., float | None]

#: Seconds between two pushes in tests, and after the end until the group is deleted: at once, and never within a test.
OFTEN, AT_ONCE, LATE = 0.1, 0.0, 1800.0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pushgateway(tmp_path_factory.mktemp("pushgateway")) as server:
        yield server.url


@pytest.fixture(autouse=True)
def no_run_is_left() -> Iterator[None]:
    """A run that waits with the deletion of its group would keep the process."""
    yield
    for model, run in (("m", "r"), ("a/b ü", "c%2F?")):
        ModelMonitor(model, run=run, delivery=[]).close()
    wait_until(lambda: not any(one.name == "traingauge-copy" for one in threading.enumerate()))


def loss_of(url: str, *name: str) -> float | None:
    return value(groups(url).get(("traingauge", *name), {}), "model_loss", split="train")


@pytest.mark.servers
def test_a_group_of_its_own_has_the_latest_loss_scores_state_and_thresholds_of_the_run(gateway: str) -> None:
    delivery = [Pushgateway(gateway, every=OFTEN, delete_after=LATE)]
    with ModelMonitor(
        "m", run="r", labels={"team": "t"}, delivery=delivery, thresholds={"f1": 0.5}
    ) as monitor:
        for loss in (0.5, 0.25):
            monitor.step(loss=loss, y_true=[0, 1, 1], y_pred=[0, 1, 0])
        wait_until(lambda: loss_of(gateway, "m", "r") == 0.25)
        group = groups(gateway)["traingauge", "m", "r"]
        assert value(group, "model_steps_total", split="train", team="t") == 2
        assert value(group, "model_accuracy", split="train") == pytest.approx(2 / 3)
        assert value(group, "model_run_state", state="running") == 1
        assert value(group, "model_threshold", metric="f1") == 0.5
        assert "model_class_recall" not in group
        assert "model_step_duration_seconds" not in group


@pytest.mark.servers
def test_the_end_of_the_run_is_pushed_before_the_group_is_deleted(gateway: str) -> None:
    with ModelMonitor("m", run="r", delivery=[Pushgateway(gateway, delete_after=LATE)]) as monitor:
        monitor.step(loss=0.125)
    wait_until(lambda: loss_of(gateway, "m", "r") == 0.125)
    assert value(groups(gateway)["traingauge", "m", "r"], "model_run_state", state="finished") == 1


@pytest.mark.servers
def test_nothing_is_left_of_a_run_whose_end_was_shown_for_long_enough(gateway: str) -> None:
    with ModelMonitor("m", run="r", delivery=[Pushgateway(gateway, delete_after=AT_ONCE)]) as monitor:
        wait_until(lambda: ("traingauge", "m", "r") in groups(gateway))
        monitor.step(loss=0.5)
    wait_until(lambda: ("traingauge", "m", "r") not in groups(gateway))


@pytest.mark.servers
@pytest.mark.parametrize("successor", [b"", b'model_run_end_timestamp_seconds{exception=""} 1.8e+09\n'])
def test_a_process_that_ends_leaves_the_group_of_the_next_process_of_its_run(
    successor: bytes, gateway: str
) -> None:
    ended, following = (Group(gateway, Identity("m", "next"), None, None, DeliveryCounts()) for _ in range(2))
    ended.put(b'model_run_end_timestamp_seconds{exception=""} 1.7000000001e+09\n')
    following.put(successor + b"model_step 1\n")
    ended.remove()
    assert ("traingauge", "m", "next") in groups(gateway)
    following.remove()
    wait_until(lambda: ("traingauge", "m", "next") not in groups(gateway))  # it deletes after it has answered


@pytest.mark.servers
def test_any_name_is_the_name_of_a_group(gateway: str) -> None:
    with ModelMonitor("a/b ü", run="c%2F?", delivery=[Pushgateway(gateway, every=OFTEN)]) as monitor:
        monitor.step(loss=0.5)
        wait_until(lambda: loss_of(gateway, "a/b ü", "c%2F?") == 0.5)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("state", "aged"),
    [("running", "DEAD_SECONDS"), ("finished", "ENDED_SECONDS"), ("failed", "ENDED_SECONDS")],
)
def test_a_run_deletes_groups_of_others_that_are_too_old_for_their_state(
    state: str, aged: str, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = f'# TYPE model_run_state gauge\nmodel_run_state{{state="{state}"}} 1\n'
    for job in (
        "traingauge/model/killed/run/x",
        "traingauge/model/killed/run/x/more/y",
        "other/model/killed/run/x",
    ):
        requests.put(f"{gateway}/metrics/job/{job}", data=left, timeout=30).raise_for_status()

    def left_by_another_run() -> list[str]:
        with ModelMonitor("m", run="r", delivery=[Pushgateway(gateway, delete_after=AT_ONCE)]):
            pass
        wait_until(lambda: not any(one.name == "traingauge-copy" for one in threading.enumerate()))
        found = requests.get(f"{gateway}/api/v1/metrics", timeout=30).json()["data"]
        labels = [group["labels"] for group in found if group["labels"]["model"] == "killed"]
        return sorted("/".join(one.get(name, "") for name in ("job", "more")) for one in labels)

    others = ["other/", "traingauge/y"]
    assert left_by_another_run() == sorted([*others, "traingauge/"])
    monkeypatch.setattr(module, aged, -60.0)
    assert left_by_another_run() == others


class Gateway(ThreadingHTTPServer):
    """Answers every request with a status, and keeps what it was sent.

    Args:
        status: The status.
        port: Where it listens; 0 takes a free one.
        broken: Headers and body of the answer, in place of one that can be read.
    """

    def __init__(
        self, status: int = 200, port: int = 0, broken: tuple[dict[str, str], bytes] | None = None
    ) -> None:
        gateway, self.status, self.headers = self, status, []
        stalls = broken is not None and "X-Stalls" in broken[0]

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                gateway.headers.append(dict(self.headers))
                body = (
                    b'{"data": []}'
                    if gateway.status == 200
                    else b"no: " + self.headers["Authorization"].encode()
                )
                headers, body = broken or ({"Content-Length": str(len(body))}, body)
                self.send_response(gateway.status)
                for header in headers.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(body)
                if stalls:
                    self.connection.recv(1)  # until the client has given up

            do_PUT = do_GET = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_copy, "LAST_SECONDS", 0.0)
    monkeypatch.setattr(peer, "TIMEOUT", (0.2, 0.2))


@pytest.mark.usefixtures("impatient")
def test_an_outage_is_counted_and_over_with_the_next_push(read: Reading) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    delivery = Pushgateway(f"http://127.0.0.1:{port}", every=OFTEN, delete_after=AT_ONCE)
    with ModelMonitor("m", run="r", delivery=[delivery]) as monitor:
        wait_until(lambda: read(monitor, "model_delivery_failures_total", reason="connection"))
        assert read(monitor, "model_delivery_pending") == 1
        with Gateway(port=port):
            wait_until(lambda: read(monitor, "model_delivery_pending") == 0)
        assert read(monitor, "model_delivery_lag_seconds") == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("status", "reason"), [(400, "refused"), (401, "credentials"), (302, "protocol"), (503, "server")]
)
def test_a_refusal_is_counted_by_its_reason_and_no_secret_is_logged(
    status: int, reason: str, tmp_path: Path, read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    with Gateway(status) as gateway:
        delivery = Pushgateway(gateway.url, credentials_file=tmp_path / "token")
        with ModelMonitor("m", run="r", delivery=[delivery]) as monitor:
            wait_until(lambda: read(monitor, "model_delivery_failures_total", reason=reason))
    assert gateway.headers[0]["Authorization"] == "Bearer s3cret"
    assert f"answered {status}" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Length": "100"}, "connection"),
        ({"Content-Encoding": "gzip"}, "connection"),
        ({"Content-Length": "100", "X-Stalls": "1"}, "timeout"),
    ],
    ids=["short", "not gzip", "stalled"],
)
def test_an_answer_that_cannot_be_read_is_a_failure(
    headers: dict[str, str], reason: str, read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    with Gateway(broken=(headers, b"not what it says")) as gateway:
        delivery = [Pushgateway(gateway.url, delete_after=AT_ONCE)]
        with ModelMonitor("m", run="r", delivery=delivery) as monitor:
            wait_until(lambda: read(monitor, "model_delivery_failures_total", reason=reason))
            assert read(monitor, "model_delivery_pending") == 1
    assert "Traceback" not in caplog.text


def listed(model: object, pushed: object) -> bytes:
    """A list with one group."""
    labels = {"job": "traingauge", "model": model, "run": "r"}
    group = {"labels": labels, "push_time_seconds": {"metrics": [{"labels": {}, "value": pushed}]}}
    return json.dumps({"data": [group]}).encode()


@pytest.mark.parametrize(
    "text",
    [
        *(b"<html>log in</html>", b"[]", b'{"data": 1}', b'{"data": [1]}', b'{"data": [{}]}'),
        *(listed(model=3, pushed="0"), listed(model="m", pushed=10**400)),
    ],
)
def test_a_list_of_groups_that_is_none_is_said_in_a_sentence(
    text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with Gateway(broken=({"Content-Length": str(len(text))}, text)) as gateway:
        delivery = [Pushgateway(gateway.url, delete_after=AT_ONCE)]
        with ModelMonitor("m", run="r", delivery=delivery):
            wait_until(lambda: "answered no list of groups" in caplog.text)
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_gateway_that_never_answers_holds_up_neither_training_nor_the_end(read: Reading) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        delivery = Pushgateway(f"http://127.0.0.1:{silent.getsockname()[1]}", delete_after=LATE)
        with ModelMonitor("m", run="r", delivery=[delivery]) as monitor:
            monitor.step(loss=0.5)
        wait_until(lambda: not any(one.name == "traingauge-copy" for one in threading.enumerate()))
    assert (read(monitor, "model_delivery_failures_total", reason="timeout") or 0) >= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "pushgateway:9091"},
        {"every": 0.0},
        {"every": 1801},
        {"delete_after": -1},
        {"delete_after": 1801},
        {"username": "me"},
        {"credentials_file": ""},
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(TrainGaugeError, match=rf"Pushgateway\.{next(iter(wrong))} "):
        Pushgateway(**{"url": "http://gateway:9091", **wrong})


def test_a_file_of_credentials_that_cannot_be_read_raises_at_the_start(tmp_path: Path) -> None:
    delivery = Pushgateway("http://gateway:9091", credentials_file=tmp_path / "none")
    with pytest.raises(InvalidArgumentError, match=r"Pushgateway\.credentials_file cannot be read"):
        ModelMonitor("m", run="r", delivery=[delivery])
