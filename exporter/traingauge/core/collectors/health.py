"""The run's health as a Markov chain: its state now, and how it is likely to continue."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from traingauge.catalog import CATALOG, better_side
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family, keys, single
from traingauge.stats.health.markov_chain import expected_steps, reach_probability_within, stationary
from traingauge.stats.health.severity import Drawdown, Severity, Spike
from traingauge.stats.health.states import FAILING, STATES, state_of
from traingauge.stats.health.transitions import Transitions

#: Training steps ahead for which the probability to be failing is published.
HORIZONS = (100, 1000)

#: Readings whose mean is compared with the best, and with what was expected: of steps, and of whole passes, which are
#: calmer and rarer.
SPANS = {"train": 4, "validation": 2, "test": 2}

_STATE_KEYS = keys(*((state,) for state in STATES))
_HORIZON_KEYS = keys(*((str(horizon),) for horizon in HORIZONS))


class Health:
    """State of health at the end of each diagnostic interval, the chain of states, and the severity of every signal.

    >>> health = Health(); health.end_interval(25); health.state
    'healthy'
    >>> health.nonfinite(); health.end_interval(25); health.state
    'failing'
    """

    def __init__(self) -> None:
        self._strains: dict[tuple[str, str], Severity] = {}
        self._deviations: dict[tuple[str, str], list[float]] = {}
        self._transitions = Transitions()
        self._nonfinite = False
        self._spacing = math.nan
        self._key_cache = KeyCache()

    @property
    def state(self) -> str | None:
        """One of ``STATES``; ``None`` before the end of the first interval."""
        state = self._transitions.state
        return None if state is None else STATES[state]

    def read(self, signal: str, split: str, value: float, deviation: float) -> None:
        """Take a reading.

        Args:
            signal: Name of the metric.
            split: Where it belongs.
            value: NaN where undefined.
            deviation: From what a reference run had, in standard deviations; NaN where nothing is expected.
        """
        key = (signal, split)
        if key not in self._strains:
            self._strains[key] = _strain(signal, split)
        self._strains[key].add(value)
        better = better_side(signal)
        if better is None or math.isnan(deviation):
            self._deviations[key] = []
        else:
            recent = self._deviations.get(key, [])
            self._deviations[key] = [*recent, deviation if better == "lower" else -deviation][-SPANS[split] :]

    def nonfinite(self) -> None:
        """A loss or a gradient was NaN or infinite in the current interval."""
        self._nonfinite = True

    def end_interval(self, steps: int) -> None:
        """Tell the state of health, ``steps`` training steps after the last time."""
        worst = max(
            (strain for strain in self.strains().values() if not math.isnan(strain)), default=math.nan
        )
        self._transitions.observe(state_of(worst, self._nonfinite))
        self._nonfinite = False
        self._spacing = steps if math.isnan(self._spacing) else 0.9 * self._spacing + 0.1 * steps

    def strains(self) -> dict[tuple[str, str], float]:
        """By signal and split: the greater of how far it fell behind its own best and behind what was expected of it.

        The second is the mean deviation of the same last readings, once there are that many: one bad pass says nothing.
        """
        return {key: _greater(one.severity, self._deviation(*key)) for key, one in self._strains.items()}

    def families(self) -> Iterator[Family]:
        """``model_health*``; nothing before the end of the first interval."""
        state = self._transitions.state
        if state is None:
            return
        yield Family(
            CATALOG["model_health"], _STATE_KEYS, tuple(float(at == state) for at in range(len(STATES)))
        )
        strains = self.strains()
        if strains:
            published = self._key_cache.keys("strain", tuple(strains))
            yield Family(CATALOG["model_health_strain"], published, tuple(strains.values()))
        chain = self._transitions.matrix()
        shares = stationary(chain, state)
        yield Family(CATALOG["model_health_stationary_probability"], _STATE_KEYS, tuple(shares.tolist()))
        intervals = [max(1, round(horizon / self._spacing)) for horizon in HORIZONS]
        within = tuple(float(reach_probability_within(chain, FAILING, count)[state]) for count in intervals)
        yield Family(CATALOG["model_health_failing_probability"], _HORIZON_KEYS, within)
        yield single(
            "model_health_steps_to_failing", float(expected_steps(chain, FAILING)[state]) * self._spacing
        )

    def _deviation(self, signal: str, split: str) -> float:
        recent = self._deviations[signal, split]
        return fmean(recent) if len(recent) == SPANS[split] else math.nan

    def save(self) -> dict[str, Any]:
        """All of it, as a tree of plain values and arrays."""
        return {
            "strains": [[*key, strain.save()] for key, strain in self._strains.items()],
            "deviations": list(self._deviations.values()),
            "counts": self._transitions.counts,
            "state": self._transitions.state,
            "nonfinite": self._nonfinite,
            "spacing": self._spacing,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave."""
        for signal, split, one in saved["strains"]:
            strain = self._strains[signal, split] = _strain(signal, split)
            strain.restore(one)
        self._deviations = dict(zip(self._strains, saved["deviations"], strict=True))
        self._transitions.counts, self._transitions.state = saved["counts"], saved["state"]
        self._nonfinite, self._spacing = saved["nonfinite"], saved["spacing"]


def _strain(signal: str, split: str) -> Severity:
    if signal == "gradient_norm":
        return Spike()
    return Drawdown(SPANS[split], 1 if better_side(signal) == "lower" else -1)


def _greater(strain: float, deviation: float) -> float:
    """The greater of the two that is known, at least 0."""
    return strain if not deviation > 0 or deviation <= strain else deviation
