"""The losses that a loop computed since its last step, and the backward passes that reached them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from traingauge.integrations.torch import scaling, terms
from traingauge.integrations.torch.values import local, number

if TYPE_CHECKING:
    from traingauge.core.deferred_scores import Unencoded
    from traingauge.stats.classification.encoding import Encoded

#: Parts, and backward passes, that are kept until a step: more than any loop accumulates.
MOST_PARTS = 4096


class Part:
    """One loss that the loop computed.

    Args:
        loss: Its tensor.
        samples: Samples in it.
        scored: Their labels and predictions, reduced.
        criterion: The module that computed it; ``None`` for a function.

    Attributes:
        kind: What computed it.
        adds_up: Whether it is the sum over its samples, or may be.
        of_function: Whether a function computed it. The loop may have multiplied it before it was shown.
        tasks: Numbers of the passes that reached it.
        samples: As given.
        scored: As given.
    """

    __slots__ = ("adds_up", "kind", "of_function", "samples", "scored", "tasks")

    def __init__(
        self,
        loss: torch.Tensor,
        samples: int,
        scored: Encoded | Unencoded | None = None,
        criterion: Any = None,
    ) -> None:
        node = loss.grad_fn
        self.of_function = criterion is None
        self.kind = id(criterion) if criterion is not None else "" if node is None else node.name()
        self.adds_up = getattr(criterion, "reduction", "") == "sum" or terms.adds_up(node)
        self.tasks: list[int] = []
        self.samples, self.scored = samples, scored
        if node is not None:
            terms.note_part(node, loss.output_nr, self)


class BackwardPass:
    """One backward pass, from before it begins.

    Args:
        roots: What ``backward`` was called on.
        gradients: The gradients that the loop gave for them, each ``None`` for 1.
        reads_terms: Whether its terms are wanted; those that a scaler may have scaled are read in any case.

    Attributes:
        value: The sum of the roots, without the scale of a scaler: a float, or a tensor on the device; ``None`` if that is
            not known.
        terms: Its terms; none if they were not read.
        groups: The groups of weights that it reached, see :class:`~traingauge.integrations.torch.reach.Reach`, and whose
            gradients the loop has not dropped since; ``None`` if that is not known.
        moved: The groups for which it may be a trial, see :mod:`~traingauge.integrations.torch.trials`.
        round: How often each group had been moved to a trial before, or for it.
        dropped: The groups whose gradients the loop has dropped since, but whose trials may have them count.
    """

    __slots__ = ("dropped", "groups", "moved", "round", "terms", "value")

    def __init__(
        self, roots: Sequence[torch.Tensor], gradients: Sequence[Any], *, reads_terms: bool = True
    ) -> None:
        self.groups: set[int] | None = None
        self.moved: set[int] = set()
        self.round: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.value: Any = total(roots, gradients)
        self.terms: list[terms.Term] = []
        if reads_terms or scaling.in_use():
            for root, gradient in zip(roots, gradients, strict=True):
                self.terms += terms.terms_of(root, gradient)
        scale = self.terms[0].scale if self.terms else None
        for term in self.terms:
            if term.scale is not scale:
                self.value = None
                return
        if scale is not None:
            self.value = None if scale.value is None else self.value / scale.value

    @property
    def is_bare(self) -> bool:
        """Whether it began from one watched loss as that is."""
        return len(self.terms) == 1 and self.terms[0].known and not self.terms[0].factors

    def paths(self, parts: Sequence[Part]) -> list[terms.Term]:
        """Its terms that are watched losses; where one of them cannot be found among the terms, all terms."""
        found = {id(part) for term in self.terms for part in term.parts}
        if all(id(part) in found for part in parts):
            return [term for term in self.terms if term.parts]
        return self.terms


def total(roots: Sequence[torch.Tensor], gradients: Sequence[Any]) -> Any:
    """The sum of the roots of a backward pass, weighted by the gradients given for them; the graph is not read."""
    return sum(_contribution(root, gradient) for root, gradient in zip(roots, gradients, strict=True))


def _contribution(root: torch.Tensor, gradient: Any) -> Any:
    if gradient is None:
        return number(root)
    with torch.no_grad():
        return number((local(root) * local(gradient)).sum())
