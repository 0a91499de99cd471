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
        self._at: dict[int, Sequence[tuple[Any, int]]] = {}  # weights, and their versions after that pass

    def passed(self, groups: Collection[int]) -> None:
        """A pass has given gradients to these groups."""
        for group in groups:
            if group not in self._at:
                self._at[group] = [(one, one._version) for one in _some(self._reach.trained(group))]

    def moved(self) -> set[int]:
        """The groups that have been moved."""
        return {group for group, weights in self._at.items() if _all_written(weights)}

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
        updated = {id(one) for group in optimizer.param_groups for one in group["params"]}
        for group, weights in list(self._at.items()):
            if any(id(one) in updated for one, _ in weights):
                self.updated(group)


def _some(weights: Sequence[Any]) -> Sequence[Any]:
    return weights[:: max(1, -(-len(weights) // MOST_WEIGHTS))]


def _all_written(weights: Sequence[tuple[Any, int]]) -> bool:
    return bool(weights) and all(one._version != version for one, version in weights)
