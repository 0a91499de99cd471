"""A small HTTP server on the loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from traingauge.delivery.http.hosts import is_expected
from traingauge.logs import logger

#: Seconds in which a client must send its request before the connection is dropped.
SLOWEST_CLIENT = 10.0


class LocalHandler(BaseHTTPRequestHandler):
    """Answers one client of a :class:`LocalServer`; a subclass has the methods that it knows."""

    timeout = SLOWEST_CLIENT

    def do_GET(self) -> None:  # noqa: D102 - http.server's name
        self.get()

    def do_POST(self) -> None:  # noqa: D102 - http.server's name
        self.post()

    def do_PUT(self) -> None:  # noqa: D102 - http.server's name
        self.put()

    def do_DELETE(self) -> None:  # noqa: D102 - http.server's name
        self.delete()

    def get(self) -> None:
        """Answer a GET."""
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    def post(self) -> None:
        """Answer a POST."""
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    def put(self) -> None:
        """Answer a PUT."""
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    def delete(self) -> None:
        """Answer a DELETE."""
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    def is_expected(self) -> bool:
        """Whether the client asks for this machine; else the name is one that a stranger may have registered."""
        return is_expected(self.headers.get("Host", ""))

    def answer(self, status: int, text: str, kind: str = "text/plain", **headers: str) -> None:
        """Send an answer.

        Args:
            status: Of HTTP.
            text: The body.
            kind: Its media type.
            headers: Further ones, with ``_`` for ``-`` in their names.
        """
        body = text.encode("utf-8", errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: standard error belongs to the user."""


class LocalServer:
    """Serves while its ``with`` block runs.

    Args:
        name: Of its thread.
        handler: Answers the clients, each in a thread.
        port: The port; 0 takes a free one.
        host: The address; the loopback by default.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self, name: str, handler: type[LocalHandler], *, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self._host = host
        self._server = _Server((host, port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=name, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Free the port; leaving the ``with`` block does it too."""
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.server_port}"


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], handler: type[LocalHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        if self.server_address[0] == "::" and socket.has_dualstack_ipv6():
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as an endpoint does
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("a client of %s went away", self.server_port, exc_info=True)
