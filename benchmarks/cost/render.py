"""Rendering 10 000 series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from benchmarks.cost.harness import Arm, Check, Row, race
from traingauge.catalog import CATALOG
from traingauge.core.families import Family, Identity, keys
from traingauge.delivery.exposition import Renderer

SERIES = 10_000
IDENTITY = Identity("model", "20261124T230507-1a2b")


class Gauges:
    """One family of gauges, as traingauge has it and as prometheus_client has it.

    Args:
        series: How many.
    """

    def __init__(self, series: int = SERIES) -> None:
        metric = CATALOG["model_feature_drift"]
        self._metric = metric
        self._keys = keys(*((f"feature_{at}", "psi") for at in range(series)))
        self._random = np.random.default_rng(0)
        self.values = self._random.random(series)
        self.registry = CollectorRegistry()
        gauge = Gauge(
            metric.name, metric.help, ["model", "run", "feature", "statistic"], registry=self.registry
        )
        self._children = [gauge.labels(*IDENTITY.name, *key.labels) for key in self._keys]

    def curves(self, share: float, length: int = 16) -> Iterator[list[Family]]:
        """Values of one scrape after the other, without end; a share of them changes each time."""
        states = []
        for _ in range(length):
            where = self._random.permutation(len(self.values))[: round(share * len(self.values))]
            self.values[where] = self._random.random(len(where))
            states.append([Family(self._metric, self._keys, self.values.tolist())])
        return cycle(states)

    def check(self, renderer: Renderer, families: list[Family]) -> bytes:
        """Both write the same bytes: these."""
        self._copy(families[0].values)
        text = renderer.render(families, "text")
        assert text == generate_latest(self.registry)
        return text

    def _copy(self, values: Sequence[float]) -> None:
        for child, value in zip(self._children, values, strict=True):
            child.set(value)


def measure(seconds: float) -> Row:
    """The renderer of traingauge against ``generate_latest``, by the share of changed values."""
    gauges, renderer = Gauges(), Renderer(IDENTITY)
    scrapes = gauges.curves(0.1)
    ready = [gauges.check(renderer, next(scrapes)) for _ in range(3)][-1].splitlines(keepends=True)

    def ours(what: str, share: float) -> Arm:
        renderer, scrapes = Renderer(IDENTITY), gauges.curves(share)
        return Arm(
            f"traingauge: {what}",
            lambda count: [renderer.render(next(scrapes), "text") for _ in range(count)],
            ours=True,
        )

    found = race(
        [
            Arm("generate_latest", lambda count: [generate_latest(gauges.registry) for _ in range(count)]),
            Arm(
                "joining lines that are ready (limit)", lambda count: [b"".join(ready) for _ in range(count)]
            ),
            ours("none changed", 0.0),
            ours("10 % changed", 0.1),
            ours("all values changed", 1.0),
        ],
        seconds,
    )
    faster = {name: 1 / figure.ratio for name, figure in found.items()}
    return Row(
        title=f"Rendering {SERIES:,} gauges".replace(",", " "),
        unit="a scrape",
        figures=list(found.values()),
        checks=[
            Check(
                "generate_latest ÷ ours, all changed",
                faster["traingauge: all values changed"],
                10,
                at_most=False,
            ),
            Check(
                "generate_latest ÷ ours, 10 % changed", faster["traingauge: 10 % changed"], 40, at_most=False
            ),
        ],
        note="Work alone, without the pauses in which training may have the GIL. Both write the same bytes: asserted. What "
        "changed is spliced into text that is kept, so ours moves memory where the base computes: with other programs in "
        "the processor's cache the ratio falls, by a tenth at a load of 18.",
    )
