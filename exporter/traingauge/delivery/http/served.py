"""A run as a server serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from traingauge.core.guard import Guard
from traingauge.delivery.base import RunView
from traingauge.delivery.exposition import Renderer
from traingauge.delivery.http.scrapes import Scrapes

if TYPE_CHECKING:
    from traingauge.delivery.discovery import DiscoveryFile

#: What is served of a run that is over.
OF_ENDED = frozenset(
    {
        "model_run_info",
        "model_run_state",
        "model_run_start_timestamp_seconds",
        "model_run_end_timestamp_seconds",
    }
)


@dataclass(eq=False)
class ServedRun:
    """One of the runs that a server serves, below a path of its own.

    Attributes:
        view: The run.
        links: Further links of its landing page: address by title.
        leave: Ends its being served; called when a run of the same name takes its place.
        file: Announces it to Prometheus, and is touched now and then; ``None`` if it is not announced.
        path: First part of the path of its pages.
        renderer: Turns its families into bytes.
        scrapes: Times of the last scrapes by a Prometheus.
    """

    view: RunView
    links: Mapping[str, str] = field(default_factory=dict)
    leave: Callable[[], None] = lambda: None
    file: DiscoveryFile | None = None
    path: str = field(init=False)
    renderer: Renderer = field(init=False)
    scrapes: Scrapes = field(default_factory=Scrapes)

    def __post_init__(self) -> None:
        self.path, self.renderer = self.view.identity.path_name(), Renderer(self.view.identity)

    def remains(self) -> ServedRun:
        """How the run ended, by itself: without what was recorded, which may go."""
        read = self.view.guard.shield("server", self.view.families, lambda: None) or ()
        families = [family for family in read if family.metric.name in OF_ENDED]
        view = RunView(self.view.identity, lambda maybe_yield: families, dict, Guard())
        return ServedRun(view, scrapes=self.scrapes)
