"""Watches steps whose values come out of them as arrays."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from traingauge.core.deferred_scores import Unencoded
from traingauge.core.event_queue import BACKLOG_SAMPLES
from traingauge.core.events import DataWaits, OfOutput, Pass, Scored
from traingauge.integrations.keras.backends.array_scores import ArrayScores
from traingauge.integrations.keras.backends.epoch_waits import time_batches_of_fit

if TYPE_CHECKING:
    from traingauge.core.guard import Guard
    from traingauge.integrations.base import Session
    from traingauge.integrations.keras.hook import StepHook
    from traingauge.integrations.keras.loss_calls import LossCall
    from traingauge.integrations.keras.weight_check import WeightCheck
    from traingauge.stats.classification.encoding import Encoded


class SeenStep(NamedTuple):
    """A step that has been taken, or a batch of a pass.

    Attributes:
        at: Clock reading of its end.
        x: What the model was given.
        samples: How many.
        calls: Of ``compute_loss``, on different data each; nothing in them is needed for gradients.
        numbers: Further numbers by name.
    """

    at: float
    x: Any
    samples: int
    calls: Sequence[LossCall]
    numbers: dict[str, Any]


class ArrayWatch:
    """Records the steps of one model.

    Args:
        model: A compiled Keras model.
        session: The run.
        hook: Wraps the steps.
        weights: Checks the weights.
        gradients: Whether to work out the norm of the gradients.

    Attributes:
        model: The model.
        owner: The run.
        gradients: Whether the norm of the gradients is worked out.
        guard: That of the run.
        before_end: Called before it leaves the model.
        steps: Training steps so far.
    """

    #: A step is recorded when it has been taken, so there is always room for the next.
    room = 1 << 16

    def __init__(
        self, model: Any, session: Session, hook: type[StepHook], weights: WeightCheck, *, gradients: bool
    ) -> None:
        self.model, self.owner, self.gradients = model, session, gradients
        self.before_end: Callable[[], None] | None = None
        self.guard: Guard = session.guard
        self.steps = self._read = 0
        self._hook, self._weights = hook, weights
        self._scores = ArrayScores(model, session)
        self._begun = False
        self._pass = _OpenPass(session)
        self._waits: deque[float] = deque(
            maxlen=self.room
        )  # bounded: once the run has ended, it is read no more
        hook.attach(model, self)
        session.before_end(self.end)

    @classmethod
    def of(cls, model: Any, owner: Session, hook: type[StepHook]) -> ArrayWatch | None:
        """The one that watches a model for an owner, if there is one."""
        there = hook.of(model)
        for watcher in () if there is None else there.watchers:
            if isinstance(watcher, ArrayWatch) and watcher.owner is owner:
                return watcher
        return None

    def end(self) -> None:
        """Leave the model, which gets its own steps back."""
        try:
            if self.before_end is not None:
                self.before_end()
        finally:
            self._hook.detach(self.model, self)

    # What the hook calls

    def trained(self, step: SeenStep) -> None:
        """Record a training step.

        Raises:
            TrainGaugeError: An argument of the user's that does not fit, at the first step.
        """
        self.steps += 1
        self._take(self._record, step)

    def tested(self, batch: SeenStep) -> None:
        """Add a batch to the pass.

        Raises:
            TrainGaugeError: An argument of the user's that does not fit, if there was no step before.
        """
        self._take(self._add, batch)

    # What the callback calls

    def begin_fit(self) -> None:
        """Take the time of each batch; nothing that was taken before is left."""
        self._waits.clear()
        time_batches_of_fit(self.model, self._waits.append)

    def read(self, ends: Sequence[float], began: float) -> int:
        """Training steps since the last time, which are recorded already; record the waits for their batches."""
        waits = [self._waits.popleft() for _ in range(len(self._waits))]
        if waits:
            self.owner.record(DataWaits(waits))
        taken, self._read = self.steps - self._read, self.steps
        return taken

    def begin_pass(self) -> None:
        """Forget the last pass."""
        self._pass = _OpenPass(self.owner)

    def end_pass(self, split: str) -> Pass | None:
        """The batches since then."""
        return self._pass.finished(split)

    def look_at_weights(self, *, now: bool = False) -> int | None:
        """Count those that are not finite once in a while."""
        return self._weights.look(now=now)

    def _take(self, work: Callable[[SeenStep], None], step: SeenStep) -> None:
        if not self.owner.ended:
            self._tried(work, step)
            self._begun = True

    def _record(self, step: SeenStep) -> None:
        calls = step.calls
        scored = self._scored(calls, "train")
        numbers = {"loss": _loss(calls), **step.numbers} if calls else step.numbers
        binned = None if self._scores.bins is None else self._tried(self._scores.binned, step.x, calls)
        first, more = (scored[0], scored[1:]) if scored else (None, ())
        several = len(calls) > 1 or (calls and calls[0].outputs)
        outputs = self._of_outputs(calls) if several else ()
        self.owner.record(Scored(step.at, numbers, first, binned, step.samples, 1, more, outputs))

    def _of_outputs(self, calls: Sequence[LossCall]) -> list[OfOutput]:
        return [
            OfOutput(name, [_loss(each)], self._scored(each, "train", name))
            for name, each in _outputs(calls).items()
        ]

    def _add(self, batch: SeenStep) -> None:
        self._pass.add(batch.samples, _loss(batch.calls), self._scored(batch.calls, self._pass.split))
        for name, calls in _outputs(batch.calls).items():
            scored = self._scored(calls, self._pass.split, name)
            self._pass.of_output(name).add(batch.samples, _loss(calls), scored)

    def _scored(self, calls: Sequence[LossCall], split: str, output: str = "") -> list[Encoded | Unencoded]:
        """What scores of a step are made of."""
        if not calls:
            self._scores.say(
                "its train_step or test_step never calls compute_loss, so its loss and scores are not recorded; the numbers "
                "of the logs that train_step returns are"
            )
        found = []
        for call in calls:
            scored = self._tried(self._scores.scored, call, split, output)
            if scored is not None:
                found.append(scored)
        return found

    def _tried(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What work gives; ``None`` if it fails. A wrong argument is raised if no step has been taken yet."""
        guarded = self.guard.catch if self._begun else self.guard.run
        return guarded("integration", work, *arguments)


