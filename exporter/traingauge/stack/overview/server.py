"""Serves the page on the loopback, in a thread of ``traingauge up``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import requests

from traingauge.delivery.http.page import POLICY
from traingauge.stack.errors import QueryError
from traingauge.stack.local import LocalHandler, LocalServer
from traingauge.stack.prometheus import PrometheusApi
from traingauge.stack.server import free_port

from . import html, readings


class Overview(LocalServer):
    """The page, while the ``with`` block runs.

    Args:
        prometheus_url: The Prometheus that has the runs.
        links: Further servers, by what they are called.
        port: The port to try first; 0 takes a free one.
    """

    def __init__(self, prometheus_url: str, links: Mapping[str, str], *, port: int = 0) -> None:
        self._prometheus = PrometheusApi(prometheus_url)
        self._links = dict(links)
        super().__init__("overview", _handler(self), port=free_port(port))

    def answer(self, path: str) -> tuple[HTTPStatus, str]:
        """The page at a path."""
        now, asked = time.time(), urlsplit(path)
        try:
            if asked.path == "/":
                return HTTPStatus.OK, html.all_runs(readings.runs(self._prometheus), self._links, now)
            if asked.path == "/run":
                given = parse_qs(asked.query)
                return self._run(given.get("model", [""])[0], given.get("run", [""])[0], now)
            if (
                asked.path == "/runbook"
                and (alert := parse_qs(asked.query).get("alert", [""])[0]) in html.RUNBOOKS
            ):
                return HTTPStatus.OK, html.runbook(alert)
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


def _handler(page: Overview) -> type[LocalHandler]:
    class Handler(LocalHandler):
        def get(self) -> None:
            if not self.is_expected():
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return
            status, text = page.answer(self.path)
            self.answer(status, text, "text/html", Content_Security_Policy=POLICY, Cache_Control="no-store")

    return Handler
