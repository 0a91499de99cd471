"""Weights that the loop moves between two backward passes of one step, to try a loss there.

Sharpness-aware minimisation calls ``backward`` at the weights of the step, moves the weights, calls ``backward`` there,
moves them back, and updates with the second gradient. The loss of the step is the first. PyTorch counts the writes to a
weight, so that the move shows without a look at a value. A write through ``.data`` does not show.

Some modules write to a weight of theirs while they compute, such as an embedding with a largest norm. So weights have moved
only if all that are looked at have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

from traingauge.integrations.torch.reach import Reach

#: Weights of a group that are looked at: a few show what happens to all.
MOST_WEIGHTS = 8


class Trials:
    """The groups of weights that have been moved since the first backward pass of their step.

    Args:
        reach: The groups.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._looked_at: dict[int, Sequence[Any]] = {}  # weights of each group
        self._at: dict[int, list[int]] = {}  # their versions after that pass

    def passed(self, groups: Collection[int]) -> None:
        """A pass has given gradients to these groups."""
        for group in groups:
            if group not in self._at:
                self._at[group] = [one._version for one in self._look_at(group)]

    def moved(self) -> set[int]:
        """The groups that have been moved."""
        return {group for group, versions in self._at.items() if self._all_written(group, versions)}

    def updated(self, group: int) -> None:
        """An optimizer has updated a group, or was to: the next pass is the first of its step."""
        self._at.pop(group, None)

    @contextmanager
    def watched(self, catch: Callable[..., Any]) -> Iterator[None]:
        """See the updates of all optimizers inside the ``with``: one that is not recorded may move the weights, too.

        Args:
            catch: Calls a function with arguments, and contains its errors.
        """
        hook = register_optimizer_step_post_hook(lambda optimizer, *_: catch(self._forget, optimizer))
        try:
            yield
        finally:
            hook.remove()

    def _forget(self, optimizer: Any) -> None:
        if not self._at:
            return
        updated = {id(one) for group in optimizer.param_groups for one in group["params"]}
        for group in list(self._at):
            if any(id(one) in updated for one in self._looked_at[group]):
                self.updated(group)

    def _look_at(self, group: int) -> Sequence[Any]:
        weights = self._looked_at.get(group)
        if not weights or any(one.grad is None for one in weights):
            trained = self._reach.trained(group)
            weights = self._looked_at[group] = trained[:: max(1, -(-len(trained) // MOST_WEIGHTS))]
        return weights

    def _all_written(self, group: int, versions: Sequence[int]) -> bool:
        pairs = zip(self._looked_at[group], versions, strict=True)
        return bool(versions) and all(one._version != version for one, version in pairs)
