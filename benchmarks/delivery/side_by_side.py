"""traingauge and other senders in the same outage: what has arrived in the end, and what the training waited for."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.delivery.gate import Gate
from benchmarks.delivery.servers import (
    Prometheus,
    PushgatewayServer,
    Samples,
    free_port,
    get,
    running,
    wait_for,
)
from benchmarks.peers import PeerError, program_apart, run_apart

#: Where the modules are that send.
SENDERS = Path(__file__).parent / "senders"

#: Numbers of each step.
NAMES = ("loss", "learning_rate", "gradient_norm")

#: How the receiver blocks, by what the page calls it.
OUTAGES = {"refuses connections": False, "accepts and never answers": True}

#: Seconds between two steps.
PAUSE = 0.1

#: Most seconds from the end of the training to that of the process.
MOST_EXIT = 200.0

#: Reads the file of W&B in its environment.
READ_WANDB = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from benchmarks.trackers.peers import WeightsAndBiases
result = WeightsAndBiases(Path(str(folder))).read()
"""


@dataclass(frozen=True)
class Servers:
    """The receivers, all of which run all the time: an outage is one of the way to them.

    Attributes:
        prometheus: Takes remote write, and scrapes the Pushgateway.
        pushgateway: That.
        mlflow: Address of the tracking server; empty without MLflow.
    """

    prometheus: Prometheus
    pushgateway: PushgatewayServer
    mlflow: str


