"""A Prometheus of the benchmark, and how much of a processor it has used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traingauge.stack.programs import find_programs
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server

_TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def prometheus(folder: Path, config: dict[str, Any]) -> Iterator[Server]:
    """A server with this configuration, on the data that lie in the folder."""
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    with Reaper() as reaper:
        server = Server(
            name="prometheus",
            command=lambda port: [
                find_programs().prometheus.path,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--query.timeout=10m",
                "--query.max-samples=500000000",
            ],
            ready_path="/-/ready",
            listening="Server is ready",
            log=folder / "prometheus.log",
            reaper=reaper,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def processor_seconds(server: Server) -> float:
    """Seconds of processors that a server has used."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
