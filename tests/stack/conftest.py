"""A training run as Prometheus sees it: an endpoint that serves what a test says, and its target's file."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from traingauge.catalog import CATALOG, RUN_STATES

RUN = {"model": "digits", "run": "r1"}


class FakeRun:
    """Serves catalogue metrics as the test sets them.

    Attributes:
        delay: Seconds until it answers.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self.closed = threading.Event()
        self.set_state("running")
        self.set("model_steps_total", 1, split="train")
        run = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                run.closed.wait(run.delay)
                body = run.exposition().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def set(self, metric: str, value: float, **labels: str) -> None:
        assert metric in CATALOG
        assert set(labels) == set(CATALOG[metric].labels)
        self.samples[metric, tuple((RUN | labels).items())] = value

    def set_state(self, state: str) -> None:
        for known in RUN_STATES:
            self.set("model_run_state", float(known == state), state=known)

    def exposition(self) -> str:
        lines = []
        for (metric, labels), value in list(self.samples.items()):
            text = ",".join(f'{name}="{label}"' for name, label in labels)
            lines.append(f"{metric}{{{text}}} {value}\n")
        return "".join(lines)

    def announce(self, directory: Path, **labels: str) -> Path:
        file = directory / "digits-r1.json"
        unfinished = file.with_suffix(".tmp")
        unfinished.write_text(
            json.dumps([{"targets": [f"127.0.0.1:{self.server.server_port}"], "labels": RUN | labels}])
        )
        return unfinished.replace(file)

    def close(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def run() -> Iterator[FakeRun]:
    run = FakeRun()
    yield run
    run.close()
