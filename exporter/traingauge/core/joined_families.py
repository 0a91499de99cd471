"""Families of one metric that several collectors have, as one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, groupby

from traingauge.core.families import Family, Key


class JoinedFamilies:
    """Joins families; the keys of what was joined stay the same object while those of its parts do.

    >>> from traingauge.catalog import CATALOG
    >>> from traingauge.core.families import keys
    >>> whole, output = keys(("train",)), keys(("train", "age"))
    >>> parts = [Family(CATALOG["model_loss"], whole, (3.0,)), Family(CATALOG["model_loss"], output, (2.0,))]
    >>> joined = JoinedFamilies(); (family,) = joined.join(parts); (again,) = joined.join(parts)
    >>> [key.labels for key in family.keys], family.values, family.keys is again.keys
    ([('train',), ('train', 'age')], [3.0, 2.0], True)
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[tuple[Key, ...], ...], tuple[Key, ...]]] = {}

    def join(self, families: Iterable[Family]) -> list[Family]:
        """One family a metric.

        Args:
            families: Those of a metric next to each other.
        """
        joined = []
        for name, group in groupby(families, key=lambda family: family.metric.name):
            parts = list(group)
            joined.append(parts[0] if len(parts) == 1 else self._one(name, parts))
        return joined

    def _one(self, name: str, parts: list[Family]) -> Family:
        given = tuple(part.keys for part in parts)
        known = self._last.get(name)
        if known is None or [*map(id, known[0])] != [*map(id, given)]:
            known = self._last[name] = (given, tuple(chain.from_iterable(given)))
        return Family(parts[0].metric, known[1], [value for part in parts for value in part.values])
