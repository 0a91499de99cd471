"""What is computed inside a Keras model's graph, so that nothing has to leave it every step.

A training step writes one row into a ring variable: its loss, its samples, its learning rate, the predictions that were not
finite, and what its scores are made of. The steps of an evaluation pass are added up in another variable, and the bins of
features, labels and predictions are counted in others. The callback reads them once in a while.

Keras' own logs are not used: they hold the running mean of the epoch, and turning them into numbers waits for the device.
Where a step never calls ``compute_loss``, nothing else is known of it, and another ring takes the numbers of its logs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.core.guard import Guard
from traingauge.core.reference_bins import ReferenceBins
from traingauge.core.task_hints import TaskHints
from traingauge.integrations.base import Session
from traingauge.integrations.keras.graph_hook import GraphHook, TracedStep
from traingauge.integrations.keras.graph_waits import WaitsRead
from traingauge.integrations.keras.loss_calls import LossCall
from traingauge.integrations.keras.outputs import TASK_OF_ONE, goal_of, not_scored
from traingauge.integrations.keras.replicas import Replicas
from traingauge.integrations.keras.rows import Rows
from traingauge.integrations.keras.scores.plan import ScoringPlan, UnclearError, comparable, find_plan
from traingauge.integrations.keras.tables import StepRing, StepRow, statistic_of
from traingauge.integrations.keras.unchecked import unchecked
from traingauge.integrations.keras.weights import Weights
from traingauge.logs import logger


class GraphProbe:
    """Watches one model from inside of its graph.

    Args:
        model: A compiled Keras model on the TensorFlow backend.
        owner: The session that it watches for.
        hints: What the user says about the model.
        bins: Those of the reference; ``None`` without one.
        gradients: Whether to work out the norm of the gradients.
        found: Called with what is scored, once that is known, and the output that it is of.
        guard: Counts errors while a step is traced; the step then runs with less of it being watched.

    Attributes:
        model: The model.
        owner: The session that it watches for.
        gradients: Whether the norm of the gradients is worked out.
        guard: Counts errors while a step is traced.
        weights: Checks the model's weights: a finite loss does not imply that they are finite.
        before_end: Called before it leaves the model.
    """

    def __init__(
        self,
        model: Any,
        owner: object,
        *,
        hints: TaskHints,
        bins: ReferenceBins | None,
        gradients: bool,
        found: Callable[[ScoringPlan, str], None],
        guard: Guard,
    ) -> None:
        self.model, self.owner, self.gradients = model, owner, gradients
        self.weights = Weights(model)
        self.before_end: Callable[[], None] | None = None
        self._hints, self._found, self.guard = hints, found, guard
        self._replicas = Replicas(model, bins)
        self._begun = False
        self._said: set[str] = set()
        GraphHook.attach(model, self)
        hook = GraphHook.of(model)
        assert isinstance(hook, GraphHook)
        self._waits = WaitsRead(hook.waits)

    @staticmethod
    def of(model: Any, owner: object) -> GraphProbe | None:
        """The probe that watches a model for an owner, if there is one."""
        hook = GraphHook.of(model)
        for watcher in () if hook is None else hook.watchers:
            if isinstance(watcher, GraphProbe) and watcher.owner is owner:
                return watcher
        return None

    def serves(self, *, gradients: bool) -> bool:
        """Whether it will do for the model as it is compiled now."""
        return self.gradients >= gradients and self._replicas.together >= int(self.model.steps_per_execution)

    @property
    def room(self) -> int:
        """Steps that may pass between two readings."""
        return self._replicas.room

    @unchecked()
    def skip_steps(self) -> None:
        """Forget the training steps since the last reading."""
        self._waits.take()
        self._replicas.skip_steps()
        self._replicas.read_bins()
        self._replicas.read_targets()

    @unchecked()
    def read_steps(self) -> tuple[Rows | None, int]:
        """Training steps since the last reading, ``None`` if there were none, and how many were overwritten before it."""
        return self._replicas.read_steps()

    @unchecked()
    def read_waits(self) -> list[float]:
        """Seconds that training steps waited for their batches since the last reading, of those where that is known."""
        return self._waits.take()

    @unchecked()
    def read_outputs(self) -> dict[str, Rows]:
        """Training steps of each output of a model with several since the last reading."""
        return self._replicas.read_outputs()

    @unchecked()
    def read_bins(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Bins counted since the last reading, and what was infinite; ``None`` without a reference."""
        return self._replicas.read_bins()

    @unchecked()
    def read_targets(self) -> dict[str, NDArray[np.int64]]:
        """Bins of labels and predictions counted since the last reading, by part."""
        return self._replicas.read_targets()

    @unchecked()
    def begin_pass(self) -> None:
        """Forget the last pass."""
        self._replicas.begin_pass()

    @unchecked()
    def read_pass(self) -> Rows | None:
        """The pass since :meth:`begin_pass`; ``None`` if it had no step."""
        return self._replicas.read_pass()

    @unchecked()
    def read_pass_of_outputs(self) -> dict[str, Rows]:
        """The pass of each output of a model with several since then."""
        return self._replicas.read_pass_of_outputs()

    def end(self) -> None:
        """Leave the model, which gets its own steps back."""
        try:
            if self.before_end is not None:
                self.before_end()
        finally:
            GraphHook.detach(self.model, self)

    # Inside the graph

    def trained(self, step: TracedStep) -> None:
        """Write a row.

        Raises:
            TrainGaugeError: An argument of the user's that does not fit, at the first step that is traced.
        """
        tables = self._replicas.here
        plan = self._tried(self._write, step, tables.steps)
        if plan is not None and step.call is not None:
            self._tried(tables.targets.add, plan, step.call.y, step.call.y_pred)
        if tables.bins is not None:
            self._tried(tables.bins.add, keras.utils.unpack_x_y_sample_weight(step.data)[0])
        for name, call in _outputs(step):
            self._tried(self._write_output, step, name, call)
        self._begun = True

    def tested(self, step: TracedStep) -> None:
        """Add to the pass.

        Raises:
            TrainGaugeError: An argument of the user's that does not fit, if no step was traced before.
        """
        self._tried(self._add, step)
        for name, call in _outputs(step):
            self._tried(self._add_output, step, name, call)

    def _write(self, step: TracedStep, ring: StepRing) -> ScoringPlan | None:
        measured = self._measured(step, ring.reserve)
        ring.write(measured, step.rate, step.gradients, step.logs)
        return measured.plan

    def _add(self, step: TracedStep) -> None:
        passed = self._replicas.here.passed
        passed.write(self._measured(step, passed.reserve))

    def _write_output(self, step: TracedStep, name: str, call: LossCall) -> None:
        ring = self._replicas.here.of_output(name).steps
        ring.write(self._measured(step._replace(call=call), ring.reserve, name))

    def _add_output(self, step: TracedStep, name: str, call: LossCall) -> None:
        passed = self._replicas.here.of_output(name).passed
        passed.write(self._measured(step._replace(call=call), passed.reserve, name))

    def _measured(
        self, step: TracedStep, reserve: Callable[[ScoringPlan], None], output: str = ""
    ) -> StepRow:
        samples = self._tried(_samples, step.data)
        known = StepRow(0.0 if samples is None else samples)
        if step.call is None:
            self._say(
                "its train_step or test_step never calls compute_loss, or only inside a loop or function of its own in the "
                "graph, so its loss and scores are not recorded; the numbers of the logs that train_step returns are"
            )
            return known
        known = known._replace(loss=self._loss(step.call))
        return self._tried(self._scored, known, step.call, reserve, output) or known

    def _loss(self, call: LossCall) -> Any:
        """That of the replica's samples, of which Keras makes a share of the whole; ``None`` if it is no mean."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1 and not _averages(self.model.loss):
            self._say(
                "its loss is no mean over the samples of a batch, which its replicas share, so it is not recorded"
            )
            return None
        return tf.reduce_mean(call.loss) * replicas

    def _scored(
        self, known: StepRow, call: LossCall, reserve: Callable[[ScoringPlan], None], output: str
    ) -> StepRow:
        if call.outputs and self._hints.task is not None:
            self._say(TASK_OF_ONE)
        if call.y is None or call.outputs:
            return known
        try:
            plan = self._plan(call, output)
            reduced = statistic_of(plan).measure(call.y, call.y_pred, call.sample_weight)
        except UnclearError as reason:
            self._say(not_scored(output, reason))
            return known
        self._found(plan, output)
        reserve(plan)
        return known._replace(plan=plan, reduced=reduced)

    def _plan(self, call: LossCall, output: str) -> ScoringPlan:
        loss, hints = goal_of(self.model, output, self._hints)
        plan = find_plan(loss, call.y, call.y_pred, hints)
        if not comparable(plan, call.y, call.y_pred):
            raise UnclearError(
                f"labels have shape {tuple(call.y.shape)} and outputs {tuple(call.y_pred.shape)}"
            )
        if not self._replicas.here.steps.holds(plan):
            raise UnclearError(
                f"{plan.columns} outputs and {self._replicas.together} steps an execution take too much memory"
            )
        return plan

    def _tried(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What work gives; ``None`` if it fails. A wrong argument is raised if no step has been taken yet."""
        guarded = self.guard.shield if self._begun else self.guard.run
        return guarded("integration", work, *arguments)

    def _say(self, what: str) -> None:
        """Warn the user once."""
        if what not in self._said:
            self._said.add(what)
            logger.warning("model %s: %s", self.model.name, what)


