"""What a forked child, such as a data loader's worker, does with the parent's runs: it leaves them alone.

The child inherits a copy of every lock, also of one that a thread of the parent held and nothing will ever release, and of
every file and socket, which would stay open until the child ends.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

#: Most seconds that a fork waits for a reading of a run that is under way.
HOLD_SECONDS = 1.0


class Inherited(Protocol):
    """What a child must not keep as it finds it."""

    def leave_to_parent(self) -> None:
        """Called in the child, right after the fork, when no other thread runs."""


class Held(Protocol):
    """What no other thread may be changing at the moment of a fork: the child would find it half changed."""

    def hold(self, at_most: float) -> bool:
        """Keep other threads out; returns whether it could within some seconds."""

    def release(self) -> None:
        """Let them in again, in the parent and in the child."""


_inherited: weakref.WeakSet[Inherited] = weakref.WeakSet()
_to_hold: weakref.WeakSet[Held] = weakref.WeakSet()
_holds = threading.local()


def leave_to_parent_after_fork(one: Inherited) -> None:
    """Call ``one.leave_to_parent()`` in each forked child, as long as it exists."""
    _inherited.add(one)


def hold_during_forks(one: Held) -> None:
    """Hold it during each fork, as long as it exists."""
    _to_hold.add(one)


def _hold_all() -> None:
    _holds.now = [one for one in list(_to_hold) if one.hold(HOLD_SECONDS)]


def _release_all() -> None:
    for one in getattr(_holds, "now", ()):
        one.release()
    _holds.now = ()


def _leave_all() -> None:
    _release_all()
    for one in list(_inherited):
        one.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_all, after_in_parent=_release_all, after_in_child=_leave_all)
