"""The loop that serves all connections from one thread.

Sockets never block: a client that is idle or slow costs a few hundred bytes of memory and no time. The number of connections
is bounded; a new one beyond it replaces the one that has been idle longest.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from traingauge.core.guard import Guard
from traingauge.delivery.http.wire import END_OF_HEAD, Request, RequestError, Response, parse, render

#: Connections kept at once.
MAX_CONNECTIONS = 32

#: Longest head of a request and longest first line of it, in bytes.
MAX_HEAD, MAX_LINE = 16_384, 8_192

#: Seconds that a connection may wait for its next request: longer than a scrape interval.
IDLE_SECONDS = 300.0

#: Seconds that a client has to send a whole head, once begun.
HEAD_SECONDS = 10.0

#: Seconds that a client has to receive a whole response.
SEND_SECONDS = 30.0

#: Seconds that a client has to close its end after the server has closed its own.
DRAIN_SECONDS = 2.0

#: Seconds between two calls of the heartbeat.
HEARTBEAT_SECONDS = 60.0

_CHUNK: Final = 65_536


class Stream(Protocol):
    """A client's socket, with TLS or without; non-blocking."""

    def fileno(self) -> int:
        """For selectors."""

    def recv(self, size: int, /) -> bytes:
        """What has arrived."""

    def send(self, data: memoryview, /) -> int:
        """Send a part."""

    def shutdown(self, how: int, /) -> None:
        """End one direction."""

    def close(self) -> None:
        """Release it."""


@dataclass(slots=True, eq=False)
class _Connection:
    """One client.

    Attributes:
        socket: Non-blocking.
        deadline: Clock reading (monotonic) at which it is dropped, whatever it does.
        quiet_since: When it was accepted, or last answered.
        received: Bytes received and not answered yet.
        unsent: The rest of the current response.
        sent: Called when the whole response has been sent.
        keeps: Whether another request may follow.
        draining: Whether the server's end is closed; further bytes are discarded.
        client: Its address, without the port.
    """

    socket: Stream
    deadline: float
    quiet_since: float
    received: bytearray = field(default_factory=bytearray)
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    sent: Callable[[], None] | None = None
    keeps: bool = True
    draining: bool = False
    client: str = ""


