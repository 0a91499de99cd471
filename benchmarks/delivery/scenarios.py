"""Runs that send themselves to a real receiver, and what the receiver has in the end."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import requests

from benchmarks.delivery.many_runs import many_runs
from benchmarks.delivery.servers import (
    MissingError,
    Prometheus,
    Prometheus2,
    Samples,
    SpoiltAnswers,
    VictoriaMetrics,
    running,
)
from benchmarks.delivery.side_by_side import side_by_side
from traingauge import ModelMonitor, RemoteWrite, State, export
from traingauge.catalog import CATALOG
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.core.step_log import Block
from traingauge.delivery.remote_write.cursor import CursorFile
from traingauge.delivery.remote_write.history import History
from traingauge.delivery.remote_write.messages import HEADERS, request
from traingauge.delivery.remote_write.rows import RowSeries
from traingauge.delivery.remote_write.sender import Sender
from traingauge.delivery.remote_write.series import Points, series_of
from traingauge.stack.programs import find_programs
from traingauge.state.log import Extent, Log
from traingauge.state.saved_rows import SavedRows
from traingauge.stats.streaming.not_given import is_given

#: Column of the rows, and the selector of its series.
SERIES = {
    "step": "model_step{{run='{run}'}}",
    "loss": "model_loss{{run='{run}',split='train'}}",
    "learning_rate": "model_learning_rate{{run='{run}'}}",
    "gradient_norm": "model_gradient_norm{{run='{run}'}}",
    **{f"scalar_{at}": f"model_scalar{{{{run='{{run}}',name='scalar_{at}'}}}}" for at in range(26)},
}

#: Rows of a request of the naive sender: 30 series of them are fewer samples than a receiver would refuse.
NAIVE_ROWS = 60

#: A training process, which is killed: state directory, receiver, seconds between steps.
TRAINER = """
import sys, time
from traingauge import ModelMonitor, RemoteWrite, State
directory, url = sys.argv[1:]
monitor = ModelMonitor("bench", run="killed", state=State(directory, save_every=0.2),
                       delivery=[RemoteWrite(url, interval=0.3)])
at = 0
print("up", flush=True)
while True:
    at += 1
    monitor.step(loss=1 / at, learning_rate=0.1 / at, gradient_norm=float(at))
    time.sleep(0.002)
"""


def train(
    run: str, url: str, steps: int, *, pause: float, directory: str | None = None, **settings: Any
) -> dict[str, Any]:
    """Train, and return what was recorded; the run's end has been delivered, or given up."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(steps, 28))
    state = None if directory is None else State(directory)
    with ModelMonitor("bench", run=run, state=state, delivery=[RemoteWrite(url, **settings)]) as monitor:
        for row in numbers.tolist():
            scalars = {f"scalar_{at}": value for at, value in enumerate(row[2:])}
            monitor.step(loss=row[0], learning_rate=1e-3, gradient_norm=abs(row[1]), **scalars)
            time.sleep(pause)
    ended()
    return {name: np.asarray(values.filled(np.nan)) for name, values in monitor.rows().items()}


def ended() -> None:
    """Wait for the threads in which runs end."""
    for thread in threading.enumerate():
        if thread.name == "traingauge-end":
            thread.join()


def compared(server: Prometheus, run: str, rows: dict[str, Any]) -> dict[str, int]:
    """Count, over all series, the samples that are right, lost, doubled and different."""
    counts: Counter[str] = Counter(right=0, lost=0, doubled=0, different=0)
    moments = np.round(rows["time"] * 1000).astype(int)
    for column, selector in SERIES.items():
        if column in rows:
            there = is_given(rows[column]) & ~np.isnan(rows[column])
            wanted = dict(zip(moments[there].tolist(), rows[column][there].tolist(), strict=True))
            counts.update(difference(wanted, server.samples(selector.format(run=run)), server.rounds))
    return dict(counts)


def difference(wanted: dict[int, float], found: Samples, exact: float) -> Counter[str]:
    """Compare the samples of one series with those that were recorded, by their milliseconds.

    Args:
        wanted: What was recorded.
        found: What the receiver has.
        exact: Relative difference by which the receiver rounds.
    """
    counts: Counter[str] = Counter()
    seen = Counter(at for at, _ in found)
    values = dict(found)
    counts["doubled"] = sum(count - 1 for count in seen.values())
    counts["lost"] = len(wanted.keys() - values.keys())
    counts["different"] = sum(
        not math.isclose(values[at], wanted[at], rel_tol=exact) for at in wanted.keys() & values.keys()
    )
    counts["not recorded"] = len(values.keys() - wanted.keys())
    counts["right"] = len(wanted.keys() & values.keys()) - counts["different"]
    return counts


def read_back(kind: type[Prometheus], steps: int, **settings: Any) -> dict[str, Any]:
    """Every step of 30 series."""
    with running(kind(Path(tempfile.mkdtemp()))) as server:
        url = server.address + server.write_path
        rows = train("whole", url, steps, pause=0.0015, linger=60, **settings)
        time.sleep(server.settles)
        return {"steps": steps, **compared(server, "whole", rows)}


