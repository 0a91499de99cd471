"""Alerts straight from the script, through Alertmanager's v2 API.

They are for what no metric shows: a failed audit, a missing file, the crash of the run itself. A background thread delivers
them, with timeouts and retries, so that training never waits (:mod:`traingauge.delivery.outbox`).

Each alert carries the time at which it ends by itself. Sending the alert again extends that time, and posts nothing while
more than half of it is left. :meth:`AlertSender.resolve` ends the alert now.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from traingauge import validation
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery import answers, credentials
from traingauge.delivery.alerts import SEVERITIES, Severity
from traingauge.delivery.base import RunView
from traingauge.delivery.outbox import MOST_PENDING, Alert, Labels, Outbox, UnavailableError
from traingauge.errors import InvalidArgumentError, InvalidTypeError, shown
from traingauge.forks import leave_to_parent_after_fork

#: Seconds for a connection, and for an answer; together less than the end of a run waits.
TIMEOUT = (1.5, 3.0)

#: Seconds for which a crash stays an active alert, and seconds that the end of a run waits for its last alerts.
CRASH_ACTIVE_SECONDS, FLUSH_SECONDS = 1800.0, 5.0

#: Longest life of an alert that is not sent again, in seconds.
LONGEST_ACTIVE = 366 * 86_400

#: Answers that are about the alerts themselves. All others pass with time, or once an operator has repaired something.
REFUSALS = frozenset({400, 413, 422})

_OWN_LABELS = ("alertname", "model", "run", "severity")

#: How the names of alerts of the rules begin, which inhibit each other by name.
_OF_RULES = "Model"

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Alertmanager:
    """The Alertmanager that a run sends its alerts to.

    :meth:`traingauge.ModelMonitor.send_alert` sends to it, and so does the end of a run that crashed (``TrainingCrashed``).

    Args:
        url: Where Alertmanager serves, as ``http://127.0.0.1:9093``; several for a cluster, each of which gets every alert.
        username: Name for basic authentication; the file then holds the password.
        credentials_file: File with a bearer token, or with the password. It is read at each delivery, so it may change.

    Raises:
        InvalidArgumentError: Not an HTTP address, or one with a password in it.
        InvalidTypeError: A field of another type.

    >>> Alertmanager("127.0.0.1:9093")
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Alertmanager.url is '127.0.0.1:9093': expected an address like 'http://127.0.0.1:9093'
    """

    url: str | Sequence[str]
    _: KW_ONLY
    username: str | None = None
    credentials_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.url, str):
            validation.http_url("Alertmanager.url", self.url)
        else:
            object.__setattr__(self, "url", validation.http_urls("Alertmanager.url", self.url))
        credentials.check("Alertmanager", self.username, self.credentials_file)

    def start(self, run: RunView) -> AlertSender:
        """Open a sender of the run's alerts."""
        urls = (self.url,) if isinstance(self.url, str) else self.url
        file = None if self.credentials_file is None else Path(self.credentials_file)
        clients = [_Client(url, self.username, file) for url in urls]
        return AlertSender(clients, run.identity, run.guard)


class _Client:
    """Posts to one Alertmanager.

    Args:
        url: Where it serves.
        username: For basic authentication.
        file: With the token or the password.
    """

    def __init__(self, url: str, username: str | None, file: Path | None) -> None:
        self._endpoint = f"{url.rstrip('/')}/api/v2/alerts"
        self._is_local = _is_loopback(urlsplit(url).hostname or "")
        self._username, self._file = username, file
        self._secrets: tuple[str, ...] = ()  # those of the last request

    def post(self, alerts: Sequence[Alert]) -> None:
        """Send alerts in one request; the answer's status decides, and its body is not read.

        Raises:
            UnavailableError: A later attempt may succeed.
            InvalidArgumentError: Alertmanager refuses them.
        """
        try:
            with requests.Session() as session:
                session.trust_env = not self._is_local  # a proxy does not reach this machine's loopback
                with session.post(
                    self._endpoint,
                    json=[alert.as_json() for alert in alerts],
                    auth=self._auth(),
                    timeout=TIMEOUT,
                    allow_redirects=False,  # a login page would answer 200
                    stream=True,
                ) as answer:
                    status = answer.status_code
        except requests.RequestException as error:
            cause = answers.without(self._secrets, str(answers.innermost(error)))
            raise UnavailableError(f"{self._endpoint} does not answer: {cause}") from None
        except OSError as error:
            raise UnavailableError(str(error)) from error
        if status in REFUSALS:
            raise InvalidArgumentError(f"{self._endpoint} answered {status} and refuses the alert")
        if not 200 <= status < 300:
            raise UnavailableError(f"{self._endpoint} answered {status}")

    def _auth(self) -> AuthBase | None:
        if self._file is None:
            return None
        try:
            secret = credentials.secret(self._file)
        except ValueError as error:
            raise UnavailableError(f"{self._file}: {error}") from None
        value = credentials.authorization(self._username, secret)
        self._secrets = (value, secret)
        return _Authorization(value)