class Loop:
    """Reads requests, and sends the responses to them.

    Args:
        listener: A listening socket; the loop owns and closes it.
        answer: Returns the response to a request; called in the loop's thread.
        guard: Counts errors inside monitoring.
        wrap: Puts TLS around an accepted socket.

    Attributes:
        heartbeat: Called now and then while it runs, in its thread.
    """

    def __init__(
        self,
        listener: socket.socket,
        answer: Callable[[Request], Response],
        guard: Guard,
        wrap: Callable[[socket.socket], Stream] = lambda client: client,
    ) -> None:
        self._listener, self._answer, self._guard, self._wrap = listener, answer, guard, wrap
        self._connections: set[_Connection] = set()
        self._more: list[_Connection] = []  # whose next request arrived with the previous one
        self._stopping = False
        self.heartbeat: Callable[[], None] = lambda: None
        self._next_beat = time.monotonic() + HEARTBEAT_SECONDS
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for one in (listener, self._woken):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        try:
            while not self._stopping:
                self._turn()
        finally:
            for connection in list(self._connections):
                self._drop(connection)
            self._selector.close()
            for one in (self._listener, self._wake, self._woken):
                one.close()

    def stop(self) -> None:
        """Make :meth:`run` return; from any thread, at most once."""
        self._wake.send(b"\0")

    def abandon(self) -> None:
        """Close every descriptor without a word to the clients: they belong to the parent of this process."""
        for one in (self._listener, self._wake, self._woken, self._selector):
            one.close()
        for connection in list(self._connections):
            connection.socket.close()

    def _turn(self) -> None:
        now = time.monotonic()
        overdue = [connection for connection in self._connections if connection.deadline <= now]
        for connection in overdue:
            self._drop(connection)
        if self._next_beat <= now:
            self._next_beat = now + HEARTBEAT_SECONDS
            self._guard.shield("discovery", self.heartbeat)
        nearest = min((connection.deadline for connection in self._connections), default=self._next_beat)
        timeout = 0.0 if self._more else max(0.0, min(nearest, self._next_beat) - now)
        events = self._selector.select(timeout)
        more, self._more = self._more, []
        for connection in more:  # one request a turn, so that no client waits for the pipeline of another
            self._serve(connection, self._advance)
        for key, _ in events:
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._woken:
                self._stopping = True
            elif isinstance(key.data, _Connection):
                self._serve(key.data, self._send if key.data.unsent else self._receive)

    def _serve(self, connection: _Connection, work: Callable[[_Connection], None]) -> None:
        if connection not in self._connections:  # another one has replaced it in this turn
            return
        if not self._guard.shield("server", _keeps, connection, work):
            self._drop(connection)

    def _accept(self) -> None:
        try:
            client, address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:  # out of file descriptors: release one, or this would repeat for ever
            self._guard.report("server", error)
            self._make_room()
            time.sleep(0.1)
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            self._make_room()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        now = time.monotonic()
        try:
            stream = self._wrap(client)
        except (OSError, ValueError):  # the client has already left
            client.close()
            return
        connection = _Connection(stream, now + HEAD_SECONDS, now, client=str(address[0]))
        self._connections.add(connection)
        self._selector.register(stream, selectors.EVENT_READ, connection)
        self._serve(connection, self._receive)  # its request has usually arrived with it

    def _make_room(self) -> None:
        """Drop the connection that has been idle longest; one that receives a response only if there is no other."""
        if self._connections:
            self._drop(min(self._connections, key=lambda one: (bool(one.unsent), one.quiet_since)))

    def _receive(self, connection: _Connection) -> None:
        chunk = connection.socket.recv(_CHUNK)
        if not chunk:
            self._drop(connection)
        elif not connection.draining:
            connection.received += chunk
            self._advance(connection)

    def _advance(self, connection: _Connection) -> None:
        """Answer the next request, if all of its head has arrived."""
        try:
            head = _take_head(connection.received)
            if head is None:
                connection.deadline = min(connection.deadline, time.monotonic() + HEAD_SECONDS)
                return
            request = parse(head)._replace(client=connection.client)
        except RequestError as error:
            connection.keeps = False
            refusal = Response(f"{error.status}: {error}\n".encode(), status=error.status)
            self._begin(connection, render(refusal, keeps=False), None)
            return
        response = self._answer(request)
        connection.keeps = request.keeps
        data = render(response, keeps=request.keeps, head_only=request.method == "HEAD")
        self._begin(connection, data, response.sent)

    def _begin(self, connection: _Connection, data: bytes, sent: Callable[[], None] | None) -> None:
        connection.unsent, connection.sent = memoryview(data), sent
        connection.quiet_since = time.monotonic()
        connection.deadline = connection.quiet_since + SEND_SECONDS
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        try:
            while connection.unsent:
                connection.unsent = connection.unsent[connection.socket.send(connection.unsent) :]
        except (BlockingIOError, InterruptedError):
            self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)
            return
        self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        self._finish(connection)

    def _finish(self, connection: _Connection) -> None:
        if connection.sent is not None:
            connection.sent()
        connection.unsent, connection.sent = memoryview(b""), None
        connection.quiet_since = time.monotonic()
        if connection.keeps:
            connection.deadline = connection.quiet_since + IDLE_SECONDS
            if connection.received:
                self._more.append(connection)
        else:  # closing with unread bytes would reset the connection, and lose the response
            connection.draining = True
            connection.received.clear()
            connection.deadline = connection.quiet_since + DRAIN_SECONDS
            connection.socket.shutdown(socket.SHUT_WR)

    def _drop(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()


def _take_head(received: bytearray) -> bytes | None:
    """Remove the next head from the received bytes; ``None`` if it is not complete.

    Raises:
        RequestError: It is too long.
    """
    while received.startswith(b"\r\n"):  # some clients send an empty line after a body
        del received[:2]
    end = received.find(END_OF_HEAD)
    length = len(received) if end < 0 else end
    line = received.find(b"\r\n")
    if (length if line < 0 else line) > MAX_LINE:
        raise RequestError(414, f"the first line is longer than {MAX_LINE} bytes")
    if length > MAX_HEAD:
        raise RequestError(431, f"the head is longer than {MAX_HEAD} bytes")
    if end < 0:
        return None
    head = bytes(received[:end])
    del received[: end + len(END_OF_HEAD)]
    return head


def _keeps(connection: _Connection, work: Callable[[_Connection], None]) -> bool:
    """Do the work; returns whether the client is still connected."""
    try:
        work(connection)
    except (BlockingIOError, InterruptedError):
        return True
    except OSError:
        return False
    return True
