"""Serves the page on the loopback, in a thread of ``traingauge up``."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import requests

from traingauge.delivery.http.hosts import is_expected
from traingauge.delivery.http.page import POLICY
from traingauge.stack.errors import QueryError
from traingauge.stack.prometheus import PrometheusApi
from traingauge.stack.server import free_port

from . import html, readings

#: Seconds in which a client must send its request.
SLOWEST_CLIENT = 10.0


class Overview:
    """The page, while the ``with`` block runs.

    Args:
        prometheus_url: The Prometheus that has the runs.
        links: Further servers, by what they are called.
        port: The port to try first; 0 takes a free one.
    """

    def __init__(self, prometheus_url: str, links: Mapping[str, str], *, port: int = 0) -> None:
        self._prometheus = PrometheusApi(prometheus_url)
        self._links = dict(links)
        self._server = ThreadingHTTPServer(("127.0.0.1", free_port(port)), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="overview", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str) -> tuple[HTTPStatus, str]:
        """The page at a path."""
        now, asked = time.time(), urlsplit(path)
        try:
            if asked.path == "/":
                return HTTPStatus.OK, html.all_runs(readings.runs(self._prometheus), self._links, now)
            if asked.path == "/run":
                given = parse_qs(asked.query)
                return self._run(given.get("model", [""])[0], given.get("run", [""])[0], now)
        except (requests.RequestException, QueryError, ValueError, LookupError) as error:
            text = f"Prometheus does not answer as it should: {error}"
            return HTTPStatus.BAD_GATEWAY, html.problem(text, self._links, now)
        return HTTPStatus.NOT_FOUND, html.problem("There is no such page.", self._links, now)

    def _run(self, model: str, name: str, now: float) -> tuple[HTTPStatus, str]:
        for run in readings.runs(self._prometheus):
            if (run.model, run.run) == (model, name):
                curves = readings.curves(self._prometheus, run, now)
                return HTTPStatus.OK, html.one_run(run, curves, self._links, now)
        text = f"No run {name} of {model} was scraped in the last {readings.HOURS} hours."
        return HTTPStatus.NOT_FOUND, html.problem(text, self._links, now)


def _handler(page: Overview) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOWEST_CLIENT

        def do_GET(self) -> None:
            if not is_expected(self.headers.get("Host", "")):
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return
            status, text = page.answer(self.path)
            body = text.encode("utf-8", errors="replace")
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
