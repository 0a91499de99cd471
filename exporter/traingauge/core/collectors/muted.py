"""The alerts that a run mutes, because what they report is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from traingauge import validation
from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, keys
from traingauge.errors import InvalidArgumentError

_ALERT = re.compile(r"Model[A-Z][A-Za-z]*")


def parse(mute: object) -> tuple[str, ...]:
    """Names of alerts as a user gives them, checked and each once.

    Raises:
        InvalidTypeError: Not a list of names.
        InvalidArgumentError: One cannot be the name of an alert.

    >>> parse(["ModelLossDiverging", "ModelStuck", "ModelStuck"])
    ('ModelLossDiverging', 'ModelStuck')
    """
    names = validation.names("mute", mute)
    for name in names:
        if not _ALERT.fullmatch(name):
            raise InvalidArgumentError(
                f"mute has {name!r}: expected names of alerts about runs, such as 'ModelLossDiverging'"
            )
    return tuple(dict.fromkeys(names))


class Muted(Collector):
    """Publishes ``model_run_muted``; the alert rules read it.

    Args:
        names: Names of alerts, as :func:`parse` gives them.

    >>> [key.labels for family in Muted(["ModelStuck"]).families() for key in family.keys]
    [('ModelStuck',)]
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = tuple(names)
        self._family = Family(
            CATALOG["model_run_muted"], keys(*((name,) for name in names)), (1.0,) * len(names)
        )

    def families(self) -> Iterator[Family]:
        """What is muted."""
        if self._family.keys:
            yield self._family
