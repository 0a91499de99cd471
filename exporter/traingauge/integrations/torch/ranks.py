"""The place of this process among those that train one model together."""

from __future__ import annotations

from torch import distributed


def rank() -> int:
    """The rank of this process; 0 where it trains alone.

    >>> rank()
    0
    """
    return int(distributed.get_rank()) if _together() else 0


def of_all() -> str:
    """The rank in words; empty where the process trains alone.

    >>> of_all()
    ''
    """
    return f"{distributed.get_rank()} of {distributed.get_world_size()}" if _together() else ""


def _together() -> bool:
    return bool(distributed.is_available() and distributed.is_initialized())
