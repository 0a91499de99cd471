"""What a run says of itself at the moment, read from its endpoint."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from dataclasses import dataclass, field
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError

from traingauge.catalog import OUTPUT
from traingauge.delivery.targets import Target
from traingauge.errors import TrainGaugeError
from traingauge.stats.health.states import STATES, state_of

#: Seconds that an endpoint has for its whole answer.
TIMEOUT = 3.0

#: Longest answer that is read, in bytes.
LONGEST_BYTES = 64 << 20

#: States of a run whose endpoint does not answer: its process is gone, or it cannot be read from here.
GONE, UNREADABLE = "gone", "unreadable"

_AT_ONCE = 16

_NOTHING_LISTENS = "nothing listens there"

_WANTED = (
    "model_health",
    "model_health_strain",
    "model_last_step_timestamp_seconds",
    "model_loss",
    "model_run_start_timestamp_seconds",
    "model_run_state",
    "model_step",
    "model_steps_planned",
)


@dataclass(frozen=True, slots=True)
class Status:
    """A run at one moment; numbers are NaN where the run does not have them.

    Attributes:
        target: The announced run.
        state: One of ``model_run_state``, or :data:`GONE` or :data:`UNREADABLE`.
        health: One of ``model_health``; empty if unknown.
        step: The last step.
        planned: Number of steps planned.
        loss: Loss by split.
        age: Seconds since the run started.
        idle: Seconds since its last step, of any split.
        problem: Why the endpoint did not answer; empty if it did.
        cause: The signal that the state of health is about, as ``validation loss``; empty if there is none.
    """

    target: Target
    state: str
    health: str = ""
    step: float = math.nan
    planned: float = math.nan
    loss: Mapping[str, float] = field(default_factory=dict)
    age: float = math.nan
    idle: float = math.nan
    problem: str = ""
    cause: str = ""

    @property
    def done(self) -> float:
        """Share of the planned steps, in [0, 1]; NaN if none are planned."""
        return min(1.0, self.step / self.planned) if self.planned > 0 else math.nan


class UnreadableError(TrainGaugeError):
    """An endpoint does not answer as it should."""


class Reader:
    """Reads many endpoints at once.

    Args:
        token_file: File with a bearer token; ``None`` sends none.
        ca_file: Certificates that endpoints with TLS are verified by; ``None`` takes those of the system.

    Raises:
        OSError: The token file cannot be read.
    """

    def __init__(self, token_file: Path | None = None, ca_file: Path | None = None) -> None:
        self._headers = {}
        if token_file is not None:
            token = token_file.read_text(encoding="utf-8").strip()
            self._headers["Authorization"] = f"Bearer {token}"
        self._verify = True if ca_file is None else str(ca_file)
        self._asked: dict[str, Future[str]] = {}

    def read(self, targets: Iterable[Target]) -> list[Status]:
        """The status of each, in order; one that does not answer takes no other with it."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._read, targets))

    def _read(self, target: Target) -> Status:
        try:
            return status(target, self._answer(f"{target.url}/metrics"), time.time())
        except (requests.RequestException, OSError, ValueError) as error:
            if target.ended:
                return Status(target, target.ended)
            problem = _in_short(error)
            return Status(target, GONE if problem == _NOTHING_LISTENS else UNREADABLE, problem=problem)

    def log(self, target: Target) -> list[str]:
        """What monitoring logged in the process of a run, the oldest line first.

        Raises:
            UnreadableError: Its endpoint does not answer as it should.
        """
        try:
            return self._answer(f"{target.url}/log").splitlines()
        except (requests.RequestException, OSError, ValueError) as error:
            raise UnreadableError(_in_short(error)) from error

    def _answer(self, url: str) -> str:
        """The page of an endpoint, which is not asked again while it still answers.

        The timeout of a request bounds each read of it and not their sum, so that a thread of its own asks.
        """
        before = self._asked.get(url)
        if before is not None and not before.done():
            raise requests.Timeout
        answer = self._asked[url] = Future()
        threading.Thread(target=self._ask, args=(url, answer), daemon=True).start()
        try:
            return answer.result(TIMEOUT)
        except NotDoneError:
            raise requests.Timeout from None

    def _ask(self, url: str, answer: Future[str]) -> None:
        try:
            answer.set_result(self._page(url))
        except Exception as error:  # noqa: BLE001 it is raised where the answer is waited for
            answer.set_exception(error)

    def _page(self, url: str) -> str:
        with requests.Session() as session:
            session.trust_env = False  # a proxy knows no loopback
            with session.get(
                url, headers=self._headers, verify=self._verify, timeout=TIMEOUT, stream=True
            ) as answer:
                answer.raise_for_status()
                try:
                    body = answer.raw.read(LONGEST_BYTES, decode_content=True)
                except HTTPError as error:
                    raise ValueError("its answer breaks off") from error
        return str(body, "utf-8", "replace")


