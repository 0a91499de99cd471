"""Logging: a record of the package reaches the handlers of a script, and never fails it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from traingauge import ModelMonitor, Reference
from traingauge.logs import logger


class Failing(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the disk of the log is full")


@pytest.fixture
def failing_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger.logger, "handlers", [Failing()])


def test_a_record_is_of_the_line_that_logs(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("one")
    logger.log(logging.WARNING, "two")
    assert [(record.name, record.funcName) for record in caplog.records] == [
        ("traingauge", "test_a_record_is_of_the_line_that_logs")
    ] * 2


@pytest.mark.usefixtures("failing_handler")
def test_a_handler_that_raises_does_not_reach_the_script() -> None:
    ModelMonitor("m", run="r", delivery=[])
    reference = Reference.from_data(np.arange(40.0).reshape(20, 2))
    with ModelMonitor("m", run="r", delivery=[], reference=reference) as monitor:  # which replaces the first
        monitor.step(loss=1.0, features=np.ones((4, 2)))
        assert monitor.rows()["loss"].tolist() == [1.0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_show_what_its_parent_logged() -> None:
    script = """
import os
from traingauge import logs
logs.logger.warning("of the parent")
if not (child := os.fork()):
    logs.logger.warning("of the child")
    print([text for _, text in logs.recent], flush=True)
    os._exit(0)
os.waitpid(child, 0)
print([text for _, text in logs.recent])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['of the child']\n['of the parent']\n"


CLOSED = """
import sys
from traingauge import ModelMonitor
sys.stderr.close()
first = ModelMonitor("m", run="r", delivery=[])
with ModelMonitor("m", run="r", delivery=[]) as second:
    second.step(loss=1.0)
    print(second.rows()["loss"].tolist())
"""


def test_a_closed_standard_error_does_not_reach_the_script() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, text=True, check=True)
    assert done.stdout == "[1.0]\n"
