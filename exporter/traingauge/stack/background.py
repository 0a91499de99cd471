"""Starts the stack of a user in the background, and stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from .errors import BackgroundError, StackError
from .home import Home, Record
from .server import POLL, START_TIMEOUT

#: Seconds for the stack to stop: its servers get ten of them before they are killed.
STOP_TIMEOUT = 60.0


def start(home: Home, arguments: Sequence[str]) -> Record:
    """Start ``traingauge up`` with these arguments, detached from the terminal, and wait until its servers are ready.

    Raises:
        BackgroundError: It ended, or was not ready in time; with what it printed.
    """
    home.directory.mkdir(parents=True, exist_ok=True)
    with home.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "traingauge", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        record = home.record()
        if record is not None and record.pid == process.pid and record.urls:
            return record
        time.sleep(POLL)
    process.terminate()
    raise BackgroundError(home.log.read_text(encoding="utf-8", errors="replace").strip())


def stop(home: Home) -> bool:
    """Stop the stack and wait for its end; returns whether one ran.

    Raises:
        StackError: It did not end in time, or belongs to another user.
    """
    record = home.running()
    if record is None:
        return False
    try:
        os.kill(record.pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise StackError(f"the stack of {home.directory} is process {record.pid} of another user") from error
    deadline = time.monotonic() + STOP_TIMEOUT
    while home.running() is not None:
        if time.monotonic() > deadline:
            raise StackError(f"process {record.pid} did not stop within {STOP_TIMEOUT:g} s")
        time.sleep(POLL)
    return True
