"""A fleet of runs that all train, each a target of its own, behind one small server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: For how long the runs have been training.
AGE = 86400.0


class Fleet:
    """Serves the scrapes of one run under many names, from a moment of its own each.

    Args:
        scrapes: What the run publishes, scrape by scrape, with placeholders.
        runs: How many names.
        every: Seconds between two scrapes.
    """

    def __init__(self, scrapes: Sequence[str], runs: int, every: float) -> None:
        self._bodies = [text.encode() for text in scrapes]
        self._every, self.runs = every, runs
        self.begun = time.time() - AGE
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = fleet.body(int(self.path.rsplit("-", 1)[1]), time.time())
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def body(self, run: int, now: float) -> bytes:
        """What a run publishes at a moment."""
        body = self._bodies[int(now / self._every + run) % len(self._bodies)]
        for placeholder, value in (
            (b"@RUN@", f"r-{run}"),
            (b"@START@", f"{self.begun}"),
            (b"@NOW@", f"{now}"),
        ):
            body = body.replace(placeholder, value.encode())
        return body

    def targets(self, file: Path) -> None:
        """Write the discovery file of the fleet."""
        address = f"127.0.0.1:{self._server.server_port}"
        groups = [
            {
                "targets": [address],
                "labels": {"__metrics_path__": f"/r-{run}", "instance": f"{address}/r-{run}"},
            }
            for run in range(self.runs)
        ]
        file.write_text(json.dumps(groups))

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
