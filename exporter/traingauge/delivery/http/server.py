"""The server of the runs of a process: ``/metrics``, ``/healthz``, ``/log`` and a landing page."""

from __future__ import annotations

import errno
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import partial

from traingauge import logs
from traingauge.core.families import Family
from traingauge.core.guard import Guard
from traingauge.delivery.exposition import CONTENT_TYPES, Renderer, pieces
from traingauge.delivery.gil import GilYielder
from traingauge.delivery.http.access import Access
from traingauge.delivery.http.addresses import address_of
from traingauge.delivery.http.hosts import is_expected, is_loopback
from traingauge.delivery.http.loop import Loop, Stream
from traingauge.delivery.http.negotiation import accepts_gzip, choose_format
from traingauge.delivery.http.page import HEALTHY, POLICY, landing_page, list_of_runs, log_page
from traingauge.delivery.http.served import ServedRun
from traingauge.delivery.http.wire import Request, Response
from traingauge.errors import AddressError, PortInUseError
from traingauge.forks import leave_to_parent_after_fork

#: Bodies shorter than this, in bytes, are not worth compressing.
COMPRESS_FROM = 1024

#: Bytes that are compressed in one call.
COMPRESS_AT_ONCE = 65_536

#: Runs whose end is served until it was seen.
MOST_ENDED = 64

#: Clients that may wait to be accepted.
BACKLOG = 64


class Server:
    """Serves the runs of a process over HTTP until it is closed.

    Each run has its pages below a path of its own: ``/RUN/metrics`` and ``/RUN/``. ``/metrics`` has all of them, with one
    comment for each family, and says how a run ended that it served before, until a scrape has seen that; ``/`` lists them.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        advertise: Host, or ``host:port``, by which others reach it; ``None`` if that is where it listens.
        access: What a client needs; the default is nothing.

    Attributes:
        host: As given.
        port: The port that it listens on.
        fixed: Whether the port was given, so that the next server may listen there, too.
        runs: What it serves, in the order in which they were added.
        ended: What remains of runs whose end no scrape has seen, with the clock reading of that end.

    Raises:
        PortInUseError: Another process listens on the port.
        AddressError: The address cannot be listened on.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        advertise: str | None = None,
        access: Access | None = None,
    ) -> None:
        self.runs: tuple[
            ServedRun, ...
        ] = ()  # replaced as a whole: the server's thread reads it without a lock
        self.ended: tuple[tuple[ServedRun, float], ...] = ()
        listener = _listen(host, port)
        self.host, self.port, self.fixed = host, int(listener.getsockname()[1]), port != 0
        self._advertise = advertise
        self._access = access or Access()
        self._guard = _Foremost(self)
        self._loop = Loop(listener, self._answer, self._guard, self._wrap)
        self._loop.heartbeat = self._beat
        self._thread = threading.Thread(target=self._loop.run, name="traingauge-server", daemon=True)
        self._thread.start()
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """A child, such as a data loader's worker, must hold neither the port nor a connection."""
        self._loop.abandon()

    def add(self, run: ServedRun) -> None:
        """Serve a run, too."""
        self.runs = (*self.runs, run)

    def remove(self, run: ServedRun) -> None:
        """Serve a run no longer."""
        self.runs = tuple(one for one in self.runs if one is not run)

    def keep(self, *ended: tuple[ServedRun, float]) -> None:
        """Serve what remains of runs, until scrapes after the given clock readings have seen it."""
        self.ended = (*self.ended, *ended)[-MOST_ENDED:]  # replaced as a whole, too

    def forget(self, name: tuple[str, str]) -> None:
        """Serve nothing of an earlier run of this model and name."""
        self.ended = tuple(one for one in self.ended if one[0].view.identity.name != name)

    def _unseen(self) -> Iterator[ServedRun]:
        return (run for run, at in self.ended if not run.scrapes.wait(after=at, at_most=0.0))

    @property
    def address(self) -> str:
        """``host:port`` of the endpoint for other machines.

        What is advertised, else where it listens; the name of this machine replaces a wildcard host.
        """
        return address_of(self.host, self.port, self._advertise)

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

    def _beat(self) -> None:
        for run in self.runs:
            if run.file is not None:
                run.view.guard.shield("discovery", run.file.touch)

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
        return self._guard.shield("server", self._route, request) or _FAILED

    def _route(self, request: Request) -> Response:
        """The page of all runs, or of the one whose path it is below."""
        runs, page = self.runs, request.path
        for run in runs:
            if page == f"/{run.path}":  # its links are relative
                return Response(b"", status=302, headers={"Location": f"{run.path}/"})
            if page.startswith(f"/{run.path}/"):
                runs, page = (run,), page.removeprefix(f"/{run.path}")
                break
        if page == "/metrics":
            if page == request.path:
                runs = (*self._unseen(), *runs)
            return _metrics(runs, request)
        if page == "/healthz":
            return Response(HEALTHY.encode())
        if page == "/log":
            return Response(log_page(list(logs.recent)).encode("utf-8", "replace"))
        if page == "/":
            return _page(runs)
        return Response(b"404: /, /metrics, /healthz and /log are here\n", status=404)


class _Foremost(Guard):
    """Counts the errors of a server for the run that it has served longest."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def report(self, reason: str, error: BaseException) -> None:
        for run in self._server.runs[:1]:
            run.view.guard.report(reason, error)


_FAILED = Response(b"500: see the training's log\n", status=500)


def _page(runs: Sequence[ServedRun]) -> Response:
    if len(runs) == 1:
        (run,) = runs
        facts = run.view.guard.shield("server", run.view.facts)
        if facts is None:
            return _FAILED
        page = landing_page(facts, run.links)
    else:
        page = list_of_runs({run.path: run.view.identity for run in runs})
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return Response(page.encode("utf-8", "replace"), "text/html; charset=utf-8", headers=headers)


def _metrics(runs: Sequence[ServedRun], request: Request) -> Response:
    started = time.monotonic()
    form = choose_format(request.headers.get("accept", ""))
    maybe_yield = GilYielder().maybe_yield
    read: list[tuple[Renderer, Sequence[Family]]] = []
    for run in runs:
        families = run.view.guard.shield("server", run.view.families, maybe_yield)
        if families is None:
            return _FAILED
        read.append((run.renderer, families))
    rendered = list(pieces(read, form, maybe_yield))
    headers = {"Vary": "Accept, Accept-Encoding"}
    compress = accepts_gzip(request.headers.get("accept-encoding", ""))
    if compress and sum(map(len, rendered)) >= COMPRESS_FROM:
        body, headers["Content-Encoding"] = _gzip(rendered), "gzip"
    else:
        body = b"".join(rendered)
    timeout = _scrape_timeout(request)
    sent = None if timeout is None else partial(_seen, runs, started, request.client, timeout)
    return Response(body, CONTENT_TYPES[form], headers=headers, sent=sent)


def _scrape_timeout(request: Request) -> float | None:
    """Seconds that a Prometheus waits for the answer, 0 if it does not say; ``None`` for any other client."""
    text = request.headers.get("x-prometheus-scrape-timeout-seconds")
    if request.method != "GET" or text is None:
        return None
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0


def _seen(runs: Sequence[ServedRun], started: float, client: str, timeout: float) -> None:
    for run in runs:
        run.scrapes.seen(started, client, timeout)


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
    return listener
