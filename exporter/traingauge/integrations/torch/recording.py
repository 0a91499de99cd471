"""What a loop did, put together to steps and passes.

A loss that has a gradient, of a model in training mode, is part of the next step, if a backward pass reaches it. Any other
one belongs to a pass over evaluation data, which ends when training continues. A model that is trained in evaluation mode
shows by its first step.

Backward passes that reach none of the losses, or no weight of an optimizer, are left out. So are those whose gradients the
loop has dropped before it computed another loss, as it does with a batch that it skips. Where each optimizer has a loss of
its own, a pass belongs to the first one that updates, of those whose weights it reached.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from traingauge.core.events import EpochEnd, Scored
from traingauge.errors import TrainGaugeError
from traingauge.integrations.torch import targets as criteria
from traingauge.integrations.torch.accumulation import Accumulation, Reached
from traingauge.integrations.torch.backward import pass_under_way
from traingauge.integrations.torch.notices import Notices
from traingauge.integrations.torch.parts import MOST_PARTS, BackwardPass, Part
from traingauge.integrations.torch.passes import OpenPass
from traingauge.integrations.torch.reach import Mark, Reach
from traingauge.integrations.torch.trials import Trials, Window
from traingauge.integrations.torch.values import local, number, runs_without_python

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class Trained(NamedTuple):
    """What an update trained on.

    Attributes:
        parts: The losses.
        passes: The backward passes that reached them; those that were not seen are missing.
    """

    parts: list[Part]
    passes: list[Reached]


class Recording:
    """Collects the losses of a loop, and records its steps and passes.

    Args:
        session: The run.
        modules: The models.
        optimizers: Their optimizers; the last one completes a step.
        names: Names of the optimizers, each with a loss of its own; ``None`` where all train on the same.
        split: Where evaluations belong.
        accumulation: What the loop says of its micro-batches.

    Attributes:
        threads: Numbers of the threads that the loop runs in; what happens in others is none of its own.
        trials: Weights that the loop has moved.
        inside: Calls of closures that are under way: an optimizer is asking for a loss.
    """

    def __init__(
        self,
        session: Session,
        modules: Sequence[Any],
        optimizers: Sequence[Any],
        names: Sequence[str] | None,
        split: str,
        *,
        accumulation: str | int | None = None,
    ) -> None:
        self._session, self._modules, self._names, self._split = session, modules, names, split
        self._last = len(optimizers) - 1
        self._reach = Reach([optimizers] if names is None else [[one] for one in optimizers], modules)
        self.threads = {get_ident()}
        self.trials = Trials(self._reach, self.threads)
        self._parts: deque[Part] = deque(maxlen=MOST_PARTS)
        self._backward: dict[int, BackwardPass] = {}  # by their numbers
        self._accumulations = [Accumulation(accumulation) for _ in optimizers]
        self._reads_terms = accumulation is None
        self._opened: tuple[BackwardPass, list[list[Mark]], set[int]] | None = None  # the pass under way
        self._begun: BackwardPass | None = None  # until it reaches a loss, which shows its number
        self._has_new = False  # losses since the pass before began
        self._left_out = False  # a pass since the last update
        self._pass: OpenPass | None = None
        self._explicit = self._trains_in_evaluation_mode = False
        self.inside = self._repeats = 0  # the latter of calls after the first
        self._skipped = 0
        self._notices = Notices()
        self._calls: tuple[Any, ...] = ()  # what the last call was like
        self._scores_calls = False  # and whether such calls are scored
        self._scores: Any = None  # the criterion that is

    # What the loop computes

    def take(self, loss: Any, y_true: Any, y_pred: Any, criterion: Any = None) -> None:
        """Take a loss with its labels and predictions.

        Args:
            loss: A tensor; anything else is left out.
            y_true: Labels; ``None`` without them.
            y_pred: Predictions; ``None`` without them.
            criterion: The module that computed it, which says what the labels are; ``None`` if the user says so.
        """
        again = self._repeats or pass_under_way() != -1  # the latter recomputes activations
        if again or not isinstance(loss, torch.Tensor):
            return
        self.threads.add(get_ident())
        training = self._is_training(loss)
        if training and self._pass is not None:
            self.end_pass()
        split = "train" if training else self._open().split
        scored = self._scored(y_true, y_pred, criterion, split)
        part = Part(loss, _samples(y_pred, y_true), scored, criterion)
        if loss.grad_fn is not None:  # a hook of a tensor costs twice as much
            loss.grad_fn.register_prehook(partial(self._reached, part, loss.output_nr))
        elif loss.requires_grad:
            loss.register_hook(lambda gradient: self._reached(part, 0, [gradient]))
        if training:
            self._parts.append(part)
            self._has_new = True
        else:
            labels = y_true if isinstance(y_true, torch.Tensor) else None
            value = number(loss if loss.numel() == 1 else local(loss.detach()).mean())
            value = value / (part.samples or 1) if criteria.adds_up(criterion) else value
            self._open().add(part, value, criteria.mass(criterion, labels, part.samples))

    def _is_training(self, loss: torch.Tensor) -> bool:
        if self._explicit or not loss.requires_grad:
            return False
        if self._trains_in_evaluation_mode:
            return True
        for module in self._modules:  # noqa: SIM110 each step comes here, and a generator costs more
            if module.training:
                return True
        return False

    def _scored(self, y_true: Any, y_pred: Any, criterion: Any, split: str) -> Any:
        if self._names is not None or not isinstance(y_pred, torch.Tensor) or y_true is None:
            return None
        y_true, y_pred = local(y_true), local(y_pred)
        try:
            if criterion is not None and not self._knows_task(criterion, y_true, y_pred):
                return None
            return self._session.encode(y_true, y_pred, None, split, later=True)
        except TrainGaugeError as error:
            self._session.guard.report("data", error)
            return None

    def _knows_task(self, criterion: Any, y_true: Any, y_pred: torch.Tensor) -> bool:
        """Whether it is known what labels and predictions are, by the criterion or by the user; of one criterion."""
        if not isinstance(y_true, torch.Tensor) or self._scores not in (None, criterion):
            return False
        calls = criterion, y_true.dtype, y_true.shape, y_pred.shape
        if calls != self._calls:
            self._calls, self._scores_calls = calls, False
            found = criteria.find(criterion, y_pred, y_true)
            if found is not None:
                criteria.tell(self._session, found)
            self._scores_calls = found is not None or self._session.hints.task is not None
            self._scores = criterion if self._scores_calls else self._scores
        return self._scores_calls

    # Backward passes

    def _reached(self, part: Part, output: int, gradients: Sequence[torch.Tensor | None]) -> None:
        """A backward pass has reached what computed a loss, one output of it, in one of the threads of the pass."""
        if gradients[output] is None:
            return
        task = pass_under_way()
        part.tasks.append(task)
        begun, self._begun = self._begun, None
        if begun is not None:
            self._backward[task] = begun
            if len(self._backward) > MOST_PARTS:  # then their sum is not known
                del self._backward[next(iter(self._backward))]
                begun.value = None

    def begin_backward(self, tensors: Any, gradients: Any, inputs: Any) -> None:
        """A backward pass begins; see :class:`~traingauge.integrations.torch.backward.Observer`."""
        if get_ident() not in self.threads:
            return
        self._opened = self._begun = None
        if not self._session.ended and not self._repeats and (self._parts or self._pass is not None):
            self._session.guard.catch("integration", self._begin_backward, tensors, gradients, inputs)

    def end_backward(self, tensors: Any) -> None:
        """A backward pass has ended; see :class:`~traingauge.integrations.torch.backward.Observer`."""
        opened = self._close()
        if opened is not None and not self._session.ended:
            self._session.guard.catch("integration", self._end_backward, tensors, *opened)

    def fail_backward(self) -> None:
        """A backward pass has failed; see :class:`~traingauge.integrations.torch.backward.Observer`."""
        opened = self._close()
        for task in [] if opened is None else self._numbers(opened[0]):
            del self._backward[task]  # the loop may begin another one from the same losses
            for part in self._parts:
                part.tasks = [one for one in part.tasks if one != task]

    def _close(self) -> tuple[BackwardPass, list[list[Mark]], set[int]] | None:
        """What was opened for the pass of this thread that has ended."""
        if get_ident() not in self.threads:
            return None
        opened, self._opened, self._begun = self._opened, None, None
        return opened

    def _begin_backward(self, tensors: Any, gradients: Any, inputs: Any) -> None:
        roots = [tensors] if not isinstance(tensors, (list, tuple)) else list(tensors)
        given = [gradients] if not isinstance(gradients, (list, tuple)) else list(gradients)
        if runs_without_python():
            return
        for root in roots:
            if not getattr(root, "requires_grad", False):
                return
        if inputs is not None and not self._reach.trains_any(inputs):
            return  # such as the pixels of an adversarial example
        moved = self.trials.begin()
        if self._has_new and self._backward:
            self._forget_dropped()
        self._has_new = False
        given = given if len(given) == len(roots) else [None] * len(roots)
        made = self._begun = BackwardPass(roots, given, reads_terms=self._reads_terms)
        self._opened = made, self._reach.marks(), moved

    def _end_backward(
        self, tensors: Any, made: BackwardPass, before: list[list[Mark]], moved: set[int]
    ) -> None:
        reached = self._reach.since(before, [tensors] if isinstance(tensors, torch.Tensor) else tensors)
        if reached is None:
            return
        made.groups, made.moved = reached, reached & moved
        made.round = self.trials.end(reached)
        if not reached:
            self._left_out = True
            self._forget(self._numbers(made))

    def _numbers(self, made: BackwardPass) -> list[int]:
        """Numbers of a pass; none if it has reached no loss."""
        return [task for task, one in self._backward.items() if one is made]

    def _forget_dropped(self) -> None:
        """Forget losses whose gradients the loop has dropped without an update; once it has tried others, see later."""
        dropped = {group for group in range(len(self._reach)) if not self._reach.trained(group)}
        tried = {group for group in dropped if self.trials.rounds(group)}
        for one in self._backward.values():
            one.dropped |= tried
        self._leave(lambda _: dropped - tried)

    def _leave(self, groups: Callable[[BackwardPass], set[int]]) -> None:
        """Take groups of weights out of backward passes, and forget those that have none left."""
        gone = []
        for task, one in self._backward.items():
            if one.groups is not None:
                one.groups = one.groups - groups(one)
                if not one.groups:
                    gone.append(task)
        if gone:
            self._forget(gone)

    def _settle(self, group: int) -> None:
        """Decide which passes are those of a step in which the loop has moved the weights."""
        window = self.trials.updated(group)
        if window is not None and window.rounds:
            if window.restored:
                self._notices.tried()
                self._leave(lambda one: {group} & one.moved)
                self._settle_rounds(group, window)
            else:
                self._leave(lambda one: {group} & one.dropped)

    def _settle_rounds(self, group: int, window: Window) -> None:
        """Of a loop that tried several times: each a micro-batch, or all but the last given up."""
        early = [
            one for one in self._backward.values() if one.round.get(group, window.rounds) < window.rounds - 1
        ]
        if early and window.gathered is None:
            for one in early:
                one.value = None
        elif early and not window.gathered:
            self._leave(lambda one: {group} if one in early else set())

    def _forget(self, tasks: Sequence[int]) -> None:
        """Forget backward passes, and the losses that only they have reached."""
        for task in tasks:
            del self._backward[task]
        kept = [part for part in self._parts if not part.tasks or not set(part.tasks) <= set(tasks)]
        self._parts.clear()
        self._parts.extend(kept)

    # Passes

    @contextmanager
    def evaluation(self, split: str) -> Iterator[None]:
        """Everything that is computed inside the ``with`` is one pass."""
        self.end_pass()
        self._pass, self._explicit = OpenPass(self._session, split), True
        try:
            yield
        except BaseException:
            self._pass = None
            raise
        finally:
            self._explicit = False
        self.end_pass()

    def end_pass(self) -> None:
        """Record the pass that is under way, if one is."""
        done, self._pass = self._pass, None
        if done is not None:
            done.finish()

    def _open(self) -> OpenPass:
        if self._pass is None:
            self._pass = OpenPass(self._session, self._split)
        return self._pass

    def end_epoch(self) -> None:
        """The loader has given all its batches."""
        self._session.record(EpochEnd(time.perf_counter()))

    # Steps

    def only_first(
        self, closure: Callable[[], Any], after: Callable[[], None], place: int
    ) -> Callable[[], Any]:
        """The closure of a step, of which the first call counts: the others are trials of the optimizer.

        Where the loop has computed a loss before the step, that counts, as with sharpness-aware minimisation.

        Args:
            closure: Computes the loss and its gradients.
            after: Called after the first call.
            place: Which of the optimizers.
        """
        tasks = self._passes(place).keys()  # the loop's own loss came first, if there is one
        calls = int(any(not tasks.isdisjoint(part.tasks) for part in self._parts))

        def counted() -> Any:
            nonlocal calls
            calls += 1
            again = calls > 1
            self.inside, self._repeats = self.inside + 1, self._repeats + again
            try:
                result = closure()
            finally:
                self.inside, self._repeats = self.inside - 1, self._repeats - again
            if not again:
                self._session.guard.shield("integration", after)
            return result

        return counted

    def stepped(self, place: int, numbers: Mapping[str, Any]) -> None:
        """An optimizer has updated its parameters.

        Args:
            place: Which of the optimizers; the last one completes a step.
            numbers: What is known of the update.
        """
        if place == self._last:
            trained = self._trained(place)
            self._record({**self._losses(trained, place), **numbers}, trained.parts)
        elif self._names is not None:
            named = {f"{number}_{self._names[place]}": value for number, value in numbers.items()}
            self._record({**self._losses(self._trained(place), place), **named}, (), steps=0)

    def forget(self) -> None:
        """Forget losses whose update has failed: their gradients are lost with it."""
        for place in range(self._last + 1):
            self._trained(place)

    def notice_no_step(self) -> None:
        """Say that losses had gradients, and no optimizer that is watched used them."""
        if self._left_out or any(part.tasks for part in self._parts):
            self._notices.no_step()

    def skipped(self, place: int) -> None:
        """A scaler has skipped an update, because gradients were not finite. No step is counted."""
        self._skipped += 1
        ends = self._names is not None or place == self._last
        losses = self._losses(self._trained(place), place) if ends else {}
        self._record({**losses, "skipped_steps": float(self._skipped)}, (), steps=0)

    def _losses(self, trained: Trained, place: int) -> dict[str, Any]:
        accumulation = self._accumulations[place]
        loss = accumulation.loss(trained.passes)
        if loss is None or accumulation.assumed or accumulation.divisor is not None:
            self._notice(trained, place, known=loss is not None)
        self._left_out = False
        named = {} if self._names is None else {f"loss_{self._names[place]}": loss}
        return {"loss": loss, **named} if place == self._last else named

    def _notice(self, trained: Trained, place: int, *, known: bool) -> None:
        """Say what is guessed, or not known, of an update."""
        accumulation, passes = self._accumulations[place], len(trained.passes)
        of = "" if self._names is None else f" of {self._names[place]}"
        if known and accumulation.assumed:
            self._notices.assumed(passes, of)
        elif known and accumulation.divisor is not None:
            notice = self._notices.restored if accumulation.restored else self._notices.divided
            notice(accumulation.divisor, of)
        elif not known and trained.parts:
            self._notices.unknown(passes, of, accumulation.divisor)
        elif not known and self._left_out:
            self._notices.left_out()
        elif not known:
            self._notices.none_seen(of)

    def _passes(self, place: int) -> dict[int, BackwardPass]:
        """The passes that reached weights of an optimizer, or may have, by their numbers."""
        group = 0 if self._names is None else place
        return {
            task: one for task, one in self._backward.items() if one.groups is None or group in one.groups
        }

    def _trained(self, place: int) -> Trained:
        """What backward passes have reached weights of an optimizer since its last step."""
        self._settle(0 if self._names is None else place)
        reached = self._passes(place)
        tasks = reached.keys()
        others = self._backward.keys() - tasks
        parts, waiting = [], []
        for part in self._parts:
            if part.tasks and not others.issuperset(part.tasks):
                parts.append(part)
            if not others.isdisjoint(part.tasks) or (not part.tasks and self._names is not None):
                waiting.append(part)
        if not parts and self._pass is not None and not self._explicit:
            parts = self._pass.take_trained()
            if parts:
                self._trains_in_evaluation_mode = True
                self.end_pass()
        self._parts.clear()
        self._parts.extend(waiting)
        passes = []
        for task, backward in reached.items():
            del self._backward[task]
            if found := [part for part in parts if task in part.tasks]:
                passes.append(Reached(backward, found))
        if passes:  # what only torch.autograd.grad has reached, as in an inner loop, is no part of the step
            parts = [part for part in parts if not tasks.isdisjoint(part.tasks)]
        return Trained(parts, passes)

    def _record(self, numbers: Mapping[str, Any], parts: Sequence[Part], *, steps: int = 1) -> None:
        at, given = time.perf_counter(), {name: value for name, value in numbers.items() if value is not None}
        samples, scored = 0, []
        for part in parts:
            samples += part.samples
            if part.scored is not None:
                scored.append(part.scored)
        first = scored[0] if scored else None
        self._session.record(Scored(at, given, first, None, samples, steps, scored[1:]))


def _samples(*arrays: Any) -> int:
    """Rows of the first array that has any; 1 without one."""
    for one in arrays:
        if getattr(one, "ndim", 0):
            return int(one.shape[0])
    return 1
