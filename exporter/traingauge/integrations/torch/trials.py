"""Weights that the loop moves between two backward passes of one step, to try a loss there.

Sharpness-aware minimisation calls ``backward`` at the weights of the step, moves the weights, calls ``backward`` there,
moves them back, and updates with the second gradient. The loss of the step is the first.

A loop may write to weights for another reason, such as to clamp them after each micro-batch, or to return to earlier ones
after a bad batch; and some modules write to theirs while they compute, such as an embedding with a largest norm. So a trial
is a pass before which the loop both moved the weights and dropped the gradients, and which counts as one only if the weights
are back before the update.

On the CPU the values of two weights show where they are. On a device a look at them would wait, so there the writes have to
do: weights have moved if all that are looked at were written to.

A loop may try each micro-batch by itself. Then it gathers the gradients in tensors of its own, which shows at the update.
Where it writes to those of the last pass instead, it may as well have given up an earlier step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from traingauge.integrations.torch.reach import Mark, Reach, mark
from traingauge.integrations.torch.values import local

#: Weights of a group that are looked at: a few show what happens to all.
MOST_WEIGHTS = 8

#: Of how many of these, and of how many numbers in each, the values are looked at.
MOST_SAMPLED, MOST_NUMBERS = 2, 64


class Place(NamedTuple):
    """Where a weight is: how often it was written to, and its memory, which changes where its tensor is replaced."""

    writes: int
    memory: int


class Look(NamedTuple):
    """What weights were like.

    Attributes:
        places: Where each is; empty on the CPU.
        values: Some numbers of some; empty on a device.
        gradients: Marks of their gradients.
    """

    places: list[Place]
    values: list[torch.Tensor]
    gradients: list[Mark]


class Weights:
    """Weights of a group that are looked at.

    Args:
        weights: Those; at least one.

    Attributes:
        all: As given.
    """

    def __init__(self, weights: Sequence[Any]) -> None:
        self.all = weights
        self._sampled = weights[-MOST_SAMPLED:]
        self._memory: list[int] = []  # where these were when they were looked at last
        self._views: list[torch.Tensor] = []  # of that; they keep it, so that no other tensor gets it

    def look(self) -> Look:
        """What they are like now."""
        gradients = [mark(one) for one in self.all]
        sampled = [local(one) for one in self._sampled]
        if all(one.is_cpu for one in sampled):
            return Look([], self._numbers(sampled), gradients)
        self._memory, self._views = [], []
        return Look([Place(one._version, local(one).data_ptr()) for one in self.all], [], gradients)

    def _numbers(self, sampled: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        memory = [one.data_ptr() for one in sampled]
        if memory != self._memory:  # the loop has replaced the tensor of a weight
            self._memory, self._views = memory, [_numbers(one) for one in sampled]
        return [view.clone() for view in self._views]


class Window:
    """The passes of one group since its last update.

    Args:
        weights: Those that are looked at.

    Attributes:
        tries: Whether the last pass was a trial.
        rounds: How often the weights were moved to a trial, so far.
        restored: Whether they were back after it when an optimizer began to update.
        gathered: Whether the gradients were then tensors of the loop; ``None`` if it may only have written to those that the
            last pass left.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._last = self._base = weights.look()
        self.tries, self.rounds = False, 0
        self.restored = False
        self.gathered: bool | None = False

    def begin(self) -> None:
        """A pass begins."""
        if all(was != mark(one) for one, was in zip(self._weights.all, self._last.gradients, strict=True)):
            now = self._weights.look()
            if self.tries and self._is_back(now):
                self.tries = False
            elif not self.tries and _moved(now, self._last):
                self.tries, self.rounds = True, self.rounds + 1

    def end(self) -> None:
        """A pass has ended."""
        self._last = self._weights.look()
        if not self.tries:
            self._base = self._last

    def update(self) -> None:
        """An optimizer begins to update."""
        if not self.tries or self.restored:
            return
        now = self._weights.look()
        if self._is_back(now):
            self.restored = True
            pairs = list(zip(now.gradients, self._last.gradients, strict=True))
            others = all(one is None or was is None or one[0] != was[0] for one, was in pairs)
            self.gathered = True if others else False if now.gradients == self._last.gradients else None

    def _is_back(self, now: Look) -> bool:
        if not now.values:
            return _moved(now, self._last)
        at = zip(now.values, self._last.values, self._base.values, strict=True)
        return all(_close(one, tried, base) for one, tried, base in at)


