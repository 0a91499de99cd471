"""Variables that a model's graph writes and the callback reads: one row a training step, one sum a pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.kept_rows import KeptRows
from traingauge.integrations.keras.rows import Rows, Vectors
from traingauge.integrations.keras.scores.classifier import ClassifierSums
from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.integrations.keras.scores.residuals import ResidualSums
from traingauge.integrations.keras.scores.statistic import Reduced, ScoreStatistic
from traingauge.integrations.keras.variable import variable
from traingauge.stats.streaming.not_given import Floats, not_given

#: Steps a ring holds: this many, as long as it takes no more cells than that, but never fewer than the last.
SLOTS = 1024
CELLS = 1 << 18
FEWEST_SLOTS = 16

#: Cells of a ring at most; a model that needs more (many classes and many steps an execution) is not scored.
MOST_CELLS = 1 << 24

# Columns of a ring's head; the last three say whether the loss is known, and which logs and scores follow: 0 for none.
_LOSS, _SAMPLES, _NONFINITE, _RATE, _NORM, _KNOWN, _LOGGED, _KIND = range(8)

# Columns of a pass's head.
_PASS_LOSS, _PASS_SAMPLES, _PASS_NONFINITE, _PASS_STEPS, _PASS_UNKNOWN = range(5)


class StepRow(NamedTuple):
    """A step inside of the graph.

    Attributes:
        samples: Scalar.
        loss: Scalar; ``None`` if unknown.
        plan: How it is scored; ``None`` if it is not.
        reduced: By the plan's statistic.
    """

    samples: Any
    loss: Any = None
    plan: ScoringPlan | None = None
    reduced: Reduced = Reduced(None, 0.0)


class _Block:
    """A variable for the vectors of one statistic; traced functions refer to it, so it is kept once it was made."""

    def __init__(self, plan: ScoringPlan, slots: int, device: str | None) -> None:
        self.plan, self.slots = plan, slots
        self.statistic = statistic_of(plan)
        self.rows = variable(slots, self.statistic.width, device=device)
        self.used = variable(1, 1, device=device)


class _Logs:
    """A variable for the numbers of the logs of steps that return these names."""

    def __init__(self, names: tuple[str, ...], slots: int, device: str | None) -> None:
        self.names = names
        self.rows = variable(slots, len(names), device=device)


class StepRing:
    """The last training steps, a row each.

    Args:
        together: Steps that follow each other without a reading between them: an execution's.
        device: Where it is; ``None`` leaves that to TensorFlow.
    """

    def __init__(self, together: int, device: str | None = None) -> None:
        self.together, self._device = together, device
        self._slots = max(SLOTS, together)
        self._heads = variable(self._slots, _KIND + 1, device=device)
        self._blocks: list[_Block] = []
        self._logs: list[_Logs] = []
        self._written = variable(dtype=tf.int64, device=device)
        self._read = 0

    @property
    def room(self) -> int:
        """Steps that may pass between two readings."""
        return min([self._slots, *(block.slots for block in self._blocks)])

    def write(
        self,
        step: StepRow,
        rate: Any = None,
        norm: Any = None,
        logs: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Inside the graph: put a step in the place of the oldest."""
        kind, logged, done = 0.0, 0.0, []
        if step.plan is not None:
            block = self._block(step.plan)
            kind = self._blocks.index(block) + 1.0
            where = tf.math.floormod(self._written, block.slots)
            done.append(block.rows.scatter_nd_update([[where]], [step.reduced.vector]))
        where = tf.math.floormod(self._written, self._slots)
        if logs:
            ring = self._logs_of(tuple(logs))
            logged = self._logs.index(ring) + 1.0
            done.append(ring.rows.scatter_nd_update([[where]], [_row(logs.values())]))
        head = [
            _or(step.loss, np.nan),
            step.samples,
            step.reduced.nonfinite,
            _or(rate, np.nan),
            _or(norm, -1.0),
            float(step.loss is not None),
            logged,
            kind,
        ]
        done.append(self._heads.scatter_nd_update([[where]], [_row(head)]))
        with tf.control_dependencies(
            done
        ):  # where the data end, a graph runs without any: it has not taken a step
            self._written.assign_add(1)

    @property
    def fresh(self) -> int:
        """Outside of the graph: steps since the last reading."""
        return int(self._written.numpy()) - self._read

    def skip(self) -> None:
        """Outside of the graph: forget the steps since the last reading."""
        self._read += self.fresh

    def read(self, steps: int) -> Rows:
        """Outside of the graph: the last of that many steps since the last reading, as many as there is room for."""
        self._read += steps
        places = np.arange(self._read - min(steps, self.room), self._read)
        heads = self._heads.numpy()[places % self._slots]
        kinds = heads[:, _KIND]
        vectors = []
        for index, block in enumerate(self._blocks):
            here = places[kinds == index + 1]
            if len(here):
                vectors.append(Vectors(block.statistic, block.rows.numpy()[here % block.slots]))
        return Rows(
            steps=len(places),
            sizes=heads[:, _SAMPLES],
            losses=heads[:, _LOSS] if heads[:, _KNOWN].all() else None,
            nonfinite=int(heads[:, _NONFINITE].sum()),
            vectors=vectors,
            rates=heads[:, _RATE],
            norms=heads[:, _NORM],
            logs=self._read_logs(places % self._slots, heads[:, _LOGGED]),
        )

    def _read_logs(self, where: NDArray[np.int64], logged: NDArray[np.float64]) -> dict[str, Floats]:
        """The numbers of the steps at these places, which of the names each has."""
        found: dict[str, Floats] = {}
        for index, ring in enumerate(self._logs):
            here = logged == index + 1
            if here.any():
                for name, values in zip(ring.names, ring.rows.numpy()[where[here]].T, strict=True):
                    found.setdefault(name, not_given(len(where)))[here] = values
        return found

    def holds(self, plan: ScoringPlan) -> bool:
        """Whether there is room for the vectors of a plan."""
        return statistic_of(plan).width * max(FEWEST_SLOTS, self.together) <= MOST_CELLS

    def reserve(self, plan: ScoringPlan) -> None:
        """While tracing: make room for the vectors of a plan."""
        self._block(plan)

    def _logs_of(self, names: tuple[str, ...]) -> _Logs:
        for ring in self._logs:
            if ring.names == names:
                return ring
        self._logs.append(_Logs(names, self._slots, self._device))
        return self._logs[-1]

    def _block(self, plan: ScoringPlan) -> _Block:
        for block in self._blocks:
            if block.plan == plan and block.slots >= self.together:
                return block
        slots = min(SLOTS, max(FEWEST_SLOTS, CELLS // statistic_of(plan).width))
        self._blocks.append(_Block(plan, max(slots, self.together), self._device))
        return self._blocks[-1]


class _PassBlock(_Block):
    """The vector of a pass, its histogram, and rows of it."""

    def __init__(self, plan: ScoringPlan, device: str | None) -> None:
        super().__init__(plan, 1, device)
        statistic = self.statistic
        self.histogram = variable(statistic.bins, 1, device=device) if statistic.bins else None
        keeps = statistic.bins and statistic.kept
        self.kept = KeptRows(statistic.most_kept, statistic.kept, device) if keeps else None

    def write(self, reduced: Reduced) -> None:
        """Inside the graph: add a step."""
        done = [self.rows.assign([self.statistic.merge(self.rows[0], reduced.vector)])]
        if self.histogram is not None and reduced.place is not None:
            cells, weight = reduced.place()
            done.append(self.histogram.scatter_nd_add(cells[:, None], weight[:, None]))
        if self.kept is not None and reduced.rows is not None:
            done.append(self.kept.add(reduced.rows()))
        with tf.control_dependencies(done):
            self.used.assign([[1.0]])

    def read(self) -> Vectors:
        """Outside of the graph: what they hold."""
        histogram = None if self.histogram is None else self.histogram.numpy()[:, 0]
        kept = None if self.kept is None else self.kept.read()
        return Vectors(self.statistic, self.rows.numpy(), histogram, kept)

    def clear(self) -> None:
        """Outside of the graph: start over."""
        for one in (self.rows, self.used, self.histogram):
            if one is not None:
                one.assign(tf.zeros_like(one))
        if self.kept is not None:
            self.kept.clear()


class Sum:
    """A pass, added up.

    Args:
        device: Where it is; ``None`` leaves that to TensorFlow.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._head = variable(1, _PASS_UNKNOWN + 1, device=device)
        self._blocks: list[_PassBlock] = []

    def write(self, step: StepRow) -> None:
        """Inside the graph: add a step."""
        if step.plan is not None:
            self._block(step.plan).write(step.reduced)
        samples = tf.cast(step.samples, tf.float64)
        loss = 0.0 if step.loss is None else tf.math.multiply_no_nan(tf.cast(step.loss, tf.float64), samples)
        head = [loss, samples, step.reduced.nonfinite, 1.0, float(step.loss is None)]
        self._head.assign_add([tf.stack([tf.cast(each, tf.float64) for each in head])])

    def read(self) -> Rows | None:
        """Outside of the graph: the pass since it was cleared; ``None`` without a step."""
        (head,) = self._head.numpy()
        if not head[_PASS_STEPS]:
            return None
        sizes = head[_PASS_SAMPLES : _PASS_SAMPLES + 1]
        losses = None if head[_PASS_UNKNOWN] else head[_PASS_LOSS : _PASS_LOSS + 1] / np.maximum(sizes, 1.0)
        vectors = [block.read() for block in self._blocks if block.used.numpy().any()]
        return Rows(int(head[_PASS_STEPS]), sizes, losses, int(head[_PASS_NONFINITE]), vectors)

    def clear(self) -> None:
        """Outside of the graph: start over."""
        self._head.assign(tf.zeros_like(self._head))
        for block in self._blocks:
            block.clear()

    def reserve(self, plan: ScoringPlan) -> None:
        """While tracing: make room for the vector of a plan."""
        self._block(plan)

    def _block(self, plan: ScoringPlan) -> _PassBlock:
        for block in self._blocks:
            if block.plan == plan:
                return block
        self._blocks.append(_PassBlock(plan, self._device))
        return self._blocks[-1]


def statistic_of(plan: ScoringPlan) -> ScoreStatistic:
    """What the scores of a plan are made of."""
    return ResidualSums(plan) if plan.task == "regression" else ClassifierSums(plan)


def _row(values: Iterable[Any]) -> Any:
    return tf.stack([tf.cast(each, tf.float64) for each in values])


def _or(value: Any, otherwise: float) -> Any:
    return otherwise if value is None else value