@dataclass(frozen=True)
class Sender:
    """One of those that are compared.

    Attributes:
        module: In ``senders``.
        package: What it is on PyPI.
        environment: Module of the peer's environment; empty for this one.
        port: Port of its receiver.
        read: Samples by name that a receiver has of a run, whose folder is given.
    """

    module: str
    package: str
    environment: str
    port: Callable[[Servers], int]
    read: Callable[[Servers, Path], Mapping[str, Samples]]

    def version(self) -> str:
        """Version of its package.

        Raises:
            PeerError: It is not installed.
        """
        code = f"from importlib.metadata import version; print(version({self.package!r}))"
        command = [self.python(), "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def python(self) -> str:
        """The program that runs it.

        Raises:
            PeerError: It is not installed.
        """
        return str(program_apart(self.environment)) if self.environment else sys.executable


def _from_prometheus(selector: str) -> Callable[[Servers, Path], Mapping[str, Samples]]:
    def read(servers: Servers, folder: Path) -> Mapping[str, Samples]:
        return {
            name: servers.prometheus.samples(selector.format(name=name, run=folder.name)) for name in NAMES
        }

    return read


def _from_mlflow(servers: Servers, folder: Path) -> Mapping[str, Samples]:
    run, found = (folder / "run").read_text(), {}
    for name in NAMES:
        query = urllib.parse.urlencode({"run_id": run, "metric_key": name, "max_results": 25_000})
        answer = get(f"{servers.mlflow}/api/2.0/mlflow/metrics/get-history?{query}")
        found[name] = [(int(one["timestamp"]), float(one["value"])) for one in answer.get("metrics", ())]
    return found


def _nothing(servers: Servers, folder: Path) -> Mapping[str, Samples]:
    return {}


#: What is compared, by the page's names.
COMPARED = {
    "traingauge": Sender(
        "remote_write",
        "traingauge",
        "",
        lambda servers: servers.prometheus.port,
        _from_prometheus("{{__name__='model_{name}',run='{run}',split=~'train|'}}"),
    ),
    "OpenTelemetry": Sender(
        "open_telemetry",
        "opentelemetry-exporter-prometheus-remote-write",
        "opentelemetry",
        lambda servers: servers.prometheus.port,
        _from_prometheus("{{__name__='otel_{name}',run='{run}'}}"),
    ),
    "gangplank": Sender(
        "gangplank_callback",
        "gangplank",
        "gangplank",
        lambda servers: servers.pushgateway.port,
        _from_prometheus("{{__name__='gangplank_train_{name}',job='{run}'}}"),
    ),
    "MLflow": Sender(
        "mlflow_async",
        "mlflow",
        "mlflow",
        lambda servers: int(servers.mlflow.rpartition(":")[2] or 0),
        _from_mlflow,
    ),
    "W&B offline": Sender(
        "wandb_offline", "wandb", "wandb", lambda servers: servers.prometheus.port, _nothing
    ),
}


def side_by_side(before: float, away: float, after: float) -> dict[str, Any]:
    """Train with all senders at once, in both kinds of outage.

    Args:
        before: Seconds of training before the outage.
        away: Seconds of it.
        after: Seconds of training after it.
    """
    steps = round((before + away + after) / PAUSE)
    with tempfile.TemporaryDirectory() as place, _servers(Path(place)) as servers, ExitStack() as stack:
        trainings, missing = [], {}
        for kind, silent in OUTAGES.items():
            for name, sender in COMPARED.items():
                gate = Gate(sender.port(servers), silent=silent)
                stack.callback(gate.stop)
                folder = Path(place) / f"{sender.module}-{'silent' if silent else 'refusing'}"
                folder.mkdir()
                try:
                    trainings.append(Training(kind, name, gate, folder, steps))
                except PeerError as error:
                    missing[name] = str(error)
        stack.callback(lambda: [one.stop() for one in trainings])
        for one in list(trainings):
            try:
                one.wait_until_ready()
            except PeerError as error:
                missing[one.name] = str(error)
                trainings.remove(one)
        for one in trainings:
            one.begin()
        _interrupt([one.gate for one in trainings], before, away)
        with ThreadPoolExecutor(len(trainings)) as pool:
            exits = list(pool.map(Training.exited, trainings))
        time.sleep(2.0)  # one more scrape
        found: dict[str, dict[str, Any]] = {kind: {} for kind in OUTAGES}
        for one, seconds in zip(trainings, exits, strict=True):
            found[one.kind][one.name] = {**one.result(servers), "exit": seconds}
        return {
            "before": before,
            "away": away,
            "after": after,
            "versions": {name: one.version() for name, one in COMPARED.items() if name not in missing},
            "missing": missing,
            "outages": found,
        }


class Training:
    """A process that trains with one sender; it waits for :meth:`begin`.

    Args:
        kind: Of the outage.
        name: Of the sender.
        gate: On the way to its receiver.
        folder: For what it writes; its name is that of the run.
        steps: How many.

    Raises:
        PeerError: The sender is not installed.
    """

    def __init__(self, kind: str, name: str, gate: Gate, folder: Path, steps: int) -> None:
        self.kind, self.name, self.gate, self._folder = kind, name, gate, folder
        self._sender = COMPARED[name]
        command = [self._sender.python(), SENDERS / "loop.py", self._sender.module, gate.address, folder]
        self._log = folder / "log"
        self._process = subprocess.Popen(
            [*command, str(steps), str(PAUSE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Wait until it can train.

        Raises:
            PeerError: It does not start.
        """
        while (line := self._process.stdout.readline()) != "ready\n":
            if not line:
                raise PeerError(f"does not run: {self._log.read_text().strip().splitlines()[-1]}")

    def begin(self) -> None:
        """Let it train."""
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def exited(self) -> float:
        """Seconds from the end of the training to that of the process."""
        recorded = self._folder / "recorded.json"
        while not recorded.exists() and self._process.poll() is None:
            time.sleep(0.05)
        try:
            self._process.communicate(timeout=MOST_EXIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        now = time.monotonic()
        return now - json.loads(recorded.read_text())["ended"]

    def stop(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def result(self, servers: Servers) -> dict[str, Any]:
        """What has arrived, and how long calls took."""
        found = json.loads((self._folder / "recorded.json").read_text())
        counts = arrived(found["recorded"], self._sender.read(servers, self._folder))
        if self._sender.module == "wandb_offline":
            kept = run_apart("wandb", READ_WANDB, {"folder": str(self._folder)})
            recorded = [(name, row[2 + at]) for row in found["recorded"] for at, name in enumerate(NAMES)]
            counts["in its file"] = len(set(recorded) & {(name, one) for name in NAMES for one in kept[name]})
        return {**counts, "longest": found["longest"], "calls": found["calls"]}


def arrived(recorded: list[list[float]], found: Mapping[str, Samples]) -> dict[str, int]:
    """Count the recorded values that have arrived, those of them with the time of their step, and repetitions.

    Args:
        recorded: Milliseconds before and after each step, and its numbers; no number is there twice.
        found: What the receiver has, by name.
    """
    counts: Counter[str] = Counter(recorded=0, arrived=0, timed=0, repeated=0, strange=0)
    for at, name in enumerate(NAMES):
        wanted = {row[2 + at]: (row[0], row[1]) for row in recorded}
        times: dict[float, list[int]] = {}
        for moment, value in found.get(name, ()):
            times.setdefault(value, []).append(moment)
        there = wanted.keys() & times.keys()
        counts["recorded"] += len(wanted)
        counts["arrived"] += len(there)
        counts["timed"] += sum(
            any(wanted[value][0] <= moment <= wanted[value][1] for moment in times[value]) for value in there
        )
        counts["repeated"] += sum(len(moments) - 1 for moments in times.values())
        counts["strange"] += len(times.keys() - wanted.keys())
    return dict(counts)


def _interrupt(gates: list[Gate], before: float, away: float) -> None:
    time.sleep(before)
    for gate in gates:
        gate.block()
    time.sleep(away)
    for gate in gates:
        gate.unblock()


@contextmanager
def _servers(place: Path) -> Iterator[Servers]:
    with ExitStack() as stack:
        pushgateway = PushgatewayServer()
        stack.callback(pushgateway.stop)
        prometheus = stack.enter_context(
            running(Prometheus(place / "prometheus", scraped=pushgateway.address))
        )
        yield Servers(prometheus, pushgateway, stack.enter_context(_mlflow(place / "mlflow")))


@contextmanager
def _mlflow(place: Path) -> Iterator[str]:
    """The address of a tracking server; empty where MLflow is not installed."""
    try:
        server = program_apart("mlflow", "mlflow")
    except PeerError:
        yield ""
        return
    place.mkdir()
    port = free_port()
    command = [server, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    where = ["--backend-store-uri", f"sqlite:///{place}/runs.db", "--artifacts-destination", place]
    process = subprocess.Popen(
        [*command, *where], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
