"""One server for all runs of this process that listen at the same address, with the same settings.

So a sweep of hundreds of runs takes one socket, one thread and one port. The server is opened by the first run and closed by
the last. The next one at the same address says how runs ended whose end no scrape has seen: it is the same target.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from traingauge.delivery.http.served import ServedRun
from traingauge.delivery.http.server import Server
from traingauge.forks import leave_to_parent_after_fork


class SharedServers:
    """The servers of a process, by what they are set to."""

    def __init__(self) -> None:
        self._servers: dict[Hashable, Server] = {}
        self._ended: dict[Hashable, tuple[tuple[ServedRun, float], ...]] = {}
        # A signal handler may close a run while its thread closes another.
        self._lock = threading.RLock()
        leave_to_parent_after_fork(self)

    def serve(self, run: ServedRun, settings: Hashable, start: Callable[[], Server]) -> Server:
        """Serve a run; another one of the same model and name that is still served leaves first.

        One run may have several endpoints, each at a server of its own.

        Args:
            run: The run.
            settings: Runs with equal ones share a server.
            start: Starts the server, if none is there.

        Returns:
            The server.

        Raises:
            TrainGaugeError: The server cannot start.
        """
        for there, server in list(self._servers.items()):
            for one in server.runs:
                if one.view.identity.name == run.view.identity.name and (
                    one.view is not run.view or there == settings
                ):
                    one.leave()
        with self._lock:
            if settings not in self._servers:
                self._servers[settings] = start()
                self._servers[settings].keep(*self._ended.pop(settings, ()))
            for server in self._servers.values():
                server.forget(run.view.identity.name)
            self._servers[settings].add(run)
            return self._servers[settings]

    def leave(self, run: ServedRun, server: Server, *, unseen_since: float | None = None) -> None:
        """Serve a run no longer; the server is closed with its last one.

        Args:
            run: The run.
            server: Its server.
            unseen_since: Clock reading of its end, if no scrape has seen that; what remains of the run is then served.
        """
        ended = [] if unseen_since is None else [(run.remains(), unseen_since)]
        with self._lock:  # held while it closes, so that the next run finds the port free
            server.remove(run)
            server.keep(*ended)
            for settings, one in list(self._servers.items()):
                if one is server and not server.runs:
                    del self._servers[settings]
                    if server.fixed:  # else the next one listens at another address
                        self._ended[settings] = server.ended  # few, and small
                    server.close()

    def leave_to_parent(self) -> None:
        """A child starts servers of its own."""
        self._servers.clear()
        self._ended.clear()
        self._lock = threading.RLock()


#: Those of this process.
SERVERS = SharedServers()
