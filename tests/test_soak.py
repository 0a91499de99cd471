"""A long training run under clients of every kind: nothing is lost, nothing grows, everything can be read.

Training and clients wait for each other now and then, so that each client has scraped in each part of the run, on a machine
of any speed. A real Prometheus gives up a scrape that takes longer than its interval; on a busy machine that says nothing
about the endpoint, which the other clients wait for. So every scrape that Prometheus did not give up must have succeeded.
"""

from __future__ import annotations

import gzip
import math
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import numpy as np
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from sklearn.datasets import load_digits

from tests.delivery.http.conftest import Client
from tests.waiting import PATIENCE, wait_until
from traingauge import Endpoint, ModelMonitor, Scoring
from traingauge.catalog import RUN_LABELS
from traingauge.stack.client import get
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

STEPS, BATCH, CLASSES = 100_000, 16, 10

#: One step in so many has labels, and one in so many a loss that is not a number.
LABELLED, BROKEN = 4, 1000

#: Times that training waits until each client has scraped once more.
PARTS = 5

#: Seconds between two scrapes of Prometheus, and at most for each.
INTERVAL = 1.0

#: Scrapes that failed before Prometheus would have given them up.
FAILED = f"(up == bool 0) * (scrape_duration_seconds < bool {0.9 * INTERVAL})"

#: Steps after which memory is looked at: the history, which is kept of the last steps, is full by then.
SETTLED = 75_000

#: Bytes by which the process may have grown after that: what clients hold at one moment and not at another.
SLACK = 8 * 2**20

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.mark.servers
def test_nothing_is_lost_and_nothing_grows_while_clients_of_every_kind_scrape(tmp_path: Path) -> None:
    with ModelMonitor(
        "soak",
        run="one",
        scoring=Scoring(classes=CLASSES),
        delivery=[Endpoint(discovery_dir=False, linger=0)],
    ) as monitor:
        clients = [Fast(monitor), Slow(monitor), SlowCompressed(monitor), Dropping(monitor)]
        with prometheus(monitor, tmp_path) as query:
            for client in clients:
                client.start()
            grown = train(monitor, clients)
            for client in clients:
                client.stop()
            wait_until(
                lambda: query('model_steps_total{split="train"}') == STEPS, "Prometheus to see the last step"
            )
            assert query(f"max_over_time(({FAILED})[1d:500ms])") == 0.0
        text = get(f"{monitor.url}/metrics").text
    for client in clients:
        assert client.errors == []
        assert client.scrapes >= PARTS, type(client).__name__
    values = by_labels(parse_text(text))
    assert values["model_steps_total", "train"] == STEPS
    assert values["model_samples_total", "train"] == STEPS // LABELLED * BATCH
    assert values["model_nonfinite_total", "loss", "train"] == STEPS // BROKEN
    assert values["model_step_duration_seconds_count", "train"] == STEPS - 1
    counted = sum(
        value
        for (name, *_), value in values.items()
        if name in {"model_class_true_positives_total", "model_class_false_negatives_total"}
    )
    assert counted == STEPS // LABELLED * BATCH
    assert all(value == 0 for (name, *_), value in values.items() if name == "model_monitor_errors_total")
    assert grown < SLACK