def lost_answers(steps: int) -> dict[str, Any]:
    """A proxy loses every third answer."""
    with running(Prometheus(Path(tempfile.mkdtemp()))) as server:
        proxy, started = SpoiltAnswers(server.address, loses=lambda number: number % 3 == 0), time.monotonic()
        url = proxy.address + server.write_path
        rows = train("spoilt", url, steps, pause=0.0015, linger=600, interval=1.0)
        seconds = round(time.monotonic() - started, 1)
        proxy.stop()
        return {
            "steps": steps,
            "requests": proxy.requests,
            "seconds": seconds,
            **compared(server, "spoilt", rows),
        }


def outage(steps: int, window: str, kind: type[Prometheus] = Prometheus, **settings: Any) -> dict[str, Any]:
    """The receiver is down for the middle half of the run."""
    with running(kind(Path(tempfile.mkdtemp()), window)) as server:
        url, away = server.address + server.write_path, []

        def go_down() -> None:
            time.sleep(steps * 0.0004)
            server.stop()
            away.append(time.time())
            time.sleep(steps * 0.0008)
            away.append(time.time())
            server.start()

        thread = threading.Thread(target=go_down)
        thread.start()
        rows = train("outage", url, steps, pause=0.0015, linger=120, interval=1.0, **settings)
        thread.join()
        return {
            "steps": steps,
            "window": window or "none",
            "seconds away": away[1] - away[0],
            "samples meanwhile": len(SERIES)
            * int(np.sum((rows["time"] > away[0]) & (rows["time"] < away[1]))),
            **compared(server, "outage", rows),
        }


def naive(steps: int) -> dict[str, Any]:
    """The same proxy before a sender that posts all that waits, once more if no answer comes, and drops what is refused."""
    identity = Identity("bench", "naive")
    series = [series_of(CATALOG["model_scalar"], (f"scalar_{at}", "train"), identity) for at in range(30)]
    values = np.random.default_rng(0).normal(size=(steps, len(series)))
    times = np.arange(steps) + int(time.time() * 1000) - steps
    with running(Prometheus(Path(tempfile.mkdtemp()))) as server:
        proxy = SpoiltAnswers(server.address, loses=lambda number: number % 3 == 0)
        sent, end = 0, NAIVE_ROWS
        while sent < steps:
            points = [Points(one, times[sent:end], values[sent:end, at]) for at, one in enumerate(series)]
            if is_answered(proxy.address + server.write_path, request("1.0", points)):
                sent = end
            end = min(end + NAIVE_ROWS, steps)
        proxy.stop()
        counts: Counter[str] = Counter(right=0, lost=0, doubled=0, different=0)
        for at in range(len(series)):
            wanted = dict(zip(times.tolist(), values[:, at].tolist(), strict=True))
            selector = f"model_scalar{{run='naive',name='scalar_{at}'}}"
            counts.update(difference(wanted, server.samples(selector), server.rounds))
        return {"steps": steps, "requests": proxy.requests, **counts}


def is_answered(url: str, body: bytes) -> bool:
    """Whether a receiver of 1.0 answers a request, with whatever status."""
    try:
        requests.post(url, body, headers=HEADERS["1.0"], timeout=10)
    except requests.RequestException:
        return False
    return True


def falls_back(steps: int) -> dict[str, Any]:
    """A run that is set to send 2.0 to a Prometheus that understands 1.0."""
    with running(Prometheus(Path(tempfile.mkdtemp()))) as server:
        url = server.address + server.write_path
        rows = train("falls-back", url, steps, pause=0.0015, linger=60, protocol="2.0")
        return {"steps": steps, **compared(server, "falls-back", rows)}


def cost_of_a_step() -> dict[str, Any]:
    """Processor time of a step without delivery, and with a receiver that answers, and one that never does, in turns."""
    silent = SpoiltAnswers(None)
    with running(Prometheus(Path(tempfile.mkdtemp()))) as server, tempfile.TemporaryDirectory() as folder:
        to = {"none": [], "answers": [server.address + server.write_path], "never answers": [silent.address]}
        monitors = {
            name: ModelMonitor(
                "bench",
                run=name,
                state=State(Path(folder) / name),
                delivery=[RemoteWrite(url, linger=3.0) for url in urls],
            )
            for name, urls in to.items()
        }
        taken: dict[str, list[float]] = {name: [] for name in monitors}
        for _ in range(200):
            for name, monitor in monitors.items():
                started = time.thread_time()
                for at in range(500):
                    monitor.step(loss=0.5, learning_rate=0.1, gradient_norm=float(at))
                taken[name].append((time.thread_time() - started) / 500)
            time.sleep(0.02)
        ends = {}
        for name, monitor in monitors.items():
            started = time.monotonic()
            monitor.close()
            ended()
            ends[name] = time.monotonic() - started
    silent.stop()
    quartiles = {name: np.percentile(found, [25, 50, 75]).tolist() for name, found in taken.items()}
    return {"seconds a step": quartiles, "seconds of the end": ends}


