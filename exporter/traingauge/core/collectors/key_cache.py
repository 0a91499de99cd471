"""A cache that keeps keys identical objects while their label sets are equal."""

from __future__ import annotations

from traingauge.core.families import Key, keys


class KeyCache:
    """Caches the last keys of each group of label sets.

    >>> cache = KeyCache()
    >>> cache.keys("split", (("train",),)) is cache.keys("split", (("train",),))
    True
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[tuple[str | None, ...], ...], tuple[Key, ...]]] = {}

    def keys(self, group: str, labels: tuple[tuple[str | None, ...], ...]) -> tuple[Key, ...]:
        """Keys for label values, the same objects as in the last call if the values are equal.

        Args:
            group: Name of the group; each group caches its last keys.
            labels: Label values, one tuple per key.
        """
        known = self._last.get(group)
        if known is None or known[0] != labels:
            known = self._last[group] = (labels, keys(*labels))
        return known[1]
