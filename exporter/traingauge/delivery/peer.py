"""A small HTTP server that a run speaks to, such as a Pushgateway: who the run is there, and what an answer means."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests

from traingauge.delivery import answers, credentials
from traingauge.delivery.http.hosts import is_loopback
from traingauge.errors import TrainGaugeError

#: Seconds for a connection, and for an answer.
TIMEOUT = (3.0, 10.0)

_REASONS = {400: "refused", 401: "credentials", 403: "credentials", 407: "credentials", 429: "throttled"}


class PeerError(TrainGaugeError, ConnectionError):
    """A server did not take a request.

    Attributes:
        reason: One of :data:`traingauge.core.collectors.delivery.FAILURES`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Peer:
    """One server. One thread uses it.

    Args:
        url: Where it serves.
        username: For basic authentication.
        file: With the token or the password; read for each request, so it may change.

    Attributes:
        root: Where it serves, without a slash at the end.
    """

    def __init__(self, url: str, username: str | None, file: Path | None) -> None:
        self.root = url.rstrip("/")
        self._username, self._file = username, file
        self._secrets: tuple[str, ...] = ()  # those of the last request
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(urlsplit(url).hostname or "")

    def request(
        self, method: str, path: str, body: bytes | None = None, *, kind: str, most: int = answers.SAID_BYTES
    ) -> tuple[bytes, float]:
        """What is answered, and the Unix time in seconds there.

        Args:
            method: Of HTTP.
            path: Below the address of the server.
            body: What is sent.
            kind: Media type of that.
            most: Bytes of the answer that are read.

        Raises:
            PeerError: It did not take the request.
        """
        try:
            with self._session.request(
                method,
                self.root + path,
                data=body,
                headers={"Content-Type": kind},
                auth=self._sign,
                timeout=TIMEOUT,
                allow_redirects=False,  # a login page would answer 200
                stream=True,
            ) as answer:
                said = answers.read(answer, most)
        except requests.Timeout:
            raise PeerError("timeout", f"{self.root} does not answer") from None
        except (requests.RequestException, OSError) as error:
            if isinstance(error, PeerError):
                raise
            cause = answers.without(self._secrets, str(answers.innermost(error)))
            raise PeerError("connection", f"{self.root} cannot be reached: {cause}") from None
        if not 200 <= answer.status_code < 300:
            reason = _REASONS.get(answer.status_code, "server" if answer.status_code >= 500 else "protocol")
            shown = answers.said(answer.status_code, said, self._secrets)
            raise PeerError(reason, f"{self.root} answered {shown}")
        return said, time_of(answer)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add who sends it. Without that, requests would take someone from ``.netrc``."""
        if self._file is not None:
            try:
                secret = credentials.secret(self._file)
            except (OSError, ValueError) as error:
                raise PeerError("credentials", f"{self._file}: {error}") from None
            value = credentials.authorization(self._username, secret)
            self._secrets = (value, secret)
            request.headers["Authorization"] = value
        return request


def time_of(answer: requests.Response) -> float:
    """Unix time in seconds of an answer by the clock of the server; by this machine's where it does not say."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return time.time()
