"""Receivers: Prometheus and VictoriaMetrics, and a proxy that spoils their answers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from traingauge.stack.programs import find_programs

#: Packages of Debian with the servers.
PROGRAMS = ("prometheus", "victoria-metrics", "prometheus-pushgateway")

#: The first version of Prometheus that takes remote write 2.0.
TAKES_2 = (2, 54)

#: Samples of a series, in the order of their times: milliseconds and value.
Samples = list[tuple[int, float]]


class Prometheus:
    """A Prometheus that takes remote write.

    Args:
        directory: Of its data.
        window: How long samples may be out of order, such as ``2h``; empty for not at all.
        scraped: Address of a Pushgateway that it scrapes each second.
    """

    write_path = "/api/v1/write"

    #: Relative difference by which values are rounded when they are stored.
    rounds = 0.0

    #: Seconds after which what was taken can be read.
    settles = 0.0

    def __init__(self, directory: Path, window: str = "", scraped: str | None = None) -> None:
        self.directory, self.port = directory, free_port()
        directory.mkdir(parents=True, exist_ok=True)
        tsdb = f"storage: {{tsdb: {{out_of_order_time_window: {window}}}}}\n" if window else ""
        (directory / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 15s}}\n{tsdb}{self._scrapes(scraped)}"
        )
        self.start()

    @staticmethod
    def _scrapes(address: str | None) -> str:
        if address is None:
            return ""
        target = urllib.parse.urlsplit(address).netloc
        return (
            "scrape_configs: [{job_name: pushgateway, honor_labels: true, scrape_interval: 1s, "
            f'static_configs: [{{targets: ["{target}"]}}]}}]\n'
        )

    def start(self) -> None:
        """Start it, or start it again with its data."""
        self.process = subprocess.Popen(
            [
                self.program(),
                f"--config.file={self.directory}/prometheus.yml",
                f"--storage.tsdb.path={self.directory}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-remote-write-receiver",
            ],
            stderr=subprocess.DEVNULL,
        )
        wait_for(f"{self.address}/-/ready")

    @staticmethod
    def program() -> str:
        """Path of the program."""
        return program("prometheus")

    @property
    def address(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()

    def samples(self, selector: str) -> Samples:
        """Everything that it has of one series, stale markers left out."""
        query = urllib.parse.urlencode({"query": f"{selector}[1d]", "time": time.time() + 60})
        result = get(f"{self.address}/api/v1/query?{query}")["data"]["result"]
        if not result:
            return []
        (series,) = result
        return [(round(1000 * at), float(value)) for at, value in series["values"]]


class Prometheus2(Prometheus):
    """A Prometheus that takes remote write 2.0: that of ``TRAINGAUGE_SERVERS``, or on PATH.

    Raises:
        MissingError: There is none.
    """

    @staticmethod
    def program() -> str:
        """Path of the program."""
        found = find_programs(install=False).prometheus
        if not is_at_least(found.version, TAKES_2):
            raise MissingError(
                f"Prometheus {found.version} does not take 2.0: TRAINGAUGE_SERVERS names another"
            )
        return str(found.path)


class VictoriaMetrics(Prometheus):
    """A VictoriaMetrics; it keeps about twelve digits of a value."""

    rounds = 1e-11

    #: Seconds after which what was taken can be read.
    settles = 2.0

    def start(self) -> None:
        """Start it, or start it again with its data."""
        self.process = subprocess.Popen(
            [
                program("victoria-metrics"),
                f"-storageDataPath={self.directory}/data",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                "-search.latencyOffset=0s",
            ],
            stderr=subprocess.DEVNULL,
        )
        wait_for(f"{self.address}/health")

    def samples(self, selector: str) -> Samples:
        """Everything that it has of one series, stale markers left out."""
        with urllib.request.urlopen(f"{self.address}/internal/force_flush"):
            pass
        query = urllib.parse.urlencode({"match[]": selector})
        with urllib.request.urlopen(f"{self.address}/api/v1/export?{query}") as answer:
            lines = answer.read().splitlines()
        found: Samples = []
        for line in lines:
            series = json.loads(line)
            found += [
                (at, float(value))
                for at, value in zip(series["timestamps"], series["values"], strict=True)
                if value is not None
            ]
        return sorted(found)


class PushgatewayServer:
    """A Pushgateway that keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [
                program("prometheus-pushgateway"),
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--persistence.file=",
            ],
            stderr=subprocess.DEVNULL,
        )
        wait_for(f"{self.address}/-/ready")

    def worked(self) -> float:
        """Processor seconds that it has taken."""
        return processor_seconds(self._process.pid)

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()


class SpoiltAnswers:
    """A proxy before a receiver that passes requests on and loses, or never gives, some of the answers.

    Args:
        to: The receiver's address; ``None`` for one that accepts and never answers.
        loses: Whether it loses the answer to a request, by its number.
    """

    def __init__(self, to: str | None, loses: Callable[[int], bool] = lambda number: False) -> None:
        self.requests = 0
        proxy, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    proxy.requests += 1
                    number = proxy.requests
                if to is None:
                    time.sleep(3600)
                    return
                status, said = forward(to + self.path, body, dict(self.headers))
                if loses(number):
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


def forward(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Post a body on; status and content of the answer."""
    kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "content-length"}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, kept)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def running(server: Prometheus) -> Iterator[Prometheus]:
    """Stop a server, and remove its data, in the end."""
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


def program(name: str) -> str:
    """Path of a server's program."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: apt install {name}"
    return found


class MissingError(Exception):
    """A server is not installed; the message says what to do."""


def is_at_least(version: str, least: tuple[int, int]) -> bool:
    """Whether a version is that or a later one.

    >>> is_at_least("2.42.0+ds", (2, 54)), is_at_least("3.5.3+ds1", (2, 54))
    (False, True)
    """
    return tuple(int(number) for number in version.split(".")[:2]) >= least


def version(name: str) -> str:
    """Version of a server's package."""
    command = ["dpkg-query", "--show", "--showformat=${Version}", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def processor_seconds(pid: int) -> float:
    """Processor seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def get(url: str) -> dict[str, Any]:
    """The JSON of an answer."""
    with urllib.request.urlopen(url) as answer:
        return dict(json.load(answer))


def wait_for(url: str) -> None:
    """Wait until an address answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
