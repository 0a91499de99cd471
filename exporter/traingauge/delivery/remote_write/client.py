"""Posts requests to one receiver, and says what its answers mean."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests

from traingauge.delivery import answers, credentials
from traingauge.delivery.http.hosts import is_loopback
from traingauge.delivery.remote_write.errors import RefusedError, UnavailableError
from traingauge.delivery.remote_write.messages import HEADERS, Version, request
from traingauge.delivery.remote_write.series import LATEST, Points
from traingauge.delivery.remote_write.snappy import compress
from traingauge.logs import logger

#: Seconds for a connection, and for an answer.
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 10.0

#: Most seconds that a receiver may ask to wait.
MOST_WAIT = 300.0

#: Seconds by which this clock may be ahead of the receiver's without more ado, and least seconds between two questions for
#: the receiver's where samples wait for it.
CLOCK_TOLERANCE, ASK_SECONDS = 2.0, 15.0

#: Seconds by which a sample may be ahead of both clocks: beyond that, the clock was set back since it was recorded.
MOST_AHEAD = 60.0

#: Characters of an answer in which its reason is looked for.
_TOLD = 200

#: Most characters of a header that is no secret: without them, an answer could not be read.
_NO_SECRET = 3

#: The header by which a receiver shows that it has understood 2.0.
_WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"


class Client:
    """Posts to one receiver. One thread uses it.

    Args:
        url: The receiver's.
        headers: Further headers of each request.
        username: For basic authentication.
        file: File with the token or the password; read for each request, so it may change.
        protocol: Version of the protocol; ``auto`` finds it out.

    Attributes:
        url: As given.
        ahead: Seconds by which this clock is ahead of the receiver's, at least; 0 if it is not.
        taken: Requests that the receiver has taken.
        deadline: Reading of ``time.monotonic()`` until which an answer is waited for.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        username: str | None,
        file: Path | None,
        protocol: str,
    ) -> None:
        self.url, self._headers = url, dict(headers)
        self._username, self._credentials = username, file
        self._secrets: set[str] = {value for value in headers.values() if len(value) > _NO_SECRET}
        self._version: Version = "1.0" if protocol == "1.0" else "2.0"
        self._asks = protocol == "auto"  # whether the receiver has still to say what it understands
        self.ahead, self.deadline = 0.0, math.inf
        self.taken = 0
        self._warned = False
        self._answered = (
            self._asked
        ) = -math.inf  # readings of time.monotonic(): the last answer, question for the time
        self._receiver: float | None = None  # its clock less time.monotonic(), which no one sets back
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        self._session.auth = lambda request: request  # else requests puts what .netrc has in place of a token

    @property
    def version(self) -> Version:
        """Version of the protocol in use."""
        return self._version

    @property
    def answered(self) -> bool:
        """Whether there was an answer of any kind."""
        return self._answered > -math.inf

    def now(self) -> int:
        """Unix time in milliseconds up to which samples may be sent: those after it are the receiver's future."""
        there = time.time() if self._receiver is None else time.monotonic() + self._receiver
        return int(1000 * (there + CLOCK_TOLERANCE))

    def latest(self) -> int:
        """Unix time in milliseconds that no sample can have, unless this clock was set back since it was recorded."""
        if not self.answered:
            return LATEST  # perhaps it is this clock that is wrong
        return max(self.now(), int(1000 * time.time())) + int(1000 * MOST_AHEAD)

    def ask_for_time(self) -> None:
        """Ask the receiver for its clock by a request without samples, unless it was asked or has answered just now.

        Samples that wait for their time are not posted, so that no other answer would say that it has come. A request that
        fails is no failure of the delivery.
        """
        now = time.monotonic()
        if now - max(self._answered, self._asked) < ASK_SECONDS:
            return
        self._asked = now
        with suppress(RefusedError, UnavailableError):
            if self._asks:
                self._ask()
            else:
                self._post(self._version, compress(b"", []))

    def post(self, points: Sequence[Points]) -> None:
        """Send points, in one request.

        Raises:
            RefusedError: The receiver will never take them.
            UnavailableError: A later attempt may succeed.
        """
        if self._asks:
            self._ask()
        if self._version == "2.0" and not self._post("2.0", request("2.0", points)):
            self._fall_back()
        if self._version == "1.0":
            self._post("1.0", request("1.0", points))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _ask(self) -> None:
        """Find out by a request without samples whether the receiver understands 2.0."""
        try:
            understood = self._post("2.0", compress(b"", []))
        except RefusedError:
            understood = False
        self._asks = False
        if not understood:
            self._version = "1.0"

    def _fall_back(self) -> None:
        logger.warning("%s does not understand remote write 2.0: it is sent 1.0", self.url)
        self._version = "1.0"

    def _post(self, version: Version, body: bytes) -> bool:
        """Send a body; returns whether the answer shows that it was understood."""
        began, asked = time.time(), time.monotonic()
        left = self.deadline - asked
        if left <= 0:
            raise UnavailableError("timeout", f"{self.url}: no time is left")
        headers = {**self._headers, **HEADERS[version], **self._authorization()}
        try:
            with self._session.post(
                self.url,
                data=body,
                headers=headers,
                timeout=(min(CONNECT_SECONDS, left), min(ANSWER_SECONDS, left)),
                allow_redirects=False,
                stream=True,
            ) as answer:
                said = answers.read(answer)
        except requests.Timeout as error:
            connected = not isinstance(error, requests.ConnectTimeout)
            raise UnavailableError("timeout", f"{self.url} does not answer", unknown=connected) from None
        except (requests.RequestException, OSError) as error:
            cause = answers.innermost(error)
            sent = not isinstance(cause, ConnectionRefusedError)
            message = f"{self.url} cannot be reached: {answers.without(self._secrets, str(cause))}"
            raise UnavailableError("connection", message, unknown=sent) from None
        self._answered = time.monotonic()
        self._compare_clocks(answer.headers.get("Date"), began, asked)
        if version == "2.0" and answer.status_code == 415:
            return False
        _check(answer, said, f"{self.url} answered {answers.said(answer.status_code, said, self._secrets)}")
        self.taken += 1
        return version == "1.0" or _WRITTEN in answer.headers

    def _authorization(self) -> dict[str, str]:
        if self._credentials is None:
            return {}
        try:
            secret = credentials.secret(self._credentials)
        except (OSError, ValueError) as error:
            raise UnavailableError("credentials", f"{self._credentials}: {error}") from None
        value = credentials.authorization(self._username, secret)
        self._secrets |= {secret, value}
        return {"Authorization": value}

    def _compare_clocks(self, date: str | None, began: float, asked: float) -> None:
        """A clock that is ahead gives samples times that the receiver may refuse, or keep and then refuse others for."""
        try:
            receiver = parsedate_to_datetime(date or "").timestamp() + 1.0  # it is cut to the second
        except (TypeError, ValueError):
            return
        self._receiver = receiver - asked
        self.ahead = began - receiver if began - receiver > CLOCK_TOLERANCE else 0.0
        if self.ahead and not self._warned:
            self._warned = True
            logger.warning(
                "this clock is %.0f s ahead of that of %s: samples wait until their time has come there",
                self.ahead,
                self.url,
            )


