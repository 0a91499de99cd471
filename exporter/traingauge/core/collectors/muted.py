"""The alerts that a run mutes, because what they report is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache

from traingauge import validation
from traingauge.catalog import CATALOG
from traingauge.core.alert_names import ALERTS
from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, keys
from traingauge.errors import InvalidArgumentError, shown
from traingauge.logs import logger
from traingauge.version import __version__

_ALERT = re.compile(r"Model[A-Z][A-Za-z]*")


def parse(mute: object) -> tuple[str, ...]:
    """Names of alerts as a user gives them, checked and each once.

    A name that no alert of this version has is logged: rules of another version, or of the user's own, may have it.

    Raises:
        InvalidTypeError: Not a list of names.
        InvalidArgumentError: One cannot be the name of an alert, or is too long for a label.

    >>> parse(["ModelLossDiverging", "ModelStuck", "ModelStuck"])
    ('ModelLossDiverging', 'ModelStuck')
    """
    names = validation.names("mute", mute)
    for name in names:
        if not _ALERT.fullmatch(name):
            raise InvalidArgumentError(
                f"mute has {shown(name)}: expected names of alerts about runs, such as 'ModelLossDiverging'"
            )
        validation.name("a name in mute", name)
        if name not in ALERTS:
            _doubt(name)
    return tuple(dict.fromkeys(names))


@cache
def _doubt(name: str) -> None:
    """Log, once a process, that no alert of this version has the name."""
    close = " or ".join(map(repr, get_close_matches(name, ALERTS)))
    logger.warning(
        "mute has %r, and traingauge %s has no alert about runs of that name%s",
        name,
        __version__,
        f": did you mean {close}?" if close else "",
    )


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
