"""Facts as plain text for a terminal."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Seconds as a person says them, in at most two units.

    >>> duration(5.2), duration(90), duration(7260), duration(200_000), duration(math.nan)
    ('5s', '1m 30s', '2h 1m', '2d 7h', '-')
    """
    if not math.isfinite(seconds):
        return "-"
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size}{unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2])


def printable(text: str) -> str:
    r"""Text without characters that would steer the terminal.

    >>> printable("a\x1b[2Jb")
    'a?[2Jb'
    """
    return "".join(each if each.isprintable() else "?" for each in text)