class Trials:
    """The groups of weights that have been moved since the first backward pass of their step.

    Args:
        reach: The groups.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._looked_at: dict[int, Weights] = {}  # of each group
        self._windows: dict[int, Window] = {}

    def begin(self) -> set[int]:
        """A pass begins; the groups for which it is a trial."""
        for window in self._windows.values():
            window.begin()
        return {group for group, window in self._windows.items() if window.tries}

    def end(self, groups: Collection[int]) -> None:
        """A pass has given gradients to these groups."""
        for group in groups:
            if group in self._windows:
                self._windows[group].end()
            else:
                weights = self._look_at(group)
                if weights is not None:
                    self._windows[group] = Window(weights)

    def rounds(self, group: int) -> int:
        """How often a group was moved to a trial in its step."""
        return self._windows[group].rounds if group in self._windows else 0

    def window(self, group: int) -> Window | None:
        """The passes of a group since its last update; ``None`` without one."""
        return self._windows.get(group)

    def updated(self, group: int) -> None:
        """An optimizer has updated a group, or was to: the next pass is the first of its step."""
        self._windows.pop(group, None)

    @contextmanager
    def watched(self, catch: Callable[..., Any]) -> Iterator[None]:
        """See the updates of all optimizers inside the ``with``: one that is not recorded may move the weights, too.

        Args:
            catch: Calls a function with arguments, and contains its errors.
        """
        before = register_optimizer_step_pre_hook(lambda optimizer, *_: catch(self._look_again, optimizer))
        after = register_optimizer_step_post_hook(lambda optimizer, *_: catch(self._forget, optimizer))
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def _look_again(self, optimizer: Any) -> None:
        if any(window.tries for window in self._windows.values()):
            for group in self._of(optimizer):
                self._windows[group].update()

    def _forget(self, optimizer: Any) -> None:
        for group in self._of(optimizer):
            self.updated(group)

    def _of(self, optimizer: Any) -> list[int]:
        """The groups under way that have weights of an optimizer."""
        if not self._windows:
            return []
        updated = {id(one) for group in optimizer.param_groups for one in group["params"]}
        return [
            group for group in self._windows if any(id(one) in updated for one in self._looked_at[group].all)
        ]

    def _look_at(self, group: int) -> Weights | None:
        """The weights of a group that are looked at; ``None`` as long as none of them has a gradient."""
        weights = self._looked_at.get(group)
        if weights is None or any(one.grad is None for one in weights.all):
            trained = self._reach.trained(group)
            if not trained:
                return None
            weights = self._looked_at[group] = Weights(trained[:: max(1, -(-len(trained) // MOST_WEIGHTS))])
        return weights


def _numbers(weight: torch.Tensor) -> torch.Tensor:
    """Some numbers of a weight, a view of its memory, whatever its layout."""
    size = weight.numel()
    count = min(size, MOST_NUMBERS)
    return weight.detach().as_strided((count,), (size // count if count else 1,), weight.storage_offset())


def _moved(now: Look, before: Look) -> bool:
    if now.values:
        return any(not torch.equal(one, was) for one, was in zip(now.values, before.values, strict=True))
    return all(one != was for one, was in zip(now.places, before.places, strict=True))


def _close(now: torch.Tensor, tried: torch.Tensor, base: torch.Tensor) -> bool:
    """Whether numbers are back, but for what rounds off when a move is added and subtracted."""
    rounds_off = 4 * torch.finfo(base.dtype).eps * torch.maximum(tried.abs(), base.abs())
    return bool(((now - base).abs() <= rounds_off).all())
