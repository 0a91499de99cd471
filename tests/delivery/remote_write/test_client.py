"""What the answers of a receiver mean."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.delivery.remote_write.receiver import Answer, Receiver
from traingauge.catalog import CATALOG
from traingauge.core.families import Identity
from traingauge.delivery.remote_write import client as module
from traingauge.delivery.remote_write.client import Client
from traingauge.delivery.remote_write.errors import RefusedError, UnavailableError
from traingauge.delivery.remote_write.series import LATEST, Points, series_of

LOSS = [
    Points(
        series_of(CATALOG["model_loss"], ("train",), Identity("m", "r")), np.array([1000]), np.array([0.5])
    )
]


def client(url: str, protocol: str = "1.0", **more: Any) -> Client:
    return Client(
        url, more.pop("headers", {}), more.pop("username", None), more.pop("credentials", None), protocol
    )


def answering(*answers: Answer) -> Callable[[int], Answer | None]:
    return lambda number: answers[number - 1] if number <= len(answers) else None


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_version_that_the_receiver_understands_is_found_out_before_anything_is_sent(version: str) -> None:
    with Receiver(version) as receiver:
        one = client(receiver.url, "auto")
        one.post(LOSS)
        assert one.version == version
        assert receiver.values("model_loss") == {1000: 0.5}


def test_what_a_receiver_of_1_0_did_not_understand_is_sent_again_as_1_0() -> None:
    with Receiver("1.0") as receiver:
        one = client(receiver.url, "2.0")
        one.post(LOSS)
        assert one.version == "1.0"
        assert receiver.values("model_loss") == {1000: 0.5}


def test_a_receiver_that_refuses_the_type_of_2_0_is_sent_1_0() -> None:
    with Receiver("1.0", answering(Answer(415))) as receiver:
        client(receiver.url, "2.0").post(LOSS)
        assert receiver.values("model_loss") == {1000: 0.5}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(400, "out of order sample"), "order"),
        (Answer(400, "duplicate sample for timestamp"), "order"),
        (Answer(400, "out of bounds"), "age"),
        (Answer(500, "too old sample"), "age"),
        (Answer(400, "label name is invalid"), "refused"),
        (Answer(413), "refused"),
    ],
)
def test_a_refusal_says_why(answer: Answer, reason: str) -> None:
    with Receiver(fault=answering(answer)) as receiver, pytest.raises(RefusedError) as refused:
        client(receiver.url).post(LOSS)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "reason", "unknown"),
    [
        (Answer(500, "disk full"), "server", True),
        (Answer(503), "server", True),
        (Answer(429, headers={"Retry-After": "7"}), "throttled", False),
        (Answer(401), "credentials", False),
        (Answer(403), "credentials", False),
        (Answer(404), "protocol", False),
        (Answer(302, headers={"Location": "/login"}), "protocol", False),
    ],
)
def test_what_may_pass_is_tried_again_later(answer: Answer, reason: str, unknown: bool) -> None:
    with Receiver(fault=answering(answer)) as receiver, pytest.raises(UnavailableError) as failed:
        client(receiver.url).post(LOSS)
    assert (failed.value.reason, failed.value.unknown) == (reason, unknown)
    assert failed.value.wait == (7.0 if reason == "throttled" else 0.0)


def test_a_refusal_says_how_much_was_taken_where_the_receiver_does() -> None:
    refusal = Answer(400, "out of order sample", {"X-Prometheus-Remote-Write-Samples-Written": "1"})
    for answer, taken in ((refusal, 1), (refusal._replace(headers={}), None)):
        with Receiver("2.0", fault=answering(answer)) as receiver, pytest.raises(RefusedError) as failed:
            client(receiver.url, protocol="2.0").post(LOSS)
        assert (failed.value.reason, failed.value.taken) == ("order", taken)


def test_a_receiver_that_does_not_listen_has_certainly_taken_nothing() -> None:
    with Receiver() as receiver:
        url = receiver.url
    with pytest.raises(UnavailableError) as failed:
        client(url).post(LOSS)
    assert (failed.value.reason, failed.value.unknown) == ("connection", False)


def test_an_answer_that_is_lost_leaves_open_what_was_taken() -> None:
    with Receiver(lost=lambda number: True) as receiver, pytest.raises(UnavailableError) as failed:
        client(receiver.url).post(LOSS)
    assert (failed.value.reason, failed.value.unknown) == ("connection", True)


def test_no_request_is_made_when_no_time_is_left() -> None:
    with Receiver() as receiver:
        one = client(receiver.url)
        one.deadline = time.monotonic()
        with pytest.raises(UnavailableError):
            one.post(LOSS)
        assert receiver.requests == 0


def test_credentials_are_read_for_each_request_and_headers_sent(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with Receiver() as receiver:
        one = client(receiver.url, credentials=file, headers={"X-Scope-OrgID": "team"})
        file.write_text("first\n")
        one.post(LOSS)
        assert receiver.headers["Authorization"] == "Bearer first"
        file.write_text("second")
        one.post(LOSS)
        assert receiver.headers["Authorization"] == "Bearer second"
        assert receiver.headers["X-Scope-OrgID"] == "team"
        named = client(receiver.url, credentials=file, username="me")
        named.post(LOSS)
        assert receiver.headers["Authorization"] == "Basic bWU6c2Vjb25k"


def test_secrets_are_in_no_message_though_the_receiver_repeats_them(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret-token")
    said = Answer(401, "no such user: Bearer s3cret-token, tenant hidden-tenant")
    with Receiver(fault=answering(said)) as receiver, pytest.raises(UnavailableError) as failed:
        client(receiver.url, credentials=file, headers={"X-Scope-OrgID": "hidden-tenant"}).post(LOSS)
    assert "***" in str(failed.value)
    assert "s3cret" not in str(failed.value)
    assert "hidden" not in str(failed.value)


def test_an_answer_that_cannot_be_read_is_a_failure_that_may_pass() -> None:
    broken = Answer(500, "not what it says", {"Content-Encoding": "gzip"})
    with Receiver(fault=answering(broken)) as receiver, pytest.raises(UnavailableError) as failed:
        client(receiver.url).post(LOSS)
    assert failed.value.reason == "connection"
    assert failed.value.unknown


def test_a_status_that_no_server_sends_is_quoted_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret-token")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as peer:
                peer.recv(65_536)
                peer.sendall(b"no such token: s3cret-token\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(UnavailableError) as failed:
            client(f"http://127.0.0.1:{server.getsockname()[1]}", credentials=file).post(LOSS)
    assert "***" in str(failed.value)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff", "smörgås".encode()])
def test_a_file_that_holds_no_token_is_said_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UnavailableError, match="token") as failed:
        client("http://127.0.0.1:9", credentials=file).post(LOSS)
    assert failed.value.reason == "credentials"
    assert "lines" not in str(failed.value).replace("one line of", "")


def test_a_clock_that_is_ahead_is_said_once_and_holds_the_future_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Receiver() as receiver, caplog.at_level(logging.WARNING):
        one = client(receiver.url)
        one.post(LOSS)
        assert one.now() >= 1000 * time.time()
        receiver.clock = lambda: time.time() - 600
        for _ in range(2):
            one.post(LOSS)
        assert 590 < one.ahead < 610
        assert one.now() < 1000 * (time.time() - 590)
    assert len([record for record in caplog.records if "clock is" in record.message]) == 1


def test_a_clock_that_is_corrected_holds_nothing_back_though_nothing_is_posted_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = time.time
    with Receiver() as receiver:
        receiver.clock = right
        one = client(receiver.url)
        with monkeypatch.context() as ahead:
            ahead.setattr(time, "time", lambda: right() + 86_400)
            assert one.latest() == LATEST, "no answer says whose clock is wrong"
            one.post(LOSS)
            assert one.now() < 1000 * (right() + 60)
            assert one.latest() >= 1000 * (right() + 86_400), "the clock may be ahead for good"
        assert 1000 * right() <= one.now() <= one.latest() < 1000 * (right() + 120)


def test_the_receiver_is_asked_for_its_clock_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver:
        one = client(receiver.url)
        receiver.clock = lambda: time.time() - 600
        one.ask_for_time()
        assert 590 < one.ahead < 610
        receiver.clock = time.time
        one.ask_for_time()
        assert one.ahead, "it has answered just now"
        monkeypatch.setattr(module, "ASK_SECONDS", 0.0)
        one.ask_for_time()
        assert one.ahead == 0
        assert receiver.requests == 0
    one.ask_for_time()  # no one listens


def test_what_netrc_has_for_the_host_does_not_replace_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine receiver.example login someone password else\n")
    (tmp_path / "token").write_text("t0ken")
    with Receiver() as receiver:
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("HTTP_PROXY", receiver.url)  # so that a host that is not the loopback leads there
        client("http://receiver.example/", credentials=tmp_path / "token").post(LOSS)
        assert receiver.headers["Authorization"] == "Bearer t0ken"