def too_old() -> dict[str, Any]:
    """Three hours of rows for a receiver that takes two."""
    with (
        running(Prometheus(Path(tempfile.mkdtemp()), "2h")) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        url, now = server.address + server.write_path, time.time()
        train("now", url, 1, pause=0.0, linger=60)
        log = Log(Path(folder), Extent(), 1 << 30)
        steps = np.arange(1.0, 3 * 3600 + 1)
        columns = {"step": steps, "time": now - 3 * 3600 + steps - 5, "loss": 1 / steps}
        for start in range(0, len(steps), 600):
            log.append(
                [Block("train", 0, {name: values[start : start + 600] for name, values in columns.items()})]
            )
        log.close()
        rows = SavedRows(Path(folder), log.extent)
        client, counts = RemoteWrite(url).client(), DeliveryCounts()
        series, sender = RowSeries(Identity("bench", "old"), 1), Sender(client.post, counts)
        history = History(rows, series, sender, CursorFile(Path(folder), url), counts, print)
        started = time.monotonic()
        sent = history.send(client.now())
        client.close()
        stored = len(server.samples("model_loss{run='old'}"))
        return {
            "sent": sent,
            "seconds": round(time.monotonic() - started, 2),
            "refused requests": counts.failures["refused"],
            "steps": len(steps),
            "stored, of the loss": stored,
            "taken": sender.taken,
            "given up": {reason: count for reason, count in counts.dropped.items() if count},
        }


def cost(seconds: float) -> dict[str, Any]:
    """Processor time at 10 000 samples a second: 30 series, 333 steps a second."""
    with running(Prometheus(Path(tempfile.mkdtemp()))) as server:
        found = {}
        for name, deliveries in (
            ("without", []),
            ("with", [RemoteWrite(server.address + server.write_path)]),
        ):
            with tempfile.TemporaryDirectory() as folder:
                monitor = ModelMonitor("bench", run=name, state=State(folder), delivery=deliveries)
                started, cpu = time.monotonic(), time.process_time()
                step = 0
                while time.monotonic() < started + seconds:
                    step += 1
                    scalars = {f"scalar_{at}": float(at) for at in range(26)}
                    monitor.step(loss=1 / step, learning_rate=0.1, gradient_norm=0.5, **scalars)
                    time.sleep(max(0.0, started + step * 0.003 - time.monotonic()))
                monitor.close()
                ended()
                found[f"{name}: processor seconds a second"] = (time.process_time() - cpu) / seconds
                found[f"{name}: samples a second"] = 30 * step / seconds
        return found


def kills(times: int, seed: int) -> dict[str, Any]:
    """A training process is killed at random moments and started again in its state directory."""
    rng = np.random.default_rng(seed)
    with running(Prometheus(Path(tempfile.mkdtemp()))) as server, tempfile.TemporaryDirectory() as directory:
        url = server.address + server.write_path
        for _ in range(times):
            process = subprocess.Popen(
                [sys.executable, "-c", TRAINER, directory, url], stdout=subprocess.PIPE
            )
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 2.5))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        pushed = subprocess.run(
            [sys.executable, "-m", "traingauge", "push", directory, "--to", url],
            capture_output=True,
            text=True,
            check=False,
        )
        _, tables = export.read(Path(directory))
        rows = dict(tables["train"])
        return {
            "kills": times,
            "rows": len(rows["step"]),
            "push": pushed.stdout.strip(),
            **compared(server, "killed", rows),
        }


def in_2_0(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is found with a Prometheus that takes 2.0, and its version; or how to get one."""
    try:
        return {"version": find_programs(install=False).prometheus.version, **work()}
    except MissingError as error:
        return {"missing": str(error)}


SCENARIOS = {
    "Prometheus, every step": lambda: read_back(Prometheus, 10_000),
    "VictoriaMetrics, every step": lambda: read_back(VictoriaMetrics, 10_000),
    "every third answer is lost": lambda: lost_answers(4_000),
    "every third answer is lost, naive sender": lambda: naive(4_000),
    "outage": lambda: outage(8_000, ""),
    "outage, window of 2 h": lambda: outage(8_000, "2h"),
    "three hours for a window of two": too_old,
    "2.0 to a server of 1.0": lambda: falls_back(4_000),
    "cost of a step": cost_of_a_step,
    "10 000 samples a second": lambda: cost(20.0),
    "20 kills": lambda: kills(20, 0),
    "2.0, every step": lambda: in_2_0(lambda: read_back(Prometheus2, 4_000, protocol="2.0")),
    "2.0, outage": lambda: in_2_0(lambda: outage(8_000, "", Prometheus2, protocol="2.0")),
    "side by side": lambda: side_by_side(20.0, 60.0, 20.0),
    "60 runs on a Pushgateway": lambda: many_runs(60),
}
