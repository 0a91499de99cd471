"""What tests of commands share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.serving import Start
from tests.waiting import PATIENCE
from traingauge.cli import sd
from traingauge.cli.sd import Service
from traingauge.delivery.leases import Leases


@pytest.fixture
def serving(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Serves a directory, and registered runs if they have a token, and returns where."""
    monkeypatch.setattr(sd, "EVERY", 0.05)
    over, threads = threading.Event(), []

    def start(
        directory: Path, token: str | None = None, host: str = "127.0.0.1", runs: str | None = None
    ) -> str:
        leases = None if runs is None else Leases()
        service, ready = Service(directory, token, leases, runs), threading.Event()

        def wait() -> None:
            ready.set()
            over.wait(PATIENCE)

        threads.append(threading.Thread(target=sd.serve, args=(service, host, 0, wait)))
        threads[-1].start()
        assert ready.wait(PATIENCE)
        return capsys.readouterr().out.split()[0]

    yield start
    over.set()
    for thread in threads:
        thread.join(PATIENCE)
