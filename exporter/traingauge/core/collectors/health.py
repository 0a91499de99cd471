"""Health of the run as a Markov chain: its current state, and the outlook."""

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

#: Numbers of training steps for which the probability of failing within them is published.
HORIZONS = (100, 1000)

#: Number of values whose mean is compared with the best and with the reference run. Whole passes need fewer, as they are
#: less noisy and less frequent.
SPANS = {"train": 4, "validation": 2, "test": 2}

_STATE_KEYS = keys(*((state,) for state in STATES))
_HORIZON_KEYS = keys(*((str(horizon),) for horizon in HORIZONS))


class Health:
    """State of health at the end of each diagnostic interval, the chain of states, and the severity of every signal.

    A value that is not finite does not wait for that end.

    >>> health = Health(); health.end_interval(25); health.state
    'healthy'
    >>> health.nonfinite(); health.state
    'failing'
    """

    def __init__(self) -> None:
        self._severities: dict[tuple[str, str], Severity] = {}
        self._deviations: dict[tuple[str, str], list[float]] = {}
        self._transitions = Transitions()
        self._nonfinite = False
        self._spacing = math.nan
        self._key_cache = KeyCache()

    @property
    def state(self) -> str | None:
        """One of ``STATES``; ``None`` before the end of the first interval, unless a value was not finite."""
        state = self._at
        return None if state is None else STATES[state]

    def read(self, signal: str, split: str, value: float, deviation: float) -> None:
        """Add a value of a signal.

        Args:
            signal: Name of the metric.
            split: Split of the value.
            value: Value; NaN if undefined.
            deviation: Deviation from the reference run, in standard deviations; NaN if nothing is expected.
        """
        key = (signal, split)
        if key not in self._severities:
            self._severities[key] = _measure_of(signal, split)
        self._severities[key].add(value)
        better = better_side(signal)
        if better is None or math.isnan(deviation):
            self._deviations[key] = []
        else:
            recent = self._deviations.get(key, [])
            self._deviations[key] = [*recent, deviation if better == "lower" else -deviation][-SPANS[split] :]

    def nonfinite(self) -> None:
        """Record that a loss, a gradient or a weight was NaN or infinite in the current interval."""
        self._nonfinite = True

    def end_interval(self, steps: int) -> None:
        """Determine the state at the end of an interval of ``steps`` training steps."""
        worst = max(
            (severity for severity in self.severities().values() if not math.isnan(severity)),
            default=math.nan,
        )
        self._transitions.observe(state_of(worst, self._nonfinite))
        self._nonfinite = False
        steps = max(1, steps)  # an interval may hold nothing but further micro-batches
        self._spacing = steps if math.isnan(self._spacing) else 0.9 * self._spacing + 0.1 * steps

    def severities(self) -> dict[tuple[str, str], float]:
        """Severity by signal and split: the larger of those relative to its own best and to the reference run.

        The latter is the mean deviation on the worse side over the same number of last values, once there are that many: a
        single bad pass does not make a run unhealthy.
        """
        return {key: _greater(one.severity, self._deviation(*key)) for key, one in self._severities.items()}

    def families(self) -> Iterator[Family]:
        """``model_health*``; nothing before the end of the first interval, unless a value was not finite."""
        state = self._at
        if state is None:
            return
        yield Family(
            CATALOG["model_health"], _STATE_KEYS, tuple(float(at == state) for at in range(len(STATES)))
        )
        severities = self.severities()
        if severities:
            published = self._key_cache.keys("severity", tuple(severities))
            yield Family(CATALOG["model_health_strain"], published, tuple(severities.values()))
        if math.isnan(self._spacing):
            return
        chain = self._transitions.matrix()
        shares = stationary(chain, state)
        yield Family(CATALOG["model_health_stationary_probability"], _STATE_KEYS, tuple(shares.tolist()))
        intervals = [max(1, round(horizon / self._spacing)) for horizon in HORIZONS]
        within = tuple(float(reach_probability_within(chain, FAILING, count)[state]) for count in intervals)
        yield Family(CATALOG["model_health_failing_probability"], _HORIZON_KEYS, within)
        yield single(
            "model_health_steps_to_failing", float(expected_steps(chain, FAILING)[state]) * self._spacing
        )

    @property
    def _at(self) -> int | None:
        return FAILING if self._nonfinite else self._transitions.state

    def _deviation(self, signal: str, split: str) -> float:
        recent = self._deviations[signal, split]
        return fmean(recent) if len(recent) == SPANS[split] else math.nan

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values and arrays."""
        return {
            "severities": [[*key, one.save()] for key, one in self._severities.items()],
            "deviations": list(self._deviations.values()),
            "counts": self._transitions.counts,
            "state": self._transitions.state,
            "nonfinite": self._nonfinite,
            "spacing": self._spacing,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        for signal, split, one in saved["severities"]:
            measure = self._severities[signal, split] = _measure_of(signal, split)
            measure.restore(one)
        self._deviations = dict(zip(self._severities, saved["deviations"], strict=True))
        self._transitions.counts, self._transitions.state = saved["counts"], saved["state"]
        self._nonfinite, self._spacing = saved["nonfinite"], saved["spacing"]


def _measure_of(signal: str, split: str) -> Severity:
    if signal == "gradient_norm":
        return Spike()
    return Drawdown(SPANS[split], 1 if better_side(signal) == "lower" else -1)


def _greater(severity: float, deviation: float) -> float:
    """The larger of both, where a NaN or negative deviation is ignored."""
    return severity if not deviation > 0 or deviation <= severity else deviation