def status(target: Target, exposition: str, now: float) -> Status:
    r"""The status of a run from its metrics.

    Args:
        target: The announced run.
        exposition: Metrics in Prometheus' text format; those of other runs are left out.
        now: Unix time.

    Raises:
        ValueError: The text is no exposition of this run.

    >>> text = 'model_run_state{model="m",run="r",state="failed"} 1\nmodel_step{model="m",run="r"} 7\n'
    >>> found = status(Target("m", "r", "", 0.0), text, 0.0); found.state, found.step
    ('failed', 7.0)
    """
    samples = _samples(target, exposition)
    state = _active(samples.get("model_run_state", {}))
    if not state:
        raise ValueError("the answer holds no metrics of this run")
    steps = samples.get("model_last_step_timestamp_seconds", {})
    health = _active(samples.get("model_health", {}))
    return Status(
        target,
        state,
        health=health,
        cause=_cause(health, samples.get("model_health_strain", {})),
        step=samples.get("model_step", {}).get("", math.nan),
        planned=samples.get("model_steps_planned", {}).get("", math.nan),
        loss=samples.get("model_loss", {}),
        age=now - samples.get("model_run_start_timestamp_seconds", {}).get("", math.nan),
        idle=now - max(steps.values(), default=math.nan),
    )


def _samples(target: Target, exposition: str) -> dict[str, dict[str, float]]:
    """The samples of the whole run by metric, then by what tells them apart: state, split, or split and signal."""
    lines = (line for line in exposition.splitlines() if line.partition("{")[0] in _WANTED)
    found: dict[str, dict[str, float]] = {}
    try:
        metrics = list(text_string_to_metric_families("\n".join(lines) + "\n"))
    except LookupError as error:  # as its parser may raise as well as a ValueError
        raise ValueError("the answer is not in Prometheus' text format") from error
    for metric in metrics:
        for sample in metric.samples:
            labels = sample.labels
            of_run = (labels.get("model"), labels.get("run")) == (target.model, target.run)
            if of_run and OUTPUT not in labels:
                key = " ".join(labels[name] for name in ("state", "split", "signal") if name in labels)
                found.setdefault(sample.name, {})[key] = float(sample.value)
    return found


def _active(states: Mapping[str, float]) -> str:
    return next((state for state, value in states.items() if value == 1), "")


def _cause(health: str, strains: Mapping[str, float]) -> str:
    """The signal that is worst, if its severity is that of the state of health."""
    known = {signal: strain for signal, strain in strains.items() if not math.isnan(strain)}
    worst = max(known, key=known.__getitem__, default="")
    if not worst or health == STATES[0] or STATES[state_of(known[worst])] != health:
        return ""
    return worst.replace("_", " ")


def _in_short(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be verified"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT:g} s"
    return _NOTHING_LISTENS if isinstance(error, requests.ConnectionError) else str(error)
