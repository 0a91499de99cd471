"""The server of a run: ``/metrics``, ``/healthz`` and a landing page."""

from __future__ import annotations

import errno
import os
import re
import socket
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence

from traingauge.core.families import Family
from traingauge.core.guard import Guard
from traingauge.delivery.exposition import CONTENT_TYPES, Renderer
from traingauge.delivery.gil import GilYielder
from traingauge.delivery.http.access import Access
from traingauge.delivery.http.hosts import is_expected, is_loopback
from traingauge.delivery.http.loop import Loop, Stream
from traingauge.delivery.http.negotiation import accepts_gzip, choose_format
from traingauge.delivery.http.page import POLICY, landing_page
from traingauge.delivery.http.scrapes import Scrapes
from traingauge.delivery.http.wire import Request, Response
from traingauge.errors import AddressError, PortInUseError

#: Bodies shorter than this, in bytes, are not worth compressing.
COMPRESS_FROM = 1024

#: Bytes that are compressed in one call.
COMPRESS_AT_ONCE = 65_536

#: Clients that may wait to be accepted.
BACKLOG = 64

_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 compared with, not listened on


class Server:
    """Serves one run over HTTP until it is closed.

    Args:
        renderer: Turns families into bytes.
        families: Reads the run's current state; is passed a function to call now and then, which may pause.
        facts: Text of the landing page, by heading.
        links: Further links of the landing page: address by title.
        guard: Counts errors inside a request.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        advertise: Host, or ``host:port``, by which others reach it; ``None`` if that is where it listens.
        access: What a client needs; the default is nothing.

    Attributes:
        host: As given.
        port: The port that it listens on.
        scrapes: Times of the last scrapes by a Prometheus.

    Raises:
        PortInUseError: Another process listens on the port.
        AddressError: The address cannot be listened on.
    """

    def __init__(
        self,
        renderer: Renderer,
        families: Callable[[Callable[[], None]], Sequence[Family]],
        *,
        facts: Callable[[], Mapping[str, str]],
        links: Mapping[str, str],
        guard: Guard,
        host: str = "127.0.0.1",
        port: int = 0,
        advertise: str | None = None,
        access: Access | None = None,
    ) -> None:
        self._renderer, self._families = renderer, families
        self._facts, self._links, self._guard = facts, links, guard
        self.scrapes = Scrapes()
        listener = _listen(host, port)
        self.host, self.port = host, int(listener.getsockname()[1])
        self._advertise = advertise
        self._access = access or Access()
        self._loop = Loop(listener, self._answer, guard, self._wrap)
        self._thread = threading.Thread(target=self._loop.run, name="traingauge-server", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """``host:port`` of the endpoint for other machines.

        What is advertised, else where it listens; the name of this machine replaces a wildcard host.
        """
        host = self._advertise or (socket.gethostname() if self.host in _WILDCARDS else self.host)
        if re.search(r"[^:]:[0-9]+$", host) and (host.count(":") == 1 or "]" in host):
            return host
        return f"[{host}]:{self.port}" if ":" in host and "]" not in host else f"{host}:{self.port}"

    def keep_alive(self, heartbeat: Callable[[], None]) -> None:
        """Call a function now and then, as long as it serves."""
        self._loop.heartbeat = heartbeat

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"{self.scheme}://{self.address}"

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "http" if self._access.tls is None else "https"

    def close(self) -> None:
        """Stop listening and drop open connections; safe to call twice."""
        if self._thread.is_alive():
            self._loop.stop()
            self._thread.join(timeout=5)

    def _wrap(self, client: socket.socket) -> Stream:
        if self._access.tls is None:
            return client
        from traingauge.delivery.http.tls import TlsSocket  # what a run without TLS need not load

        return TlsSocket(self._access.tls, client)

    def _answer(self, request: Request) -> Response:
        if is_loopback(self.host) and not is_expected(request.headers.get("host", ""), self._advertise):
            return Response(b"421: this host name is not of this machine\n", status=421)
        if request.method not in {"GET", "HEAD"}:
            return Response(b"405: GET and HEAD are allowed\n", status=405, headers={"Allow": "GET, HEAD"})
        if not self._access.allows(request.headers.get("authorization", "")):
            headers = {"WWW-Authenticate": self._access.challenge}
            return Response(b"401: expected credentials\n", status=401, headers=headers)
        page = {"/metrics": self._metrics, "/healthz": _healthy, "/": self._landing_page}.get(request.path)
        if page is None:
            return Response(b"404: /, /metrics and /healthz are here\n", status=404)
        response = self._guard.shield("server", page, request)
        return response or Response(b"500: see the training's log\n", status=500)

    def _landing_page(self, _: Request) -> Response:
        page = landing_page(self._facts(), self._links)
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return Response(page.encode("utf-8", "replace"), "text/html; charset=utf-8", headers=headers)

    def _metrics(self, request: Request) -> Response:
        started = time.monotonic()
        form = choose_format(request.headers.get("accept", ""))
        maybe_yield = GilYielder().maybe_yield
        pieces = list(self._renderer.pieces(self._families(maybe_yield), form, maybe_yield))
        headers = {"Vary": "Accept, Accept-Encoding"}
        compress = accepts_gzip(request.headers.get("accept-encoding", ""))
        if compress and sum(map(len, pieces)) >= COMPRESS_FROM:
            body, headers["Content-Encoding"] = _gzip(pieces), "gzip"
        else:
            body = b"".join(pieces)
        by_prometheus = request.method == "GET" and "x-prometheus-scrape-timeout-seconds" in request.headers
        sent = (lambda: self.scrapes.seen(started)) if by_prometheus else None
        return Response(body, CONTENT_TYPES[form], headers=headers, sent=sent)


def _healthy(_: Request) -> Response:
    return Response(b"ok\n")


def _gzip(pieces: Sequence[bytes]) -> bytes:
    """Compressed at level 1; level 9 costs eight times more.

    zlib releases the GIL, so training continues meanwhile. It gets large chunks only, because to get the GIL back may
    take a while.
    """
    compressor = zlib.compressobj(1, wbits=zlib.MAX_WBITS + 16)
    packed: list[bytes] = []
    waiting: list[bytes] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= COMPRESS_AT_ONCE:
            packed.append(compressor.compress(b"".join(waiting)))
            waiting.clear()
    return b"".join([*packed, compressor.compress(b"".join(waiting)), compressor.flush()])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port) from error
        raise AddressError(
            f"{host!r} cannot be listened on ({error.strerror or error}): expected an address of this machine, as "
            "'127.0.0.1', or '0.0.0.0' for all of them"
        ) from error
    _listeners.add(listener)
    return listener


def _leave_to_parent() -> None:
    """A forked child, such as a data loader's worker, must not hold the port after the run has ended."""
    for listener in list(_listeners):
        listener.close()


_listeners: weakref.WeakSet[socket.socket] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
