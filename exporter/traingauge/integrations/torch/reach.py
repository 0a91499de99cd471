"""Which weights a backward pass gave a gradient to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import torch

#: What shows that a gradient has changed: the object, and how often it was written to; ``None`` without one.
Mark = tuple[int, int] | None

_is_trained = attrgetter("requires_grad")


class Reach:
    """The weights of optimizers, in groups that share a loss.

    Args:
        groups: The optimizers of each group.
        modules: The models that are trained.
    """

    def __init__(self, groups: Sequence[Sequence[Any]], modules: Sequence[Any]) -> None:
        self._groups, self._modules = groups, modules
        self._looked_at: list[list[Any]] = []  # weights of each group whose gradients are compared

    def __len__(self) -> int:
        return len(self._groups)

    def weights(self, group: int) -> Iterator[Any]:
        """The weights of a group."""
        for optimizer in self._groups[group]:
            for given in optimizer.param_groups:
                yield from given["params"]

    def trained(self, group: int) -> list[Any]:
        """The weights of a group that have a gradient."""
        return [one for one in self.weights(group) if one.grad is not None]

    def trains_any(self, inputs: Any) -> bool:
        """Whether one of the ``inputs`` of a backward pass is a weight."""
        if isinstance(inputs, dict):
            inputs = list(inputs.values())
        if not isinstance(inputs, (list, tuple, torch.Tensor)):
            return True  # an iterator, which can be read once
        given = {id(one) for one in ([inputs] if isinstance(inputs, torch.Tensor) else inputs)}
        return any(id(one) in given for group in range(len(self)) for one in self.weights(group))

    def marks(self) -> list[list[Mark]]:
        """What :meth:`since` compares with.

        Of a single group some weights are enough: where their gradients stay, the graph shows whether others changed. It
        does not show those that reentrant checkpointing hides, so weights that the loop has frozen are not looked at.
        """
        if len(self._groups) > 1:
            self._looked_at = [list(self.weights(group)) for group in range(len(self))]
        elif not any(self._looked_at) or not all(map(_is_trained, self._looked_at[0])):
            self._looked_at = [_some([one for one in self.weights(0) if one.requires_grad])]
        return list(map(marks, self._looked_at))

    def since(self, before: Sequence[Sequence[Mark]], roots: Iterable[torch.Tensor]) -> set[int] | None:
        """The groups whose gradients a pass has changed; ``None`` if that is not known.

        Gradients may be kept elsewhere than at the weights, as by some ways to train on several devices. So that a pass
        reached none of the groups is only said if it left gradients at other weights.

        Args:
            before: The marks before the pass.
            roots: What it was started from.
        """
        changed = set()
        for group, weights in enumerate(self._looked_at):
            if marks(weights) != before[group]:
                changed.add(group)
        return changed or self._in_graph(roots)

    def _in_graph(self, roots: Iterable[torch.Tensor]) -> set[int] | None:
        ours = [{id(one) for one in self.weights(group)} for group in range(len(self))]
        modules = {id(one) for module in self._modules for one in module.parameters()}
        copied = any(modules.isdisjoint(group) for group in ours)  # as weights in full precision are
        reached: set[int] = set()
        unknown, foreign = False, False
        leaves = list(_leaves(roots))
        for leaf in leaves:
            reached |= {group for group, weights in enumerate(ours) if id(leaf) in weights}
            unknown |= copied and id(leaf) in modules
            foreign |= leaf.grad is not None
        if len(ours) == 1 and reached:  # the weights that are looked at are trained no more
            self._looked_at = [_some([leaf for leaf in leaves if id(leaf) in ours[0]])]
        return reached or (None if unknown or not foreign else set())


def _some(weights: Sequence[Any]) -> list[Any]:
    """The first and the last of them."""
    return [*weights[:1], *weights[1:][-1:]]


def marks(weights: Sequence[Any]) -> list[Mark]:
    """The marks of the gradients of weights."""
    return [None if (one := weight.grad) is None else (id(one), one._version) for weight in weights]


def _leaves(roots: Iterable[torch.Tensor]) -> Iterator[Any]:
    """The tensors that a pass accumulates gradients in."""
    waiting: list[Any] = []
    for root in roots:
        if root.grad_fn is None:
            yield root
        else:
            waiting.append(root.grad_fn)
    seen: set[Any] = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        operands = [operand for operand, _ in node.next_functions if operand is not None]
        leaf = None if operands else getattr(node, "variable", None)
        if isinstance(leaf, torch.Tensor):
            yield leaf
        waiting += operands
