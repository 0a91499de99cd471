"""Structure of the model: its parameters, and changes of its architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.families import Family, keys, single
from traingauge.logs import logger

if TYPE_CHECKING:
    from traingauge.core.model_description import ModelDescription

_KEYS = keys(("true",), ("false",))


class ModelInfo(Collector):
    """Publishes the last description of the model; nothing before the first."""

    def __init__(self) -> None:
        self._description: ModelDescription | None = None
        self._architecture: str | None = None
        self._changes = 0

    @property
    def facts(self) -> dict[str, str]:
        """Facts for display, by title."""
        if self._description is None:
            return {}
        count = self._description.trainable + self._description.frozen
        return {"Parameters": f"{count} ({self._description.trainable} trainable)", **self._description.facts}

    def update(self, description: ModelDescription) -> None:
        """Replace the description; a change of the architecture, also since a resumed run, is counted and logged."""
        before, now = self._architecture, description.architecture
        if before not in (None, now):
            self._changes += 1
            logger.warning(
                "the architecture of the model has changed within the run: it was %s and is now %s",
                before,
                now,
            )
        self._description, self._architecture = description, now

    def families(self) -> Iterator[Family]:
        """``model_parameters`` and ``model_architecture_changes_total``."""
        if self._description is not None:
            counts = (float(self._description.trainable), float(self._description.frozen))
            yield Family(CATALOG["model_parameters"], _KEYS, counts)
            yield single("model_architecture_changes_total", float(self._changes))

    def save(self) -> dict[str, Any]:
        """The architecture, as plain values."""
        return {"architecture": self._architecture, "changes": self._changes}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._architecture, self._changes = saved["architecture"], saved["changes"]
