"""A server of Prometheus' family from a package of Debian, on a free port."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from traingauge.stack.programs import APT_INSTALL
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server


@contextmanager
def real_server(name: str, folder: Path, *flags: str, ready_path: str) -> Iterator[Server]:
    """Start one; where there is none and it cannot be installed, the test is skipped.

    Args:
        name: Its name without ``prometheus-`` in front, which Debian adds.
        folder: For its log.
        flags: Those after the address to listen on.
        ready_path: Answers 200 when it is ready.
    """
    if (program := _program(name)) is None:
        subprocess.run([APT_INSTALL, f"prometheus-{name}"], check=False)
        program = _program(name)
    if program is None:
        pytest.skip(f"there is no {name} on this machine, and it cannot be installed")
    with Reaper() as reaper:
        server = Server(
            name=name,
            command=lambda port: [program, f"--web.listen-address=127.0.0.1:{port}", *flags],
            ready_path=ready_path,
            listening="Listening on",
            log=folder / f"{name}.log",
            reaper=reaper,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _program(name: str) -> str | None:
    return shutil.which(name.replace("-", "_")) or shutil.which(f"prometheus-{name}")
