"""A crash in the first seconds of a run is known, although no Prometheus has seen the run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.process.test_ends import PYTHONS
from tests.waiting import PATIENCE

SCRIPT = """
from traingauge import Alertmanager, Endpoint, ModelMonitor
monitor = ModelMonitor(
    "m", run="r", delivery=[Endpoint(discovery_dir={directory!r})], alerts=Alertmanager({url!r})
)
{end}
"""


@pytest.fixture
def taken() -> Iterator[tuple[str, list[str]]]:
    """The address of an Alertmanager, and the names of the alerts that it took."""
    names: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            names.extend(alert["labels"]["alertname"] for alert in alerts)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", names
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("end", "alerts"),
    [
        ("raise ValueError", ["TrainingCrashed"]),
        ("import sys; sys.exit(3)", ["TrainingCrashed"]),
        ("import os; os.kill(os.getpid(), 15)", []),
        ("raise KeyboardInterrupt", []),
    ],
)
def test_a_crash_of_the_first_moment_is_sent_before_the_process_exits(
    tmp_path: Path, taken: tuple[str, list[str]], python: str, end: str, alerts: list[str]
) -> None:
    url, names = taken
    script = SCRIPT.format(directory=str(tmp_path), url=url, end=end)
    done = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert names == alerts, done.stderr
    assert "Exception ignored" not in done.stderr
    assert not list(tmp_path.glob("*.json"))