def attach(model: Any, session: Session, *, gradients: bool) -> GraphProbe:
    """The probe that watches the model for the run, made again if the one there does not do.

    Args:
        model: A compiled Keras model.
        session: The run.
        gradients: Whether to work out the norm of the gradients.
    """
    probe = GraphProbe.of(model, session)
    if probe is not None:
        if probe.serves(gradients=gradients):
            return probe
        probe.end()
    probe = GraphProbe(
        model,
        session,
        hints=session.hints,
        bins=session.bins,
        gradients=gradients,
        found=lambda plan, output: session.found_task(plan.task, plan.classes or None, output=output),
        guard=session.guard,
    )
    session.before_end(probe.end)
    return probe


def _outputs(step: TracedStep) -> list[tuple[str, LossCall]]:
    """The outputs of a model with several that have a loss, by name."""
    return [] if step.call is None else list(step.call.outputs.items())


def _averages(loss: Any) -> bool:
    """Whether each loss given to ``compile`` is a mean over the samples of a batch, as all are by default."""
    reductions = (getattr(each, "reduction", "mean") for each in keras.tree.flatten(loss))
    return all(reduction in ("mean", "sum_over_batch_size") for reduction in reductions)


def _samples(data: Any) -> Any:
    return tf.shape(next(leaf for leaf in tf.nest.flatten(data) if leaf is not None))[0]
