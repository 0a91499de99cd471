"""A run that registers with a service, ``traingauge sd``, by which a Prometheus finds it that sees no directory of it.

A thread registers it, and again at intervals: a service that has lost it lists it again, and forgets a run that is gone.
Nothing waits for the service but the end of the run, and that for a few seconds.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace

from traingauge.core.guard import Guard
from traingauge.delivery.announcement import RENEW_SECONDS, Announcement
from traingauge.delivery.peer import Peer, PeerError
from traingauge.forks import leave_to_parent_after_fork

#: Most seconds that the end of the run waits until the service has taken it.
LEAVE_SECONDS = 3.0


class Lease:
    """The registration of one run.

    Args:
        peer: The service.
        run: What is registered.
        guard: Counts registrations that fail.
        setting: Name of the setting that names the file with the token, for errors.
    """

    def __init__(self, peer: Peer, run: Announcement, guard: Guard, *, setting: str) -> None:
        self._peer, self._guard, self._setting = peer, guard, setting
        self._path = f"/runs/{os.urandom(16).hex()}"  # only one who knows it can end the lease
        self._wanted: Announcement | None = run
        self._left = self._is_asked = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="traingauge-lease", daemon=True)
        self._thread.start()
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """The lease is the parent's: a child neither renews nor ends it, and closes its copy of a connection."""
        self._changed, self._left = threading.Condition(), True
        self._peer.close()

    def is_looked_for(self) -> bool:
        """Whether a Prometheus has asked the service for its list lately."""
        return self._is_asked

    @property
    def linger(self) -> float:
        """Longest time in seconds for :meth:`leave`; a service that was late once may have listed the run all the same."""
        return LEAVE_SECONDS

    def note(self, ended: str) -> None:
        """Say how the run ended, while it still answers.

        Args:
            ended: Final state of the run.
        """
        with self._changed:
            if not self._left and self._wanted is not None:
                self._wanted = replace(self._wanted, ended=ended)
                self._changed.notify_all()

    def leave(self, *, seen: bool, deadline: float) -> None:
        """End the lease, or leave what :meth:`note` has said until it ends, as the run no longer answers.

        Args:
            seen: Whether a scrape has seen the end.
            deadline: Reading of ``time.monotonic()`` until which the service is waited for.
        """
        with self._changed:
            if self._left:
                return
            noted = self._wanted is not None and self._wanted.ended != "" and not seen
            self._wanted = replace(self._wanted, serves=False) if noted and self._wanted else None
            self._left = True
            self._changed.notify_all()
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        wanted, left = self._wanted, False
        while not left:
            self._guard.shield("registration", self._tell, wanted)
            wanted, left = self._next(wanted)
        self._guard.shield("registration", self._tell, wanted)
        self._peer.close()

    def _next(self, told: Announcement | None) -> tuple[Announcement | None, bool]:
        """What is wanted at the next registration, and whether it is the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or self._wanted is not told, RENEW_SECONDS)
            return self._wanted, self._left

    def _tell(self, wanted: Announcement | None) -> None:
        """Say what is wanted: a lease, or none."""
        method, body = ("DELETE", None) if wanted is None else ("PUT", wanted.registration())
        try:
            answer, _ = self._peer.request(method, self._path, body, kind="application/json")
        except PeerError as error:
            if error.reason != "credentials":
                raise
            advice = f"{self._setting} has to name a file with the token of its --registration-token-file"
            raise PeerError(error.reason, f"{error}; {advice}") from None
        try:
            self._is_asked = bool(json.loads(answer)["asked"])
        except (ValueError, LookupError, TypeError, RecursionError):
            raise PeerError("protocol", f"{self._peer.root} is no `traingauge sd`") from None
