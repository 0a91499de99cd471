"""Whether the gradients that a loop clips together are those of all weights of its optimizers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter, is_not
from typing import Any

import torch

_gradient = attrgetter("grad")


class AllGradients:
    """Recognises the gradients of all weights of optimizers, which are other tensors at each step.

    To look for each among the others takes longer than all else that is recorded of a step of a large model. So once a loop
    has clipped all of them, it is compared in that order.

    Args:
        optimizers: The optimizers.
    """

    def __init__(self, optimizers: Sequence[Any]) -> None:
        self._optimizers = optimizers
        self._clipped: list[Any] = []  # weights, as the loop clipped all of them
        self._without: list[Any] = []  # weights that had no gradient then

    def weights(self) -> Iterator[Any]:
        """The weights of all optimizers."""
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                yield from group["params"]

    def found(self) -> list[torch.Tensor]:
        """The gradients."""
        return [gradient for one in self.weights() if (gradient := one.grad) is not None]

    def are(self, gradients: Sequence[torch.Tensor]) -> bool:
        """Whether these are all of them, in any order.

        >>> net = torch.nn.Linear(2, 1)
        >>> gradients = AllGradients([torch.optim.SGD(net.parameters(), lr=0.1)])
        >>> net(torch.ones(1, 2)).sum().backward()
        >>> gradients.are([net.bias.grad, net.weight.grad]), gradients.are([net.weight.grad])
        (True, False)
        """
        return self._are_as_before(gradients) or self._are_same(gradients)

    def _are_as_before(self, gradients: Sequence[torch.Tensor]) -> bool:
        clipped, count = self._clipped, 0
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                count += len(group["params"])
        if not clipped or len(gradients) != len(clipped) or len(clipped) + len(self._without) != count:
            return False
        if any(map(is_not, map(_gradient, clipped), gradients)):
            return False
        return all(one.grad is None for one in self._without)

    def _are_same(self, gradients: Sequence[torch.Tensor]) -> bool:
        weights = {id(one.grad): one for one in self.weights() if one.grad is not None}
        if weights.keys() != set(map(id, gradients)):
            return False
        self._clipped = [weights[id(one)] for one in gradients]
        self._without = [one for one in self.weights() if one.grad is None]
        return True
