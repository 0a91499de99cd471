"""A webhook receiver that records what Alertmanager delivers, and when."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from traingauge.logs import logger

from .errors import WaitTimeoutError
from .local import LocalHandler, LocalServer
from .notification import Alert, Notification, parse

#: Bytes of the largest notification; a body with a larger Content-Length is refused unread.
LARGEST_BODY = 16 * 2**20


class WebhookReceiver(LocalServer):
    """Receives Alertmanager's webhook on a port of 127.0.0.1, in a thread, while its ``with`` block runs.

    A GET is answered with the labels of the alerts that have come, as JSON; its query chooses by label. Malformed input is
    answered with 400, which Alertmanager does not retry; the reason is kept in ``rejected``.

    Args:
        callback: Called with each notification as it arrives, in the receiver's thread. An error in it is
            logged; the notification is recorded all the same.
        port: The port to listen on; 0 takes a free one.

    >>> import requests
    >>> with WebhookReceiver() as receiver:
    ...     requests.post(receiver.url, data="nonsense", timeout=10).status_code, receiver.rejected
    (400, ['no JSON: Expecting value: line 1 column 1 (char 0)'])
    """

    def __init__(self, callback: Callable[[Notification], None] | None = None, *, port: int = 0) -> None:
        self._callback = callback
        self._changed = threading.Condition()
        self._notifications: list[Notification] = []
        self._rejected: list[str] = []
        super().__init__("webhook", _handler(self), port=port)

    @property
    def url(self) -> str:
        """Where Alertmanager sends its notifications."""
        return f"{super().url}/alerts"

    @property
    def notifications(self) -> list[Notification]:
        """The notifications so far, oldest first."""
        with self._changed:
            return list(self._notifications)

    @property
    def rejected(self) -> list[str]:
        """Why requests were refused, oldest first."""
        with self._changed:
            return list(self._rejected)

    def alerts(self, status: str | None = None) -> list[tuple[float, Alert]]:
        """Each alert of each notification with the notification's arrival time, oldest first.

        Args:
            status: "firing" or "resolved"; ``None`` for both.
        """
        return [
            (notification.arrived, alert)
            for notification in self.notifications
            for alert in notification.alerts
            if status in (None, alert.status)
        ]

    def wait_for(self, name: str, status: str = "firing", *, timeout: float = 300.0) -> tuple[float, Alert]:
        """Wait until an alert of that name and status is delivered; returns the first and its arrival time.

        Args:
            name: Of the alert.
            status: "firing" or "resolved".
            timeout: Seconds before the wait is given up. The default is for a busy machine.

        Raises:
            WaitTimeoutError: None came within ``timeout`` seconds; says what came instead.
        """

        def first() -> tuple[float, Alert] | None:
            return next((item for item in self.alerts(status) if item[1].name == name), None)

        with self._changed:
            if self._changed.wait_for(first, timeout) and (found := first()):
                return found
        came = ", ".join(f"{alert.name} {alert.status}" for _, alert in self.alerts()) or "nothing"
        raise WaitTimeoutError(f"{name} {status} was not delivered within {timeout:g} s; delivered: {came}")

    def receive(self, body: bytes) -> str | None:
        """Record a notification; returns why it was refused, or None."""
        try:
            notification = parse(json.loads(body), time.time())
        except (
            ValueError,
            RecursionError,
        ) as error:  # json's own errors are ValueErrors, as are those of decoding
            return self.refuse(f"no JSON: {error}")
        except (TypeError, KeyError, AttributeError) as error:
            return self.refuse(f"no notification of Alertmanager: {error!r}")
        with self._changed:
            self._notifications.append(notification)
            self._changed.notify_all()
        if self._callback is not None:
            try:
                self._callback(notification)
            except Exception:  # noqa: BLE001 - whatever it raises, the next notification must still arrive
                logger.exception("the webhook's callback failed; the notification is recorded")
        return None

    def refuse(self, reason: str) -> str:
        """Record a refused request."""
        with self._changed:
            self._rejected.append(reason)
            self._changed.notify_all()
        return reason


def _handler(receiver: WebhookReceiver) -> type[LocalHandler]:
    class Handler(LocalHandler):
        def post(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not re.fullmatch("[0-9]{1,9}", length) or int(length) > LARGEST_BODY:
                reason: str | None = receiver.refuse(
                    f"Content-Length {length[:20]!r}: expected 0 to {LARGEST_BODY}"
                )
            else:
                reason = receiver.receive(self.rfile.read(int(length)))
            self.answer(400 if reason else 200, reason or "")

        def get(self) -> None:
            if not self.is_expected():
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return
            wanted = parse_qsl(urlsplit(self.path).query)
            labels = [alert.labels for _, alert in receiver.alerts()]
            found = [one for one in labels if all(one.get(name) == value for name, value in wanted)]
            self.answer(200, json.dumps(found), "application/json")

    return Handler
