"""A real Pushgateway on a free port."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from traingauge.stack.programs import APT_INSTALL
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server


def _program() -> str | None:
    return shutil.which("pushgateway") or shutil.which("prometheus-pushgateway")


@contextmanager
def pushgateway(folder: Path) -> Iterator[Server]:
    """Start one; where there is none and it cannot be installed, the test is skipped."""
    if (program := _program()) is None:
        subprocess.run([APT_INSTALL, "prometheus-pushgateway"], check=False)
        program = _program()
    if program is None:
        pytest.skip("there is no Pushgateway on this machine, and it cannot be installed")
    with Reaper() as reaper:
        server = Server(
            name="pushgateway",
            command=lambda port: [
                program,
                f"--web.listen-address=127.0.0.1:{port}",
                "--persistence.file=",  # Debian's has one that all would share
            ],
            ready_path="/-/ready",
            listening="Listening on",
            log=folder / "pushgateway.log",
            reaper=reaper,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def groups(url: str) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Metrics of each group by its job, model and run."""
    answer = requests.get(f"{url}/api/v1/metrics", timeout=30).json()
    names = ("job", "model", "run")
    return {tuple(group["labels"].get(name, "") for name in names): group for group in answer["data"]}


def value(group: Mapping[str, Any], name: str, /, **labels: str) -> float | None:
    """One sample of a group; ``None`` if it has none with all of these labels."""
    for one in group.get(name, {}).get("metrics", ()):
        if labels.items() <= one["labels"].items():
            return float(one["value"])
    return None
