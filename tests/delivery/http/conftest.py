"""A server on a free port, and a client that speaks raw HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.waiting import PATIENCE
from traingauge import ModelMonitor
from traingauge.core.families import Family, Identity, single
from traingauge.core.guard import Guard
from traingauge.delivery.base import RunView
from traingauge.delivery.http import ServedRun, Server

Start = Callable[..., Server]


@pytest.fixture
def guard() -> Guard:
    """Counts the server's errors."""
    return Guard()


@pytest.fixture
def start(guard: Guard) -> Iterator[Start]:
    servers: list[Server] = []

    def serve(
        families: Callable[[], list[Family]] = lambda: [single("model_learning_rate", 0.1)],
        facts: Callable[[], dict[str, str]] = dict,
        links: dict[str, str] | None = None,
        **where: object,
    ) -> Server:
        server = Server(**where)
        servers.append(server)
        view = RunView(Identity("m", "r"), lambda maybe_yield: families(), facts, guard)
        server.add(ServedRun(view, links or {}))
        return server

    yield serve
    for server in servers:
        server.close()


class Client:
    """A connection that sends what it is told and reads whole responses."""

    def __init__(self, server: Server | ModelMonitor, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, urlsplit(server.url).port), timeout=PATIENCE)
        self._reader = self.socket.makefile("rb")

    def send(self, text: str) -> None:
        self.socket.sendall(text.encode("latin-1"))

    def request(
        self, path: str = "/metrics", method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.send(f"{method} {path} HTTP/1.1\r\nHost: here\r\n{lines}\r\n")
        return self.response(has_body=method != "HEAD")

    def response(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by name in lower case, body. Status 0 if the server has closed the connection."""
        line = self._reader.readline()
        if not line:
            return 0, {}, b""
        headers = {}
        while field := self._reader.readline().strip():
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._reader.read(int(headers["content-length"])) if has_body else b""
        return int(line.split()[1]), headers, body

    def is_closed(self) -> bool:
        """Whether the server ends the connection, waiting for it a while."""
        try:
            return self._reader.read(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._reader.close()
        self.socket.close()


Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[Client] = []

    def open_connection(server: Server | ModelMonitor, host: str = "127.0.0.1") -> Client:
        clients.append(Client(server, host))
        return clients[-1]

    yield open_connection
    for client in clients:
        client.close()