def train(monitor: ModelMonitor, clients: Sequence[Scraper]) -> int:
    """Softmax regression on real digits; returns by how many bytes the process has grown at last."""
    digits, labels = load_digits(return_X_y=True)
    digits = digits / 16.0
    weights = np.zeros((digits.shape[1], CLASSES))
    settled = 0
    for step in range(1, STEPS + 1):
        at = step * BATCH % (len(digits) - BATCH)
        rows, true = digits[at : at + BATCH], labels[at : at + BATCH]
        scores = rows @ weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        loss = math.nan if step % BROKEN == 0 else float(-np.log(shares[np.arange(BATCH), true]).mean())
        if step % LABELLED:
            monitor.step(loss=loss, number=float(step))
        else:
            monitor.step(loss=loss, number=float(step), y_true=true, y_pred=scores.argmax(axis=1))
        shares[np.arange(BATCH), true] -= 1
        weights -= 0.01 * rows.T @ shares
        if step == SETTLED:
            settled = resident()
        if step % (STEPS // PARTS) == 0:
            for client in clients:
                client.wait_for_another()
    return resident() - settled


class Scraper(threading.Thread):
    """Scrapes for as long as training goes on, and checks what it reads.

    Attributes:
        scrapes: How many.
        errors: What went wrong.
    """

    def __init__(self, monitor: ModelMonitor) -> None:
        super().__init__(daemon=True)
        self.scrapes = 0
        self.errors: list[Exception] = []
        self._monitor = monitor
        self._done = threading.Event()
        self._steps = 0.0

    def run(self) -> None:
        while not self._done.is_set():
            try:
                self.scrape()
                self.scrapes += 1
            except Exception as error:  # noqa: BLE001 the test tells
                self.errors.append(error)
                return
            self._done.wait(0.02)

    def wait_for_another(self) -> None:
        before = self.scrapes
        wait_until(lambda: self.scrapes > before or self.errors, f"a scrape of {type(self).__name__}")

    def stop(self) -> None:
        self._done.set()
        self.join(PATIENCE)
        assert not self.is_alive()

    def scrape(self) -> None:
        raise NotImplementedError

    def check(self, families: Iterable[Metric]) -> None:
        """Numbers are of one step, and counters do not fall."""
        values = by_labels(families)
        steps = values["model_steps_total", "train"]
        assert values.get(("model_scalar", "number", "train"), steps) == steps
        assert steps >= self._steps
        self._steps = steps


class Fast(Scraper):
    """A new connection for every scrape, the text format."""

    def scrape(self) -> None:
        client = Client(self._monitor)
        self.check(parse_text(client.request()[2].decode()))
        client.close()


class Slow(Scraper):
    """Takes a few bytes at a time."""

    headers: ClassVar[dict[str, str]] = {}

    def scrape(self) -> None:
        client = Client(self._monitor)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        client.send(f"GET /metrics HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")
        received = bytearray()
        while chunk := client.socket.recv(512):
            received += chunk
            self._done.wait(0.005)
        client.close()
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        self.read(body)

    def read(self, body: bytes) -> None:
        self.check(parse_text(body.decode()))


class SlowCompressed(Slow):
    """The same with compressed OpenMetrics."""

    headers: ClassVar[dict[str, str]] = {"Accept": OPENMETRICS, "Accept-Encoding": "gzip"}

    def read(self, body: bytes) -> None:
        self.check(parse_openmetrics(gzip.decompress(body).decode()))


class Dropping(Scraper):
    """Resets its connection in the middle: of the request, or of the response."""

    def scrape(self) -> None:
        client = Client(self._monitor)
        client.send("GET /metrics HTTP/1.1\r\n" + ("\r\n" if self.scrapes % 2 else "Accept"))
        if self.scrapes % 2:
            client.socket.recv(10)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()


@contextmanager
def prometheus(monitor: ModelMonitor, folder: Path) -> Iterator[Callable[[str], float | None]]:
    """A real Prometheus that scrapes the run every second, and how to ask it."""
    config, target = folder / "prometheus.yml", urlsplit(monitor.url).netloc
    config.write_text(
        f"global: {{scrape_interval: {INTERVAL:g}s}}\n"
        "scrape_configs:\n"
        f"  - {{job_name: traingauge, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}\n"
    )

    def command(port: int) -> list[str]:
        return [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]

    def query(expression: str) -> float | None:
        answer = get(f"{server.url}/api/v1/query", {"query": expression}).json()["data"]["result"]
        return float(answer[0]["value"][1]) if answer else None

    with Reaper() as reaper:
        log = folder / "prometheus.log"
        server = Server("prometheus", command, "/-/ready", "Start listening for connections", log, reaper)
        server.start()
        try:
            wait_until(lambda: query("up") == 1.0, "the first scrape")
            yield query
        finally:
            server.stop()


def by_labels(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    """Values by name and the values of all labels but the run's own, in the order of their names."""
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name not in RUN_LABELS)): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
