"""A server process is stopped with its children, whatever it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until
from traingauge.stack import server
from traingauge.stack.reaper import Reaper
from traingauge.stack.server import Server


def test_a_server_that_outlives_its_kill_is_not_waited_for_and_left_to_the_reaper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Reaper() as reaper:
        stubborn = Server(
            name="stubborn",
            command=lambda port: [sys.executable, "-u", "-m", "http.server", str(port), "--bind=127.0.0.1"],
            ready_path="/",
            listening="Serving HTTP",
            log=tmp_path / "log",
            reaper=reaper,
        )
        stubborn.start()
        process = stubborn._process
        with monkeypatch.context() as patch:
            patch.setattr(os, "killpg", lambda group, number: None)
            patch.setattr(server, "STOP_TIMEOUT", 0.1)
            stubborn.stop()
        assert process is not None
        assert process.poll() is None
    wait_until(lambda: process.poll() is not None)
