"""A run that sends itself to a real Prometheus: that of ``TRAINGAUGE_SERVERS``, or on PATH. Debian 12 has one of 1.0."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.delivery.remote_write.receiver import Answer, Receiver, descriptions
from tests.waiting import wait_until
from traingauge import ModelMonitor, RemoteWrite, State
from traingauge.catalog import CATALOG
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.delivery.remote_write.messages import KINDS
from traingauge.delivery.remote_write.sender import Sender
from traingauge.delivery.remote_write.series import Points, series_of
from traingauge.stack.client import get
from traingauge.stack.programs import find_programs
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

#: The first version that takes 2.0.
TAKES_2 = (2, 54)

Samples = dict[int, float]


def takes_2() -> bool:
    numbers = re.match(r"(\d+)\.(\d+)", find_programs().prometheus.version)
    return numbers is not None and tuple(map(int, numbers.groups())) >= TAKES_2


needs_2 = pytest.mark.skipif("not takes_2()", reason="no Prometheus here takes remote write 2.0")


class Prometheus(Server):
    """One that takes remote write."""

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def samples(self, selector: str) -> Samples:
        """Value by time in milliseconds of one series; a stale marker is no value."""
        parameters = {"query": f"{selector}[1d]", "time": str(time.time() + 60)}
        found = self._asked("query", parameters)["result"]
        assert len(found) <= 1, "more than one series"
        values = found[0]["values"] if found else ()
        return {round(1000 * at): float(value) for at, value in values}

    def shown(self, run: str) -> list[Any]:
        """What a query finds now of a run."""
        return list(self._asked("query", {"query": f"{{run={run!r}}}"})["result"])

    def _asked(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        answer = get(f"{self.url}/api/v1/{path}", parameters)
        return dict(answer.json()["data"])


@contextmanager
def running(folder: Path, *flags: str, **configuration: Any) -> Iterator[Prometheus]:
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration))
    with Reaper() as reaper:
        server = Prometheus(
            name="prometheus",
            command=lambda port: [
                find_programs().prometheus.path,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-remote-write-receiver",
                *flags,
            ],
            ready_path="/-/ready",
            listening="Start listening for connections",
            log=folder / "prometheus.log",
            reaper=reaper,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def ended(server: Prometheus, run: str) -> Callable[[], bool]:
    """Whether a run has arrived whole: its end is sent last."""
    finished = f"model_run_state{{run={run!r},state='finished'}}"
    return lambda: 1.0 in server.samples(finished).values() and not server.shown(run)


def recorded(monitor: ModelMonitor, column: str) -> Samples:
    rows = monitor.rows()
    moments = (np.asarray(rows["time"]) * 1000).round().astype(int).tolist()
    return dict(zip(moments, rows[column].tolist(), strict=True))


@pytest.mark.parametrize("protocol", ["auto", pytest.param("2.0", marks=needs_2)])
def test_prometheus_has_every_step_at_its_millisecond_and_the_end_of_every_series(
    tmp_path: Path, protocol: str
) -> None:
    with running(tmp_path) as server:
        delivery = RemoteWrite(server.write_url, protocol=protocol)
        with ModelMonitor("m", run="r", delivery=[delivery]) as monitor:
            for step in range(1, 301):
                monitor.step(loss=1 / step, learning_rate=0.1 / step, entropy=float(-step))
                time.sleep(0.0015)
        wait_until(ended(server, "r"), "the end")
        for selector, column in (
            ("model_loss{split='train'}", "loss"),
            ("model_learning_rate", "learning_rate"),
            ("model_scalar{name='entropy'}", "entropy"),
        ):
            assert server.samples(selector) == recorded(monitor, column)


def test_auto_finds_out_which_version_prometheus_takes(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        client = RemoteWrite(server.write_url).client()
        client.ask_for_time()
        client.close()
        assert client.version == ("2.0" if takes_2() else "1.0")


def test_what_is_recorded_while_prometheus_restarts_arrives(tmp_path: Path) -> None:
    state = State(tmp_path / "state", save_every=0.1)
    with running(tmp_path) as server:
        delivery = RemoteWrite(server.write_url, interval=0.2, linger=60)
        with ModelMonitor("m", run="r", state=state, delivery=[delivery]) as monitor:

            def train(steps: int) -> None:
                for step in range(steps):
                    monitor.step(loss=1 / (1 + step))
                    time.sleep(0.0015)

            train(100)
            wait_until(lambda: bool(server.samples("model_loss{split='train'}")), "the first samples")
            server.stop()
            train(100)
            server.start()
            train(100)
        wait_until(ended(server, "r"), "the end")
        assert server.samples("model_loss{split='train'}") == recorded(monitor, "loss")


@needs_2
def test_metrics_are_described_to_prometheus_as_a_scrape_would(tmp_path: Path) -> None:
    described: dict[str, tuple[int, str, str]] = {}

    def note(_: int) -> Answer:
        described.update(descriptions(receiver.content))
        return receiver.accepted(1)

    with Receiver("2.0", fault=note) as receiver:
        onwards = {
            "url": receiver.url,
            "protobuf_message": "io.prometheus.write.v2.Request",
            "queue_config": {"batch_send_deadline": "100ms"},
        }
        with running(tmp_path, "--enable-feature=metadata-wal-records", remote_write=[onwards]) as server:
            with ModelMonitor("m", run="r", delivery=[RemoteWrite(server.write_url)]) as monitor:
                monitor.step(loss=0.5)
            wait_until(ended(server, "r"), "the end")
            wait_until(lambda: {"model_loss", "model_run_state"} <= described.keys(), "the description")
        for name, found in list(described.items()):
            metric = CATALOG[re.sub("_(bucket|sum|count)$", "", name)]
            assert found == (KINDS[metric.kind], metric.help, metric.unit or "")


@needs_2
def test_of_a_request_of_2_0_that_is_refused_in_part_each_sample_is_stored_or_counted(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        client, counts = RemoteWrite(server.write_url, protocol="2.0").client(), DeliveryCounts()
        first, second = (
            series_of(CATALOG["model_scalar"], (name, "train"), Identity("m", "r")) for name in "ab"
        )
        moments = int(1000 * time.time()) - 10_000 + np.arange(100)
        values = np.arange(100.0)
        sender = Sender(client.post, counts)
        sender.send([Points(first, moments[40:41], values[:1])])
        sender.send([Points(one, moments, values) for one in (first, second)])
        client.close()
        assert set(server.samples("model_scalar{name='a'}")) == set(moments[40:].tolist())
        assert list(server.samples("model_scalar{name='b'}").values()) == values.tolist()
        assert (sender.taken, counts.dropped["order"]) == (1 + 159, 41)