class _OpenPass:
    """A pass that is under way, of the whole or of one output.

    Args:
        session: The run.
        output: Name of the output; empty for the whole.
    """

    #: Any but that of training: to which split a pass belongs, the callback knows when it has ended.
    split = "validation"

    def __init__(self, session: Session, output: str = "") -> None:
        self._session, self._output = session, output
        self._outputs: dict[str, _OpenPass] = {}
        self._steps = self._samples = self._held = 0
        self._losses: list[Any] = []  # each times the samples of its batch
        self._scored: list[Encoded | Unencoded] = []

    def add(self, samples: int, loss: Any, scored: list[Encoded | Unencoded]) -> None:
        """Add a batch."""
        self._steps += 1
        self._samples += samples
        if loss is not None:
            self._losses.append(loss * samples)
        self._scored += scored
        self._held += sum(one.held for one in scored if isinstance(one, Unencoded))
        if self._held >= BACKLOG_SAMPLES:
            self._scored, self._held = self._session.bring_over(self._scored, self._output), 0

    def of_output(self, name: str) -> _OpenPass:
        """The same of one output of a model with several."""
        return self._outputs.setdefault(name, _OpenPass(self._session, name))

    def finished(self, split: str) -> Pass | None:
        """The pass; ``None`` if there is nothing in it."""
        if not self._steps:
            return None
        return Pass(
            split=split,
            at=time.perf_counter(),
            loss=self.mean_loss,
            steps=self._steps,
            samples=self._samples,
            scored=self._scored,
            outputs=[
                OfOutput(name, [] if one.mean_loss is None else [one.mean_loss], one._scored)
                for name, one in self._outputs.items()
            ],
        )

    @property
    def mean_loss(self) -> Any:
        """Mean of a sample; ``None`` if it is not known of every batch."""
        known = len(self._losses) == self._steps and self._samples > 0
        return sum(self._losses) / self._samples if known else None


def _loss(calls: Sequence[LossCall]) -> Any:
    """The mean of the losses of micro-batches, weighted by samples; ``None`` without any."""
    if len(calls) < 2:
        return calls[0].loss if calls else None
    sizes = [_rows(call) for call in calls]
    return sum(call.loss * size for call, size in zip(calls, sizes, strict=True)) / sum(sizes)


def _outputs(calls: Sequence[LossCall]) -> dict[str, list[LossCall]]:
    """The calls of each output of a model with several."""
    found: dict[str, list[LossCall]] = {}
    for call in calls:
        for name, one in call.outputs.items():
            found.setdefault(name, []).append(one)
    return found


def _rows(call: LossCall) -> int:
    """Samples of a call; 1 where nothing shows how many."""
    if call.outputs:
        return _rows(next(iter(call.outputs.values())))
    return next((len(array) for array in (call.y, call.y_pred, call.x) if hasattr(array, "shape")), 1)
