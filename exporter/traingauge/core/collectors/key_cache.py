"""Keys that stay the same object for as long as the label sets they are made of stay equal."""

from __future__ import annotations

from traingauge.core.families import Key, keys


class KeyCache:
    """Remembers the last keys of each group of label sets.

    >>> ring = KeyCache()
    >>> ring.keys("split", (("train",),)) is ring.keys("split", (("train",),))
    True
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[Key, ...]]] = {}

    def keys(self, group: str, labels: tuple[tuple[str, ...], ...]) -> tuple[Key, ...]:
        """Keys of one tuple of label values each.

        Args:
            group: Whose keys they are; each group remembers its last ones.
            labels: Label values, one tuple a key.
        """
        known = self._last.get(group)
        if known is None or known[0] != labels:
            known = self._last[group] = (labels, keys(*labels))
        return known[1]
