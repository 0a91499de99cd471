"""The place of this process among those that train one model together.

Before the processes know each other, as where a loop calls ``init_process_group`` late, the variables say it from which that
reads its place: ``torchrun`` and other launchers set all of them.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from torch import distributed


class Place(NamedTuple):
    """The rank of a process, and how many there are."""

    rank: int
    of: int


def rank() -> int:
    """The rank of this process; 0 where it trains alone.

    >>> rank()
    0
    """
    return _place().rank


def of_all() -> str:
    """The rank in words; empty where the process trains alone.

    >>> of_all()
    ''
    """
    place = _place()
    return f"{place.rank} of {place.of}" if place.of else ""


def _place() -> Place:
    if distributed.is_available() and distributed.is_initialized():
        return Place(int(distributed.get_rank()), int(distributed.get_world_size()))
    return _launched()


def _launched() -> Place:
    """The place that a launcher has given; of no processes without one."""
    try:
        place = Place(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    except (KeyError, ValueError):
        return Place(0, 0)
    complete = "MASTER_ADDR" in os.environ and 0 <= place.rank < place.of
    return place if complete else Place(0, 0)
