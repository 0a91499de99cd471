"""The endpoint: ``/metrics``, ``/healthz`` and a landing page, served from threads of its own.

Each connection has a thread, so that a slow or idle client never delays a scrape; connections are bounded in number and in
time. The handler renders under a lock, one scrape at a time, and writes outside of it.
"""

from __future__ import annotations

import errno
import gzip
import html
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from traingauge.errors import InvalidArgumentError, InvalidTypeError, PortInUseError
from traingauge.exposition import CONTENT_TYPES, Format, Renderer
from traingauge.families import Family

#: Connections served at once; one more is answered 503.
MAX_CONNECTIONS = 32

#: Seconds after which a connection that says or takes nothing is closed.
IDLE_SECONDS = 30.0

#: Bodies shorter than this, in bytes, are not worth compressing.
COMPRESS_FROM = 1024


class Server:
    """Serves one run over HTTP until it is closed.

    Args:
        renderer: Turns families into bytes.
        families: Reads the run's state.
        facts: What the landing page says of the run, by heading, as plain text.
        links: Further links of the landing page: address by title.
        failed: Is told of errors inside a request.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.

    Raises:
        PortInUseError: Another process listens on the port.
        OSError: The address cannot be listened on.
    """

    def __init__(
        self,
        renderer: Renderer,
        families: Callable[[], Sequence[Family]],
        *,
        facts: Callable[[], Mapping[str, str]],
        links: Mapping[str, str],
        failed: Callable[[BaseException], None],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        _check_port(port)
        self._renderer, self._families = renderer, families
        self._rendering = threading.Lock()
        self.facts, self.links, self.failed = facts, links, failed
        self.scrapes = Scrapes()
        self._http = _listen(host, port)
        self._http.owner = self
        self.host, self.port = host, int(self._http.server_address[1])
        self._thread = threading.Thread(
            target=self._http.serve_forever, name="traingauge-server", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """``host:port`` at which others reach the endpoint; a wildcard host becomes this machine's name."""
        host = socket.gethostname() if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104 compares only
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.address}"

    def render(self, form: Format) -> bytes:
        """The run's exposition as of now."""
        with self._rendering:
            return self._renderer.render(self._families(), form)

    def close(self) -> None:
        """Stop listening and drop open connections; safe to call twice."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


class Scrapes:
    """Who scraped when: enough to know whether the end of the run was seen.

    >>> scrapes = Scrapes(); scrapes.wait(after=0.0, at_most=30.0)
    False
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._last: float | None = None
        self._interval: float | None = None

    def seen(self, started: float) -> None:
        """Record a scrape by a Prometheus that was answered in full; ``started`` is its clock reading (monotonic)."""
        with self._changed:
            if self._last is not None:
                self._interval = started - self._last
            self._last = started
            self._changed.notify_all()

    def wait(self, *, after: float, at_most: float) -> bool:
        """Wait until a scrape that began after a moment has been answered.

        Waits three scrape intervals at most, and not at all if nobody has scraped the run lately.

        Args:
            after: Monotonic clock reading, in seconds.
            at_most: Longest wait in seconds.
        """
        with self._changed:
            if self._last is None or after - self._last > at_most:
                return False
            patience = at_most if self._interval is None else min(at_most, 3 * self._interval)
            return self._changed.wait_for(lambda: (self._last or 0.0) > after, patience)


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection must not keep the run from ending
    request_queue_size = 64
    owner: Server

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the host's name that the base class does: it can take seconds."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._open) >= MAX_CONNECTIONS
            if not full:
                self._open.add(request)
        if full:
            with suppress(OSError):
                request.setblocking(False)
                request.send(
                    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                )
            super().shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that went away is none of our errors; ours are counted where they arise."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "traingauge"
    sys_version = ""
    timeout = IDLE_SECONDS
    wbufsize = -1  # one packet for head and body
    disable_nagle_algorithm = True
    server: _HTTPServer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def __getattr__(self, name: str) -> Any:
        # The base class looks for do_<METHOD> and says 501 where there is none; 405 tells what is allowed.
        if name.startswith("do_"):
            return self._refuse_method
        raise AttributeError(name)

    def log_message(self, *args: object) -> None:
        """Nothing: training's output is not ours."""

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        try:
            if path == "/metrics":
                self._metrics()
            elif path == "/healthz":
                self._send("text/plain; charset=utf-8", b"ok\n")
            elif path == "/":
                page = _landing_page(self.server.owner.facts(), self.server.owner.links)
                self._send("text/html; charset=utf-8", page.encode("utf-8", "replace"))
            else:
                self._send(
                    "text/plain; charset=utf-8",
                    b"404: /, /metrics and /healthz are here\n",
                    HTTPStatus.NOT_FOUND,
                )
        except OSError:  # the client went away
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 an error inside monitoring is counted, and told to the scraper
            self.server.owner.failed(error)
            self._send(
                "text/plain; charset=utf-8",
                b"500: see the training's log\n",
                HTTPStatus.INTERNAL_SERVER_ERROR,
            )

    def _metrics(self) -> None:
        started = time.monotonic()
        form = choose_format(self.headers.get("Accept", ""))
        body = self.server.owner.render(form)
        encoding = None
        if len(body) >= COMPRESS_FROM and accepts_gzip(self.headers.get("Accept-Encoding", "")):
            body, encoding = (
                gzip.compress(body, compresslevel=1, mtime=0),
                "gzip",
            )  # level 9 costs 8 times more
        self._send(CONTENT_TYPES[form], body, encoding=encoding, vary="Accept, Accept-Encoding")
        if self.command == "GET" and "X-Prometheus-Scrape-Timeout-Seconds" in self.headers:
            self.server.owner.scrapes.seen(started)

    def _send(
        self,
        content_type: str,
        body: bytes,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        encoding: str | None = None,
        vary: str | None = None,
        allow: str | None = None,
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": content_type, "Content-Encoding": encoding, "Vary": vary, "Allow": allow}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _refuse_method(self) -> None:
        self.close_connection = True  # a body may follow that nobody will read
        body = b"405: GET and HEAD are allowed\n"
        self._send("text/plain; charset=utf-8", body, HTTPStatus.METHOD_NOT_ALLOWED, allow="GET, HEAD")


def choose_format(accept: str) -> Format:
    """The format that an Accept header prefers: OpenMetrics 1.0.0 where it is asked for, else the text format.

    >>> choose_format("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    'openmetrics'
    >>> choose_format("text/html,*/*;q=0.8")
    'text'
    """
    qualities = {"openmetrics": 0.0, "text": 0.0}
    for item in accept.lower().split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        quality = _quality(given.get("q", "1"))
        if media == "application/openmetrics-text" and given.get("version", "1.0.0").startswith("1."):
            qualities["openmetrics"] = max(qualities["openmetrics"], quality)
        elif media in {"text/plain", "text/*"}:
            qualities["text"] = max(qualities["text"], quality)
    return (
        "openmetrics"
        if qualities["openmetrics"] > 0 and qualities["openmetrics"] >= qualities["text"]
        else "text"
    )


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip.

    >>> accepts_gzip("gzip, deflate"), accepts_gzip("gzip;q=0"), accepts_gzip("")
    (True, False, False)
    """
    for item in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        if coding in {"gzip", "*"}:
            return all(_quality(parameter[2:]) > 0 for parameter in parameters if parameter.startswith("q="))
    return False


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _check_port(port: object) -> None:
    if isinstance(port, bool) or not isinstance(port, int):
        raise InvalidTypeError(f"port is {port!r}: expected an integer from 0 (a free one) to 65535")
    if not 0 <= port <= 65535:
        raise InvalidArgumentError(f"port is {port}: expected 0 (a free one) to 65535")


def _listen(host: str, port: int) -> _HTTPServer:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _HTTPServer((host, port), family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port) from error
        raise


def _landing_page(facts: Mapping[str, str], links: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts.items()
    )
    own = {"Metrics": "/metrics", "Health": "/healthz"}
    items = "".join(
        f'<li><a href="{html.escape(to)}">{html.escape(title)}</a></li>'
        for title, to in {**own, **links}.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>traingauge</title>'
        "<style>body{font:16px sans-serif;margin:2em}th{text-align:left;padding-right:1em}</style></head>"
        f"<body><h1>traingauge</h1><table>{rows}</table><ul>{items}</ul></body></html>\n"
    )
