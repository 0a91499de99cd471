"""The loss of a step, from the losses that the loop computed since the step before.

Each call of the criterion is a part. Its weight is the gradient of what the loop called ``backward`` on with respect to it,
which a hook of its tensor sees: 1/4 where the loop divides by four micro-batches, 0.4 for an auxiliary loss. Parts of one
backward pass add up, relative to the first. Backward passes are micro-batches, and average. A part that no backward pass
reached did not train the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from traingauge.integrations.torch.values import local, number

if TYPE_CHECKING:
    from traingauge.core.device_scores import OnDevice
    from traingauge.stats.classification.encoding import Encoded

#: Parts that are kept until a step: more than any loop accumulates.
MOST_PARTS = 4096


class Part:
    """One loss that the loop computed.

    Args:
        loss: Its tensor; one with several elements counts by its mean, or as the gradient weights them.
        samples: Samples in it.
        scored: Their labels and predictions, reduced.

    Attributes:
        value: The loss.
        weight: How much the gradient weighs it; ``None`` before a backward pass.
        backward: Number of that pass.
        samples: As given.
        scored: As given.
    """

    __slots__ = ("_elements", "backward", "samples", "scored", "value", "weight")

    def __init__(self, loss: torch.Tensor, samples: int, scored: Encoded | OnDevice | None = None) -> None:
        self._elements = None if loss.numel() == 1 else local(loss.detach()).clone()
        self.value: Any = number(loss if self._elements is None else self._elements.mean())
        self.weight: Any = None
        self.backward = -1
        self.samples, self.scored = samples, scored

    def on_gradient(self, gradient: torch.Tensor) -> None:
        """Take the gradient with respect to the loss."""
        if self._elements is not None:
            gradient = local(gradient.detach())
            total = gradient.sum()
            self.value, gradient = number((gradient * self._elements).sum() / total), total
        weight = number(gradient)
        self.weight = weight if self.weight is None else self.weight + weight
        self.backward = backward_pass()


def loss_of(parts: Sequence[Part]) -> Any:
    """The loss of a step, a float or a tensor; ``None`` without parts.

    >>> def part(value, weight, backward):
    ...     made = Part(torch.tensor(value), 1)
    ...     made.weight, made.backward = weight, backward
    ...     return made
    >>> loss_of([part(1.0, 0.5, 1), part(2.0, 0.5, 2)]), loss_of([part(1.0, 1.0, 1), part(2.0, 0.25, 1)])
    (1.5, 1.5)
    """
    if len(parts) <= 1:
        return parts[0].value if parts else None
    firsts = {part.backward: part.weight for part in reversed(parts)}
    total, weight = sum(part.value * part.weight for part in parts), sum(firsts.values())
    if isinstance(weight, float) and weight == 0:
        return sum(part.value for part in parts) / len(parts)
    return total / weight


def backward_pass() -> int:
    """Number of the backward pass that is under way; -1 if none is."""
    return int(torch._C._current_graph_task_id())
