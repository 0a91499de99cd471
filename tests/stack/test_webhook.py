from __future__ import annotations

import json
import logging
import socket
import threading
import time
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.waiting import PATIENCE
from traingauge.stack.errors import WaitTimeoutError
from traingauge.stack.notification import Notification
from traingauge.stack.webhook import LARGEST_BODY, WebhookReceiver


def message(*, status: str = "firing", name: str = "ModelLossNonFinite") -> dict[str, Any]:
    return {
        "version": "4",
        "status": status,
        "receiver": "hook",
        "groupLabels": {"model": "digits", "run": "r1"},
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": name, "severity": "critical", "model": "digits", "run": "r1"},
                "annotations": {
                    "summary": "The loss is NaN.",
                    "description": "Stop.",
                    "runbook_url": "https://x/y",
                },
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
            }
        ],
    }


def post(url: str, body: bytes | str) -> requests.Response:
    return requests.post(url, data=body, timeout=PATIENCE)


def test_a_notification_is_recorded_with_its_time_of_arrival() -> None:
    before = time.time()
    with WebhookReceiver() as receiver:
        assert post(receiver.url, json.dumps(message())).status_code == 200
        (notification,) = receiver.notifications
    assert before <= notification.arrived <= time.time()
    assert notification.group_labels == {"model": "digits", "run": "r1"}
    assert notification.alerts[0].name == "ModelLossNonFinite"
    assert notification.alerts[0].labels["severity"] == "critical"


def test_the_callback_gets_each_notification() -> None:
    seen: list[Notification] = []
    with WebhookReceiver(seen.append) as receiver:
        post(receiver.url, json.dumps(message()))
        post(receiver.url, json.dumps(message(status="resolved")))
        assert seen == receiver.notifications
    assert [notification.status for notification in seen] == ["firing", "resolved"]


def test_a_callback_that_fails_is_logged_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Notification) -> None:
        raise ValueError("on purpose")

    with WebhookReceiver(fail) as receiver, caplog.at_level(logging.ERROR):
        assert post(receiver.url, json.dumps(message())).status_code == 200
        assert len(receiver.notifications) == 1
    assert "callback failed" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"3",
        b"{}",
        b'{"alerts": 3}',
        b'{"alerts": [3]}',
        b'{"alerts": [{}], "status": "firing"}',
        b'{"alerts": [{"status": "firing", "labels": []}], "status": "firing"}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_body_is_refused_with_a_reason_and_the_next_one_still_arrives(body: bytes) -> None:
    with WebhookReceiver() as receiver:
        answer = post(receiver.url, body)
        assert answer.status_code == 400
        assert receiver.rejected == [answer.text]
        assert post(receiver.url, json.dumps(message())).status_code == 200
        assert len(receiver.notifications) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
messages = st.fixed_dictionaries({}, optional=dict.fromkeys(message(), json_values))
alerts = st.fixed_dictionaries({}, optional=dict.fromkeys(message()["alerts"][0], json_values))


@settings(deadline=None)
@given(st.binary() | json_values.map(json.dumps).map(str.encode) | messages.map(json.dumps).map(str.encode))
def test_no_body_makes_the_receiver_fail(body: bytes) -> None:
    receiver = WebhookReceiver()
    reason = receiver.receive(body)
    assert (reason is None) == (len(receiver.notifications) == 1)
    receiver.close()


@settings(deadline=None)
@given(st.lists(alerts, min_size=1, max_size=2))
def test_no_alert_makes_the_receiver_fail(given_alerts: list[Any]) -> None:
    receiver = WebhookReceiver()
    receiver.receive(json.dumps(message() | {"alerts": given_alerts}).encode())
    assert all(str(notification) for notification in receiver.notifications)
    receiver.close()


@pytest.mark.parametrize("length", ["", "-1", "many", "9" * 5000, str(LARGEST_BODY + 1)])
def test_a_length_that_cannot_be_is_refused_unread(length: str) -> None:
    with WebhookReceiver() as receiver:
        answer = requests.post(
            receiver.url, headers={"Content-Length": length}, data=iter([b""]), timeout=PATIENCE
        )
        assert answer.status_code == 400
        assert receiver.rejected


def test_a_client_that_sends_half_a_request_does_not_hold_up_the_others_or_the_end() -> None:
    with WebhookReceiver() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"POST /alerts HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
            assert post(receiver.url, json.dumps(message())).status_code == 200


def test_waiting_returns_the_first_alert_of_that_name_and_status() -> None:
    with WebhookReceiver() as receiver:
        sender = threading.Timer(0.1, post, (receiver.url, json.dumps(message(status="resolved"))))
        sender.start()
        arrived, alert = receiver.wait_for("ModelLossNonFinite", "resolved")
        sender.join()
    assert alert.status == "resolved"
    assert arrived == receiver.notifications[0].arrived


def test_a_wait_that_times_out_says_what_was_delivered_instead() -> None:
    with WebhookReceiver() as receiver:
        post(receiver.url, json.dumps(message(name="ModelStuck")))
        with pytest.raises(WaitTimeoutError, match=r"not delivered within .*; delivered: ModelStuck firing"):
            receiver.wait_for("ModelLossNonFinite", timeout=0.05)


def test_a_notification_reads_well() -> None:
    with WebhookReceiver() as receiver:
        post(receiver.url, json.dumps(message()))
        assert str(receiver.notifications[0]) == (
            "[FIRING] critical: ModelLossNonFinite (model=digits, run=r1)\n"
            "    The loss is NaN.\n    Stop.\n    https://x/y"
        )


def test_an_alert_without_labels_of_a_run_has_no_empty_brackets() -> None:
    posted = message(name="ModelManyRunsFailing")
    posted["alerts"][0]["labels"] = {"alertname": "ModelManyRunsFailing", "severity": "critical"}
    with WebhookReceiver() as receiver:
        post(receiver.url, json.dumps(posted))
        assert str(receiver.notifications[0]).startswith("[FIRING] critical: ModelManyRunsFailing\n")


def test_a_notification_sends_no_escape_sequence_to_the_terminal() -> None:
    posted = message(name="\x1b]0;pwned\x07\x1b[2J\u202e\ud800")
    posted["alerts"][0]["annotations"] = {"summary": "a\r\nb\x1b[31m"}
    with WebhookReceiver() as receiver:
        assert post(receiver.url, json.dumps(posted)).status_code == 200
        text = str(receiver.notifications[0])
    first, second = text.split("\n")
    assert first.isprintable()
    assert second == "    a\\r\\nb\\x1b[31m"


def test_it_listens_on_the_loopback_alone() -> None:
    with WebhookReceiver() as receiver:
        assert receiver.url.startswith("http://127.0.0.1:")
