"""What the replicas of a model write: each has variables of its own on its device, which are added up when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.core.reference_bins import ReferenceBins
from traingauge.integrations.keras.bins import Bins
from traingauge.integrations.keras.rows import Rows, joined
from traingauge.integrations.keras.tables import StepRing, Sum
from traingauge.integrations.keras.targets import Targets


class OutputTables(NamedTuple):
    """What one replica writes of one output of a model with several, as it does of the whole."""

    steps: StepRing
    passed: Sum


class Tables:
    """What one replica writes.

    Args:
        together: Steps of an execution.
        bins: Those of the reference; ``None`` without one.
        device: Where it is; ``None`` leaves that to TensorFlow.

    Attributes:
        steps: Its part of each training step.
        passed: Its part of the pass.
        bins: Bins of its features; ``None`` without a reference.
        targets: Bins of its labels and predictions.
        outputs: The same of each output of a model with several.
    """

    def __init__(self, together: int, bins: ReferenceBins | None, device: str | None) -> None:
        self._device = device
        self.steps, self.passed = StepRing(together, device), Sum(device)
        self.bins = None if bins is None else Bins(bins.features, device, of=bins.of, every=bins.every)
        self.targets = Targets({}) if bins is None else Targets(bins.targets, device, every=bins.every)
        self.outputs: dict[str, OutputTables] = {}

    @property
    def rings(self) -> list[StepRing]:
        """Of the whole, and of each output."""
        return [self.steps, *(each.steps for each in self.outputs.values())]

    @property
    def sums(self) -> list[Sum]:
        """Of the whole, and of each output."""
        return [self.passed, *(each.passed for each in self.outputs.values())]

    def of_output(self, name: str) -> OutputTables:
        """While tracing: those of an output."""
        if name not in self.outputs:
            self.outputs[name] = OutputTables(StepRing(self.steps.together, self._device), Sum(self._device))
        return self.outputs[name]


class Replicas:
    """The tables of all replicas.

    Args:
        model: A compiled Keras model on the TensorFlow backend.
        bins: Those of the reference; ``None`` without one.
    """

    def __init__(self, model: Any, bins: ReferenceBins | None) -> None:
        together = int(model.steps_per_execution)
        self._tables = [Tables(together, bins, device) for device in _devices(model.distribute_strategy)]

    @property
    def here(self) -> Tables:
        """Inside the graph: those of the replica that takes the step."""
        context = tf.distribute.get_replica_context()
        return self._tables[
            0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group))
        ]

    @property
    def together(self) -> int:
        """Steps of an execution that there is room for."""
        return self._tables[0].steps.together

    @property
    def room(self) -> int:
        """Steps that may pass between two readings."""
        return min(ring.room for each in self._tables for ring in each.rings)

    def skip_steps(self) -> None:
        """Forget the steps since the last reading."""
        for each in self._tables:
            for ring in each.rings:
                ring.skip()

    def read_steps(self) -> tuple[Rows | None, int]:
        """The steps since the last reading that all have taken, ``None`` without any, and how many more were overwritten."""
        return _read([each.steps for each in self._tables])

    def read_outputs(self) -> dict[str, Rows]:
        """The same of each output of a model with several."""
        found = {
            name: _read([each.outputs[name].steps for each in self._tables])[0]
            for name in self._tables[0].outputs
        }
        return {name: rows for name, rows in found.items() if rows is not None}

    def read_bins(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Bins of the features counted since the last reading, and what was infinite; ``None`` without a reference."""
        counted = [each.bins.read() for each in self._tables if each.bins is not None]
        if not counted:
            return None
        counts, infinite = zip(*counted, strict=True)
        return np.sum(counts, axis=0), np.sum(infinite, axis=0)

    def read_targets(self) -> dict[str, NDArray[np.int64]]:
        """Bins of labels and predictions counted since the last reading, by part."""
        counted = [each.targets.read() for each in self._tables]
        return {part: np.sum([each[part] for each in counted], axis=0) for part in counted[0]}

    def begin_pass(self) -> None:
        """Forget the last pass."""
        for each in self._tables:
            for one in each.sums:
                one.clear()

    def read_pass(self) -> Rows | None:
        """The pass since then; ``None`` without a step."""
        return _read_pass([each.passed for each in self._tables])

    def read_pass_of_outputs(self) -> dict[str, Rows]:
        """The same of each output of a model with several."""
        found = {
            name: _read_pass([each.outputs[name].passed for each in self._tables])
            for name in self._tables[0].outputs
        }
        return {name: rows for name, rows in found.items() if rows is not None}


def _read(rings: Sequence[StepRing]) -> tuple[Rows | None, int]:
    fresh = min(ring.fresh for ring in rings)
    if not fresh:
        return None, 0
    rows = joined([ring.read(fresh) for ring in rings])
    return rows, fresh - rows.steps


def _read_pass(sums: Sequence[Sum]) -> Rows | None:
    found = [one.read() for one in sums]
    rows = [each for each in found if each is not None]
    return joined(rows) if len(rows) == len(found) else None


def _devices(strategy: tf.distribute.Strategy) -> tuple[str | None, ...]:
    """Of each replica of a strategy; TensorFlow decides where there is one."""
    return (None,) if strategy.num_replicas_in_sync == 1 else tuple(strategy.extended.worker_devices)
