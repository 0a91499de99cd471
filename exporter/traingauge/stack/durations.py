"""Durations as Prometheus and Alertmanager write them, such as ``1m30s``."""

from __future__ import annotations

import re

from .errors import ConfigError

#: Milliseconds in each unit, largest first, which is the order that Prometheus demands.
UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}

_PART = re.compile(r"(\d+)(ms|[ywdhms])")


def milliseconds(text: str) -> int:
    """The length of a duration in milliseconds.

    Raises:
        ConfigError: The text is not a duration.

    >>> milliseconds("1m30s"), milliseconds("250ms"), milliseconds("0s")
    (90000, 250, 0)
    """
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        if text == "0":
            return 0
        raise ConfigError(
            f"{text!r} is not a duration: expected numbers with units {', '.join(UNITS)}, as in '1m30s'"
        )
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def duration(length: int) -> str:
    """The text of a duration in milliseconds.

    >>> duration(90000), duration(6500), duration(0)
    ('1m30s', '6s500ms', '0s')
    """
    text = ""
    for unit in ("h", "m", "s", "ms"):
        count, length = divmod(length, UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def divided(text: str, factor: float, *, floor: int = 1) -> str:
    """A duration divided by a factor, but no shorter than ``floor`` milliseconds.

    A duration that is already below the floor is kept: dividing never lengthens. Zero stays zero.

    >>> divided("5m", 10), divided("30s", 10, floor=4000), divided("2s", 10, floor=4000), divided("0s", 10)
    ('30s', '4s', '2s', '0s')
    """
    given = milliseconds(text)
    shorter = min(given, max(round(given / factor), floor))
    return text if shorter == given else duration(shorter)
