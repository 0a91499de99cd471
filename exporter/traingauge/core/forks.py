"""What a forked child, such as a data loader's worker, does with the parent's runs: it leaves them alone.

The child inherits a copy of every lock, also of one that a thread of the parent held and nothing will ever release, and of
every file and socket, which would stay open until the child ends.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Inherited(Protocol):
    """What a child must not keep as it finds it."""

    def leave_to_parent(self) -> None:
        """Called in the child, right after the fork, when no other thread runs."""


_inherited: weakref.WeakSet[Inherited] = weakref.WeakSet()


def leave_to_parent_after_fork(one: Inherited) -> None:
    """Call ``one.leave_to_parent()`` in each forked child, as long as it exists."""
    _inherited.add(one)


def _leave_all() -> None:
    for one in list(_inherited):
        one.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)