def _check(answer: requests.Response, body: bytes, message: str) -> None:
    """Raise what the status of an answer means."""
    status, said = answer.status_code, " ".join(body.decode("utf-8", "replace").lower().split())[:_TOLD]
    if 200 <= status < 300:
        return
    # Prometheus before 2.50 answers 500 to a sample that is too old for its window, and always will.
    if "too old" in said or "out of bounds" in said:
        raise RefusedError("age", message, _written(answer.headers.get(_WRITTEN)))
    if status in {400, 413, 422}:
        raise RefusedError(_order(said), message, _written(answer.headers.get(_WRITTEN)))
    if status == 429:
        raise UnavailableError("throttled", message, wait=_asked_to_wait(answer.headers.get("Retry-After")))
    if status in {401, 403, 407}:
        raise UnavailableError("credentials", message)
    if status >= 500:
        wait = _asked_to_wait(answer.headers.get("Retry-After"))
        raise UnavailableError("server", message, unknown=True, wait=wait)
    raise UnavailableError("protocol", message)


def _order(said: str) -> str:
    known = ("out of order", "out-of-order", "duplicate sample")
    return "order" if any(text in said for text in known) else "refused"


def _written(header: str | None) -> int | None:
    """Samples that a receiver says it has written.

    >>> _written("3"), _written("all"), _written(None)
    (3, None, None)
    """
    return int(header) if header is not None and header.isascii() and header.isdigit() else None


def _asked_to_wait(header: str | None) -> float:
    """Seconds of a ``Retry-After``; 0 if it is none.

    >>> _asked_to_wait("7"), _asked_to_wait("soon")
    (7.0, 0.0)
    """
    if header is None:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (TypeError, ValueError):
            return 0.0
    return min(max(0.0, seconds), MOST_WAIT) if math.isfinite(seconds) else 0.0
