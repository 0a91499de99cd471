"""Clients that are idle, slow, many or rude keep nobody from scraping."""

from __future__ import annotations

import gzip
import resource
import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.delivery.http.conftest import Client, Connect, Start
from tests.waiting import FOREVER, PATIENCE, wait_until
from traingauge.catalog import CATALOG
from traingauge.core.families import Family, keys
from traingauge.core.guard import Guard
from traingauge.delivery.http import loop

REQUEST = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
LARGE = Family(
    CATALOG["model_scalar"], keys(*(("x" * 1000, str(at)) for at in range(20_000))), [0.0] * 20_000
)


def large() -> list[Family]:
    return [LARGE]


@pytest.fixture
def no_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off by time, so that a server that waits for a client would wait for ever."""
    for name in ("HEAD_SECONDS", "IDLE_SECONDS", "SEND_SECONDS", "DRAIN_SECONDS"):
        monkeypatch.setattr(loop, name, FOREVER)


def test_a_connection_carries_one_request_after_the_other(start: Start, connect: Connect) -> None:
    client = connect(start())
    assert [client.request()[0] for _ in range(3)] == [200] * 3


def test_pipelined_requests_are_answered_in_order(start: Start, connect: Connect) -> None:
    client = connect(start())
    client.send(
        "GET /healthz HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n" + REQUEST
    )
    found = [client.response(has_body=at != 1)[0] for at in range(4)]
    assert found == [200, 200, 404, 200]


def test_a_long_pipeline_does_not_keep_others_waiting(start: Start, connect: Connect) -> None:
    server = start(large)
    greedy, other = connect(server), connect(server)
    greedy.send(REQUEST * 50)
    greedy.response()
    assert other.request("/healthz")[0] == 200
    assert greedy.response()[0] == 200


def test_a_connection_that_asks_for_its_end_gets_it(start: Start, connect: Connect) -> None:
    client = connect(start())
    status, headers, _ = client.request(Connection="close")
    assert (status, headers["connection"]) == (200, "close")
    assert client.is_closed()


def test_a_request_in_pieces_is_put_together(start: Start, connect: Connect) -> None:
    client = connect(start())
    for piece in (REQUEST[:5], REQUEST[5:-3], REQUEST[-3:]):
        client.send(piece)
        assert connect(start()).request()[0] == 200
    assert client.response()[0] == 200


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\n\r\n", 505),
        (f"GET /{'a' * loop.MAX_LINE} HTTP/1.1\r\n\r\n", 414),
        (f"GET /{'a' * loop.MAX_LINE}", 414),
        (f"GET / HTTP/1.1\r\nA: {'a' * loop.MAX_HEAD}\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\n" + "A: a\r\n" * loop.MAX_HEAD, 431),
    ],
)
def test_a_request_that_is_none_or_too_long_is_refused_and_ends_the_connection(
    start: Start, connect: Connect, request_text: str, status: int
) -> None:
    client = connect(start())
    client.send(request_text)
    assert client.response()[0] == status
    assert client.is_closed()


@pytest.mark.usefixtures("no_deadlines")
def test_idle_connections_do_not_delay_a_scrape(start: Start, connect: Connect) -> None:
    server = start()
    for _ in range(loop.MAX_CONNECTIONS - 1):
        connect(server)
    assert connect(server).request()[0] == 200


def test_beyond_the_cap_the_connection_that_is_quiet_longest_makes_room(
    start: Start, connect: Connect
) -> None:
    server = start()
    clients = [connect(server) for _ in range(loop.MAX_CONNECTIONS)]
    for client in clients:
        assert client.request()[0] == 200
    assert clients[0].request()[0] == 200
    assert connect(server).request()[0] == 200
    assert clients[1].is_closed()
    assert clients[0].request()[0] == 200


def test_a_client_that_takes_its_response_is_not_dropped_for_idle_ones(
    start: Start, connect: Connect
) -> None:
    server = start(large)
    slow = connect(server)
    slow.send(REQUEST)
    slow.socket.recv(100)
    for _ in range(2 * loop.MAX_CONNECTIONS):
        connect(server)
    assert connect(server).request("/healthz")[0] == 200
    assert slow.socket.recv(100)


@pytest.mark.usefixtures("no_deadlines")
def test_slow_clients_alone_do_not_refuse_a_scrape_for_ever(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MAX_CONNECTIONS", 4)
    server = start(large)
    for _ in range(loop.MAX_CONNECTIONS):
        connect(server).send(REQUEST)
    assert connect(server).request("/healthz")[0] == 200


@pytest.mark.usefixtures("no_deadlines")
def test_a_client_that_reads_nothing_delays_no_other(start: Start, connect: Connect) -> None:
    server = start(large)
    slow = connect(server)
    slow.send(REQUEST)
    slow.socket.recv(100)
    assert connect(server).request("/healthz")[0] == 200


def test_a_response_larger_than_all_buffers_arrives_whole(start: Start, connect: Connect) -> None:
    _, headers, body = connect(start(large)).request()
    assert len(body) == int(headers["content-length"]) > 10_000_000


def test_a_large_response_is_compressed_whole(start: Start, connect: Connect) -> None:
    client = connect(start(large))
    assert gzip.decompress(client.request(Accept_Encoding="gzip")[2]) == client.request()[2]


def test_a_client_that_breaks_off_is_forgotten(start: Start, connect: Connect, guard: Guard) -> None:
    server = start(large)
    for text in ("", "GET /met", REQUEST):
        client = connect(server)
        client.send(text)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    assert connect(server).request("/healthz")[0] == 200
    wait_until(lambda: len(server._loop._connections) == 1)
    assert not any(guard.errors.values())


@pytest.mark.usefixtures("no_deadlines")
def test_a_head_that_comes_byte_by_byte_is_cut_off(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "HEAD_SECONDS", 0.3)
    client = connect(start())

    def trickle() -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            client.send("a")
            time.sleep(0.02)

    with pytest.raises(ConnectionError):
        trickle()


@pytest.mark.usefixtures("no_deadlines")
@pytest.mark.parametrize(
    ("limit", "said"),
    [("HEAD_SECONDS", ""), ("HEAD_SECONDS", REQUEST + "GET"), ("IDLE_SECONDS", REQUEST)],
)
def test_a_quiet_connection_is_closed_in_time(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    monkeypatch.setattr(loop, limit, 0.2)
    client = connect(start())
    with suppress(ConnectionError):  # on a busy machine it may be closed by now
        client.send(said)
        if said:
            client.response()
    assert client.is_closed()


@pytest.mark.usefixtures("no_deadlines")
def test_a_client_that_takes_too_long_is_dropped(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SEND_SECONDS", 0.2)
    server = start(large)
    client = connect(server)
    client.send(REQUEST)
    client.socket.recv(1)
    wait_until(lambda: server._loop._connections == set())


@pytest.mark.usefixtures("no_deadlines")
def test_a_client_that_does_not_close_its_end_is_dropped(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "DRAIN_SECONDS", 0.2)
    server = start()
    connect(server).request(Connection="close")
    wait_until(lambda: server._loop._connections == set())


def test_an_error_with_one_connection_leaves_the_others(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch, guard: Guard
) -> None:
    server = start()
    client = connect(server)
    assert client.request()[0] == 200
    broken = ZeroDivisionError("broken")

    def parse(head: bytes) -> None:
        raise broken

    with monkeypatch.context() as patched:
        patched.setattr(loop, "parse", parse)
        assert connect(server).request()[0] == 0
    assert guard.errors["server"] == 1
    assert client.request()[0] == 200


def test_it_serves_again_once_there_are_file_descriptors_again(
    start: Start, connect: Connect, guard: Guard
) -> None:
    server = start()
    kept = connect(server)
    assert kept.request()[0] == 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = socket.socket()
    waiting.settimeout(PATIENCE)
    used = socket.socket()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used.fileno(), hard))
        waiting.connect(("127.0.0.1", server.port))
        wait_until(lambda: guard.errors["server"] > 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        used.close()
    waiting.sendall(REQUEST.encode())
    assert waiting.recv(12) == b"HTTP/1.1 200"
    waiting.close()


def test_many_clients_at_once_are_all_answered(start: Start) -> None:
    server = start()
    found: list[int] = []

    def scrape() -> None:
        client = Client(server)
        found.extend(client.request()[0] for _ in range(20))
        client.close()

    threads = [threading.Thread(target=scrape) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 320
