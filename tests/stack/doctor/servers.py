"""Servers that answer what a test says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from traingauge.stack.doctor.servers import shipped_groups
from traingauge.version import __version__

CONFIGURED = """\
route: {receiver: team, group_by: [cluster, model, run]}
receivers:
  - name: team
    webhook_configs: [{url: "https://example.org/hook"}]
"""


class Servers:
    """Prometheus, Alertmanager and Grafana on one port, in good order until a test changes an answer.

    Attributes:
        answers: By path, what is answered: a document, text, or a status.
        early: By path, what is answered before that, once each.
        queries: By PromQL, the vector.
        skew: Seconds by which the clock of Prometheus is ahead.
        counts: Notifications that were tried and that failed, before and after the first alert is posted.
        others: Groups of other alerts, as Alertmanager lists them.
        ended: Groups of other alerts that are over, which Alertmanager counts and does not list.
        state: Of posted alerts.
        posted: Bodies of posted alerts.
        authorizations: What requests showed to be let in.
    """

    def __init__(self) -> None:
        groups = [
            {"name": name, "rules": [{"name": f"{name}:rule", "health": "ok"}]}
            for name in sorted(shipped_groups())
        ]
        self.answers: dict[str, Any] = {
            "/api/v1/status/buildinfo": success({"version": "2.42.0"}),
            "/api/v1/rules": success({"groups": groups}),
            "/api/v1/targets": success({"activeTargets": []}),
            "/api/v1/alertmanagers": success({"activeAlertmanagers": [{"url": "http://x"}]}),
            "/api/v2/status": {"versionInfo": {"version": "0.25.0"}, "config": {"original": CONFIGURED}},
            "/api/v2/alerts": 200,
        }
        self.early: dict[str, list[Any]] = {}
        self.queries: dict[str, list[dict[str, str]]] = {
            "global:traingauge_rules_info": [{"version": __version__}]
        }
        self.skew = 0.0
        self.counts: tuple[tuple[int, int], tuple[int, int]] = ((3, 0), (4, 0))
        self.others: list[Any] = []
        self.ended = 0
        self.state = "active"
        self.posted: list[Any] = []
        self.authorizations: set[str] = set()
        servers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                servers.authorizations.add(self.headers.get("Authorization", ""))
                self._send(servers._answer(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if urlsplit(self.path).path == "/api/v2/alerts":
                    servers.posted += json.loads(body)
                self._send(servers.answers.get(urlsplit(self.path).path, 404))

            def _send(self, answer: Any) -> None:
                status = answer if isinstance(answer, int) else 200
                text = answer if isinstance(answer, str) else json.dumps(answer)
                body = b"" if isinstance(answer, int) else text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> Any:
        asked = urlsplit(path)
        if self.early.get(asked.path):
            return self.early[asked.path].pop(0)
        if asked.path == "/api/v1/query":
            return success(self._queried(parse_qs(asked.query)["query"][0]))
        if asked.path == "/api/v2/alerts":
            receivers = [{"name": "team"}]
            return [
                one | {"receivers": receivers, "status": {"state": self.state}} for one in self.posted[-1:]
            ]
        if asked.path == "/api/v2/alerts/groups":
            return self._groups()
        if asked.path == "/metrics":
            before, after = self.counts
            sent, failed = (
                old + (new - old) * len(self.posted) for old, new in zip(before, after, strict=True)
            )
            name = "alertmanager_notification_requests"
            groups = len(self._groups()) + self.ended
            return (
                f'# TYPE {name}_total counter\n{name}_total{{integration="webhook"}} {sent}\n'
                f'# TYPE {name}_failed_total counter\n{name}_failed_total{{integration="webhook"}} {failed}\n'
                f"alertmanager_dispatcher_aggregation_groups {groups}\n"
            )
        return self.answers.get(asked.path, 404)

    def _groups(self) -> list[Any]:
        return [*self.others, *(a_group(one["labels"]) for one in self.posted[-1:])]

    def _queried(self, expression: str) -> Mapping[str, Any]:
        if expression == "time()":
            return {"resultType": "scalar", "result": [0, str(time.time() + self.skew)]}
        vector = self.queries.get(expression, [])
        return {"resultType": "vector", "result": [{"metric": one, "value": [0, "1"]} for one in vector]}


def a_group(labels: Mapping[str, str], receiver: str = "team") -> dict[str, Any]:
    return {"labels": labels, "receiver": {"name": receiver}, "alerts": [{"labels": labels}]}


def success(data: Any) -> dict[str, Any]:
    return {"status": "success", "data": data}
