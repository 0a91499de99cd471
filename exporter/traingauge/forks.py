"""What a forked child, such as a data loader's worker, does with the parent's runs: it leaves them alone.

The child inherits a copy of every lock, also of one that a thread of the parent held and nothing will ever release, and of
every file and socket, which would stay open until the child ends.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol, TypeVar

#: Most seconds that a fork waits for a reading of a run that is under way.
HOLD_SECONDS = 1.0


class Inherited(Protocol):
    """What a child must not keep as it finds it."""

    def leave_to_parent(self) -> None:
        """Called in the child, right after the fork, when no other thread runs."""


class Held(Protocol):
    """What nothing else may change or interrupt at the moment of a fork: the child would find it half changed."""

    def hold(self, at_most: float) -> Callable[[], object] | None:
        """Keep others out; returns what lets them in again, in the parent and in the child.

        ``None`` if they could not be kept out within some seconds.
        """


_inherited: weakref.WeakKeyDictionary[Inherited, None] = weakref.WeakKeyDictionary()
_to_hold: weakref.WeakKeyDictionary[Held, None] = weakref.WeakKeyDictionary()
_holds = threading.local()

T = TypeVar("T")


def leave_to_parent_after_fork(one: Inherited) -> None:
    """Call ``one.leave_to_parent()`` in each forked child, as long as it exists."""
    _inherited[one] = None


def hold_during_forks(one: Held) -> None:
    """Hold it during each fork, as long as it exists. What comes first is held first, and released last."""
    _to_hold[one] = None


def _hold_all() -> None:
    _holds.now = now = []
    for one in _living(_to_hold):
        now.append(one.hold(HOLD_SECONDS))  # one by one: Ctrl-C may interrupt it


def _release_all() -> None:
    now, _holds.now = getattr(_holds, "now", ()), ()
    _call_all([release for release in reversed(now) if release is not None])


def _leave_all() -> None:
    _call_all([*(one.leave_to_parent for one in _living(_inherited)), _release_all])


def _call_all(calls: Sequence[Callable[[], object]]) -> None:
    """Call each, also after one that raises; Python prints what a function of a fork raises, and continues."""
    with ExitStack() as stack:
        for call in reversed(calls):
            stack.callback(call)


def _living(registry: weakref.WeakKeyDictionary[T, None]) -> list[T]:
    """Those that still exist, in order; other threads may add some meanwhile."""
    return [one for reference in registry.keyrefs() if (one := reference()) is not None]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_all, after_in_parent=_release_all, after_in_child=_leave_all)  # noqa: TID251