class _Authorization(AuthBase):
    """A header as it is: without this, requests would take another one from ``.netrc``."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class AlertSender:
    """Delivers a run's alerts to each Alertmanager.

    Args:
        clients: One for each Alertmanager.
        identity: Labels of every alert.
        guard: Counts the attempts that failed.
    """

    def __init__(self, clients: Sequence[_Client], identity: Identity, guard: Guard) -> None:
        self._identity = identity
        self._changed = threading.Condition()
        self._active: dict[Labels, Alert] = {}
        self._outboxes = [Outbox(client.post, guard, self._changed) for client in clients]
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """A forked child delivers its own alerts, and leaves those that wait to its parent."""
        self._changed = threading.Condition()
        for outbox in self._outboxes:
            outbox.restart(self._changed)

    def send(
        self,
        name: str,
        summary: str,
        *,
        severity: Severity,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        resolves_after: float = 300.0,
    ) -> None:
        """Send an alert, or keep it alive if it is still active.

        Args:
            name: ``alertname``: letters, digits and underscores, without ``Model`` in front, as alerts of the rules have.
            summary: One sentence.
            severity: ``critical``, ``warning`` or ``info``.
            description: What to look at.
            labels: Further labels; other labels make it another alert.
            resolves_after: Seconds after which it ends, unless it is sent again.

        Raises:
            InvalidArgumentError: A name, label or time that does not fit.
            InvalidTypeError: A text, a label's name or a label's value that is no string, or a time that is no number.
            UnknownNameError: An unknown severity.
        """
        validation.choice("severity of an alert", severity, SEVERITIES)
        for field, text in (("summary", summary), ("description", description)):
            if not isinstance(text, str):
                raise InvalidTypeError(
                    f"{field} of alert {shown(name)} is {shown(text)}: expected a text, as str"
                )
        resolves_after = validation.number("resolves_after", resolves_after, above=0, most=LONGEST_ACTIVE)
        key = self._labels(name, labels, severity)
        said = (("summary", summary), *((("description", description),) if description else ()))
        now = time.time()
        with self._changed:
            active = self._active.get(key)
            if active is not None and active.ends <= now:
                active = None
            if active is not None and active.annotations == said and active.ends - now > resolves_after / 2:
                return
            self._queue(Alert(key, said, now if active is None else active.starts, now + resolves_after))

    def resolve(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """End an alert now, at every severity it was sent with; one that is not active is left alone."""
        keys = [self._labels(name, labels, severity) for severity in SEVERITIES]
        now = time.time()
        with self._changed:
            for key in keys:
                alert = self._active.pop(key, None)
                if alert is not None and alert.ends > now:
                    self._queue(replace(alert, ends=now))

    def flush(self, at_most: float | None = None) -> bool:
        """Wait a little, or up to ``at_most`` seconds, until one Alertmanager has everything; returns whether one has."""
        longest = FLUSH_SECONDS if at_most is None else at_most
        with self._changed:
            return self._changed.wait_for(lambda: any(outbox.is_empty for outbox in self._outboxes), longest)

    def end(self, state: str, exception: str, steps: int) -> None:
        """Report a crash, and deliver what waits at once."""
        if state == "failed":
            self.send(
                "TrainingCrashed",
                f"Training crashed with {exception or 'an error'}.",
                severity="critical",
                description=f"Run {self._identity.run} of {self._identity.model} ended after {steps} training steps.",
                resolves_after=CRASH_ACTIVE_SECONDS,
            )
        for outbox in self._outboxes:
            outbox.close()

    def _labels(self, name: str, labels: Mapping[str, str] | None, severity: Severity) -> Labels:
        if not isinstance(name, str) or not _LABEL.fullmatch(name):
            raise InvalidArgumentError(f"alert name {shown(name)}: expected letters, digits and underscores")
        if name.startswith(_OF_RULES):
            raise InvalidArgumentError(
                f"alert name {name!r}: expected a name that does not begin with {_OF_RULES}, as those of the rules do"
            )
        if labels is None:
            labels = {}
        elif not isinstance(labels, Mapping):
            raise InvalidTypeError(
                f"labels of alert {name!r} is {shown(labels)}: expected a mapping of strings"
            )
        for label, value in labels.items():
            if not isinstance(label, str) or not isinstance(value, str):
                raise InvalidTypeError(
                    f"label {shown(label)} of alert {name!r} is {shown(value)}: expected strings"
                )
            if label in _OWN_LABELS or not _LABEL.fullmatch(label):
                raise InvalidArgumentError(
                    f"label {label!r} of alert {name!r}: expected letters, digits and underscores, and none of "
                    + ", ".join(_OWN_LABELS)
                )
        own = {
            "alertname": name,
            "severity": severity,
            "model": self._identity.model,
            "run": self._identity.run,
        }
        return tuple(sorted({**dict(self._identity.labels), **labels, **own}.items()))

    def _queue(self, alert: Alert) -> None:
        now = time.time()
        if alert.ends > now:
            if len(self._active) >= MOST_PENDING:
                self._forget(now)
            self._active[alert.labels] = alert
        for outbox in self._outboxes:
            outbox.put(alert)

    def _forget(self, now: float) -> None:
        """Make room: without alerts that have ended, and without the older half if that was none."""
        known = {labels: alert for labels, alert in self._active.items() if alert.ends > now}
        if len(known) > MOST_PENDING // 2:
            known = dict(list(known.items())[-MOST_PENDING // 2 :])
        self._active = known


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
