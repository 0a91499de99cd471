"""Weights that the loop moves between two backward passes of one step, to try a loss there.

Sharpness-aware minimisation calls ``backward`` at the weights of the step, moves the weights, calls ``backward`` there,
moves them back, and updates with the second gradient. The loss of the step is the first. PyTorch counts the writes to a
weight, so that the move shows without a look at a value. A write through ``.data`` does not show.

A loop may write to weights for another reason, such as to return to earlier ones after a bad batch, or to clamp them. Then
it does not move them back before the update, and what it computed last counts.

Some modules write to a weight of theirs while they compute, such as an embedding with a largest norm. So weights have moved
only if all that are looked at have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from traingauge.integrations.torch.reach import Reach
from traingauge.integrations.torch.values import local

#: Weights of a group that are looked at: a few show what happens to all.
MOST_WEIGHTS = 8


class Place(NamedTuple):
    """Where a weight is: how often it was written to, and its memory, which changes where its tensor is replaced."""

    writes: int
    memory: int


class Trials:
    """The groups of weights that have been moved since the first backward pass of their step.

    Args:
        reach: The groups.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._looked_at: dict[int, Sequence[Any]] = {}  # weights of each group
        self._at: dict[int, list[int]] = {}  # how often they were written to before the end of that pass
        self._tried: dict[int, list[Place]] = {}  # where they were at the end of the last trial
        self._restored: set[int] = set()  # groups that were moved once more before their update

    def passed(self, groups: Collection[int]) -> None:
        """A pass has given gradients to these groups."""
        for group in groups:
            if group not in self._at:
                self._at[group] = [one._version for one in self._look_at(group)]

    def tried(self, groups: Collection[int]) -> None:
        """A pass has given gradients to these groups, which have been moved."""
        for group in groups:
            self._tried[group] = [_place(one) for one in self._looked_at[group]]

    def moved(self) -> set[int]:
        """The groups that have been moved."""
        return {
            group
            for group, writes in self._at.items()
            if writes and all(_differ(self._looked_at[group], writes, lambda one: one._version))
        }

    def restored(self, group: int) -> bool:
        """Whether a group was moved once more between the last trial and its update."""
        return group in self._restored

    def updated(self, group: int) -> None:
        """An optimizer has updated a group, or was to: the next pass is the first of its step."""
        self._at.pop(group, None)
        self._tried.pop(group, None)
        self._restored.discard(group)

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
        for group in self._of(optimizer, self._tried):
            if all(_differ(self._looked_at[group], self._tried[group], _place)):
                self._restored.add(group)

    def _forget(self, optimizer: Any) -> None:
        for group in self._of(optimizer, self._at):
            self.updated(group)

    def _of(self, optimizer: Any, groups: Collection[int]) -> list[int]:
        """Those of the groups that have weights of an optimizer."""
        if not groups:
            return []
        updated = {id(one) for group in optimizer.param_groups for one in group["params"]}
        return [group for group in groups if any(id(one) in updated for one in self._looked_at[group])]

    def _look_at(self, group: int) -> Sequence[Any]:
        weights = self._looked_at.get(group)
        if not weights or any(one.grad is None for one in weights):
            trained = self._reach.trained(group)
            weights = self._looked_at[group] = trained[:: max(1, -(-len(trained) // MOST_WEIGHTS))]
        return weights


def _place(weight: Any) -> Place:
    return Place(weight._version, local(weight).data_ptr())


def _differ(weights: Sequence[Any], before: Sequence[Any], look: Callable[[Any], Any]) -> Iterator[bool]:
    return (look(one) != was for one, was in zip(weights, before, strict=True))
