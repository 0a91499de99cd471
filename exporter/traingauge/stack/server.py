"""One server process: started on a free port, waited for, stopped with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from .client import get
from .errors import ServerDiedError
from .reaper import Reaper
from .signals import signals_held_back

#: Seconds between two polls of a condition.
POLL = 0.05

#: Seconds for a server to become ready on a busy machine, and to stop before it is killed.
START_TIMEOUT, STOP_TIMEOUT = 300.0, 10.0

#: Another process can take a free port before the server binds it; then another one is tried.
_TRIES = 5
_TAKEN = "address already in use"


@dataclass(slots=True)
class Server:
    """A server program on a port of 127.0.0.1.

    Attributes:
        name: For messages.
        command: The command line for a given port.
        ready_path: Answers 200 when the server is ready.
        listening: What its log says once it listens. Without that, the answer could be that of another process that took
            the port first.
        log: The file that receives its output.
        reaper: Kills it if this process dies.
        environment: Variables in addition to those of this process.
        port: The port to try first; 0 takes a free one.
    """

    name: str
    command: Callable[[int], Sequence[str | Path]]
    ready_path: str
    listening: str
    log: Path
    reaper: Reaper
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id, which is its process group too."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            ServerDiedError: It ended, or was not ready in time; with the tail of its log.
        """
        for attempt in range(_TRIES):
            self.port = free_port(self.port if attempt == 0 else 0)
            self._launch()
            try:
                self._wait_until_ready()
            except ServerDiedError as error:
                self.stop()
                if _TAKEN not in error.log_tail or attempt == _TRIES - 1:
                    raise
            else:
                return

    def check(self) -> None:
        """Raise :class:`ServerDiedError` if it has ended."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise ServerDiedError(self.name, f"ended with exit code {code}", self.log_tail())

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Stop it and all its children, if it runs."""
        stop_all([self])

    def terminate(self) -> None:
        """Ask its process group to stop (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill what is left of its process group.

        One that even this does not end within :data:`STOP_TIMEOUT`, as a thread of it hangs in the kernel, is left to the
        reaper.
        """
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self.wait(STOP_TIMEOUT)
            if self._process.poll() is not None:
                self.reaper.release(self._process.pid)
            self._process = None

    def wait(self, timeout: float) -> None:
        """Wait until it has ended, at most ``timeout`` seconds."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)

    def _launch(self) -> None:
        # Between the start of the process and the note of its id, an exception would leave a server that nothing stops.
        with self.log.open("wb") as log, signals_held_back():
            # In its own session: Ctrl-C on the terminal reaches the launcher alone, which stops the servers in order.
            self._process = subprocess.Popen(
                list(map(str, self.command(self.port))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | self.environment,
                cwd=self.log.parent,
            )
            self.reaper.watch(self._process.pid)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            self.check()
            if self.listening in self.log.read_text(errors="replace") and self._answers():
                return
            time.sleep(POLL)
        raise ServerDiedError(self.name, f"was not ready within {START_TIMEOUT:g} s", self.log_tail())

    def _answers(self) -> bool:
        try:
            return get(self.url + self.ready_path, timeout=5).ok
        except requests.RequestException:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def stop_all(servers: Sequence[Server]) -> None:
    """Stop servers at the same time; one that does not stop within :data:`STOP_TIMEOUT` is killed.

    Another Ctrl-C while they stop kills them at once.
    """
    try:
        for server in servers:
            server.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        for server in servers:
            server.wait(max(deadline - time.monotonic(), 0.0))
    finally:
        for server in servers:
            server.kill()


def free_port(preferred: int) -> int:
    """The preferred port of 127.0.0.1 if it is free, else (and for 0) one that is."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise ServerDiedError("the system", "has no free port on 127.0.0.1", "")
