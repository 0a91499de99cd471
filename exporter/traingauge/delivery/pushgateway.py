"""A run on a Pushgateway: a few of its series, pushed at intervals by a thread."""

from __future__ import annotations

import json
import os
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from traingauge import validation
from traingauge.catalog import Metric
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.delivery import answers, credentials
from traingauge.delivery.base import RunView
from traingauge.delivery.exposition import CONTENT_TYPES
from traingauge.delivery.kept_copy import DEAD_SECONDS, ENDED_SECONDS, SHOWN_SECONDS, KeptCopy, checked_times
from traingauge.delivery.peer import Peer, PeerError

#: Label ``job`` of every group.
JOB = "traingauge"

#: Most bytes of the list of all groups that are read.
_LIST_BYTES = 64 << 20

#: A run has dozens or thousands of series with one of these labels: they are not pushed, but for those of some metrics.
_MANY = frozenset({"class", "actual", "feature", "signal"})
_FEW = frozenset({"model_nonfinite_total", "model_threshold"})


T = TypeVar("T")

#: Finds the time at which the run ended.
_END = re.compile(rb"^model_run_end_timestamp_seconds\{.*\} (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Pushgateway:
    """Pushes state, progress, loss, scores and thresholds to a Pushgateway, which keeps the last of each for Prometheus.

    It is for networks that allow nothing else: of the values between two scrapes it shows the last one, where
    :class:`~traingauge.RemoteWrite` sends every step. Series by class, feature or signal are not pushed, nor are histograms.
    Each run is a group by itself, with the labels ``job="traingauge"``, ``model`` and ``run``.

    A thread pushes, so training waits for nothing. The end of the run is pushed, and the group deleted once Prometheus had
    time to scrape it; the process exits after that. A killed run leaves its group, with the state ``running``. A run that
    starts a day later deletes that.

    Args:
        url: Where the Pushgateway serves, as ``http://pushgateway:9091``.
        every: Seconds between two pushes, at most 1800.
        delete_after: Seconds after the last push until the group is deleted, at most 1800; at least two scrape intervals of
            the Prometheus that reads the Pushgateway. The default fits those of a minute.
        username: Name for basic authentication; the file then holds the password.
        credentials_file: File with a bearer token, or with the password. It is read at each push, so it may change.

    Raises:
        TrainGaugeError: A field that does not fit.

    >>> Pushgateway("http://pushgateway:9091", delete_after=120).every
    30.0
    >>> Pushgateway("http://pushgateway:9091", every=0)
    Traceback (most recent call last):
    traingauge.errors.InvalidArgumentError: Pushgateway.every is 0.0: expected at least 0.1 and at most 1800.0
    """

    url: str
    _: KW_ONLY
    every: float = 30.0
    delete_after: float = SHOWN_SECONDS
    username: str | None = None
    credentials_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        validation.http_url("Pushgateway.url", self.url)
        every, after = checked_times("Pushgateway", self.every, self.delete_after)
        object.__setattr__(self, "every", every)
        object.__setattr__(self, "delete_after", after)
        credentials.check("Pushgateway", self.username, self.credentials_file)

    def start(self, run: RunView) -> KeptCopy:
        """Start pushing a run.

        Raises:
            InvalidArgumentError: The file with the token or the password cannot be read.
        """
        file = credentials.readable("Pushgateway.credentials_file", self.credentials_file)
        group = Group(self.url, run.identity, self.username, file, run.counts())
        return KeptCopy(group, run, every=self.every, remove_after=self.delete_after, shows=is_pushed)


def is_pushed(metric: Metric) -> bool:
    """Whether a metric is pushed.

    >>> from traingauge.catalog import CATALOG
    >>> is_pushed(CATALOG["model_loss"]), is_pushed(CATALOG["model_class_recall"])
    (True, False)
    """
    return metric.name in _FEW or (metric.kind != "histogram" and not _MANY.intersection(metric.labels))


class Group:
    """The group of one run on a Pushgateway.

    Args:
        url: Where that serves.
        identity: The run.
        username: For basic authentication.
        file: With the token or the password.
        counts: Of the delivery.
    """

    kind = "pushgateway"

    def __init__(
        self, url: str, identity: Identity, username: str | None, file: Path | None, counts: DeliveryCounts
    ) -> None:
        self._peer = Peer(url, username, file)
        self._path, self._counts = _path(*identity.name), counts
        self._end: float | None = None  # of the run, as put last

    def put(self, text: bytes) -> None:
        """Replace the group.

        Raises:
            PeerError: The Pushgateway did not take it.
        """
        try:
            self._request("PUT", self._path, text)
        except PeerError as error:
            self._counts.failures[error.reason] += 1
            self._counts.pending, self._counts.oldest = 1, self._counts.oldest or time.time()
            raise
        self._counts.pending, self._counts.oldest = 0, None
        found = _END.search(text)
        self._end = None if found is None else float(found[1])

    def remove(self) -> None:
        """Delete the group, if it shows the end that was put: the next process of the run may have replaced it.

        Raises:
            PeerError: The Pushgateway did not take the request.
        """
        if self._end in self._found(self._shown_ends):
            self._request("DELETE", self._path)

    def sweep(self) -> None:
        """Delete groups of other runs that nothing has pushed to for long. Ages are those of the Pushgateway's own clock.

        Raises:
            PeerError: The Pushgateway did not take a request, or its list cannot be read.
        """
        for path in self._found(_left):
            if path != self._path:
                self._request("DELETE", path)

    def close(self) -> None:
        """Close the connection."""
        self._peer.close()

    def _found(self, find: Callable[[list[Mapping[str, Any]], float], Iterator[T]]) -> list[T]:
        """What is found among all groups at the Unix time in seconds there."""
        listed, now = self._request("GET", "/api/v1/metrics", most=_LIST_BYTES)
        try:
            return list(find(json.loads(listed)["data"], now))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            raise PeerError("protocol", f"{self._peer.root} answered no list of groups") from None

    def _shown_ends(self, groups: list[Mapping[str, Any]], _: float) -> Iterator[float | None]:
        """The end that the group of the run shows; nothing if there is no such group."""
        for group in groups:
            labels = group["labels"]
            if _is_of_a_run(labels) and _path(labels["model"], labels["run"]) == self._path:
                yield _end_of(group)

    def _request(
        self, method: str, path: str, body: bytes | None = None, *, most: int = answers.SAID_BYTES
    ) -> tuple[bytes, float]:
        return self._peer.request(method, path, body, kind=CONTENT_TYPES["text"], most=most)


def _path(model: str, run: str) -> str:
    """Path of a group; encoded, as a name may hold a slash."""
    labels = {"model": model, "run": run}
    parts = [
        f"{name}@base64/{urlsafe_b64encode(value.encode('utf-8', 'replace')).decode()}"
        for name, value in labels.items()
    ]
    return "/".join(["/metrics", "job", JOB, *parts])


def _is_of_a_run(labels: Mapping[str, str]) -> bool:
    return labels.get("job") == JOB and labels.keys() == {"job", "model", "run"}


def _end_of(group: Mapping[str, Any]) -> float | None:
    """Unix time in seconds at which the run of a group ended, if it shows that."""
    found = group.get("model_run_end_timestamp_seconds", {}).get("metrics", ())
    return next((float(one["value"]) for one in found), None)


class PushedRun(NamedTuple):
    """A run that has a group.

    Attributes:
        name: Its model and run.
        age: Seconds since the last push.
        running: Whether the group says that it runs.
        every: Seconds between two pushes; 0 if the group does not say.
    """

    name: tuple[str, str]
    age: float
    running: bool
    every: float


def pushed_runs(groups: list[Mapping[str, Any]], now: float) -> Iterator[PushedRun]:
    """The runs of a list of groups.

    Args:
        groups: As the Pushgateway lists them in ``/api/v1/metrics``.
        now: Unix time in seconds there.

    >>> labels = {"job": "traingauge", "model": "m", "run": "r"}
    >>> list(pushed_runs([{"labels": labels, "push_time_seconds": {"metrics": [{"value": "5"}]}}], 7.0))
    [PushedRun(name=('m', 'r'), age=2.0, running=False, every=0.0)]
    """
    for group in groups:
        labels = group["labels"]
        if not _is_of_a_run(labels):
            continue
        age = now - max(float(one["value"]) for one in group["push_time_seconds"]["metrics"])
        running = any(
            one["labels"].get("state") == "running" and float(one["value"]) == 1
            for one in group.get("model_run_state", {}).get("metrics", ())
        )
        intervals = group.get("model_delivery_interval_seconds", {}).get("metrics", ())
        every = max((float(one["value"]) for one in intervals), default=0.0)
        yield PushedRun((labels["model"], labels["run"]), age, running, every)


def _left(groups: list[Mapping[str, Any]], now: float) -> Iterator[str]:
    """Path of each group that no process will push to or delete any more."""
    for one in pushed_runs(groups, now):
        if one.age > (DEAD_SECONDS if one.running else ENDED_SECONDS):
            yield _path(*one.name)
