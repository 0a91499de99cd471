"""The terms of what a loop calls ``backward`` on, with the numbers that the loop multiplies each by.

They are read from the graph of the computation, on the host: it holds Python's numbers, while values of tensors stay where
they are.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch.utils._mode_utils import no_dispatch

#: Keys of what is noted at the nodes of a graph.
_PART, _SCALE = "traingauge_part", "traingauge_scale"

#: Nodes that are read: a loop adds up few losses, and the graph of its model is left alone.
MOST_NODES = 1000

_SUMS = ("AddBackward0", "SubBackward0", "RsubBackward1", "NegBackward0")
_PRODUCTS = ("MulBackward0", "MulBackward1", "DivBackward0", "DivBackward1")
_RESHAPED = ("View", "UnsafeView", "ReshapeAlias", "Alias", "Clone", "ToCopy", "Squeeze", "Unsqueeze")
_PASSED_ON = ("Sum", "Mean", "Stack", "Cat", "Expand", "Select", "Slice", "Unbind", "Permute", "Transpose")
_ELEMENTWISE = ("Sqrt", "Exp", "Log", "Log1P", "Pow", "Abs", "Clamp", "ClampMin", "Where", "NanToNum")


class Term(NamedTuple):
    """One term of a total.

    Attributes:
        parts: The watched losses that it consists of; none if it is something else.
        factors: Numbers by which the loop multiplies it, the outermost first, without their signs.
        outer: How many of these are outside of a watched loss; ``None`` for all.
        known: Whether these are all of those outside.
        negative: Whether it is subtracted.
        summed: Whether elements may be added up on the way, so that one of the numbers may be how many they are.
        scale: The :class:`~traingauge.integrations.torch.scaling.Scale` of a scaler of gradients; ``None`` without one.
    """

    parts: tuple[Any, ...] = ()
    factors: tuple[float, ...] = ()
    outer: int | None = None
    known: bool = True
    negative: bool = False
    summed: bool = False
    scale: Any = None

    def times(self, factor: float | None) -> Term:
        """The same multiplied by a number; ``None`` for one that is not known."""
        if factor is None:
            return self._replace(known=False)
        negative, factors = self.negative != (factor < 0), (*self.factors, abs(factor))
        return Term(self.parts, factors, self.outer, self.known, negative, self.summed, self.scale)

    @property
    def bare(self) -> bool:
        """Whether it is known that the loop multiplies a watched loss by nothing."""
        return self.known and all(math.isclose(factor, 1, rel_tol=1e-9) for factor in self.outer_factors)

    @property
    def outer_factors(self) -> tuple[float, ...]:
        """Those outside of a watched loss."""
        return self.factors[: self.outer]

    def within(self, parts: tuple[Any, ...]) -> Term:
        """The same where these losses begin; what multiplies further is inside of them."""
        if self.parts:
            return self._replace(parts=self.parts + parts)
        ended = self.ended(parts)
        return ended._replace(outer=len(ended.factors))

    def inner(self, factor: float) -> Term:
        """The same, multiplied inside of a watched loss."""
        return self._replace(factors=(*self.factors, abs(factor)))

    def of_sum(self) -> Term:
        """The same of a sum inside of a watched loss, whose mean the innermost number there may make."""
        return self if self.factors == self.outer_factors else self._replace(factors=self.factors[:-1])

    def ended(self, parts: tuple[Any, ...]) -> Term:
        """The same, which consists of these losses.

        Of a sum, the innermost number may be what it is averaged by, and then says nothing of micro-batches.
        """
        if self.factors and (self.summed or any(part.adds_up for part in parts)):
            return self._replace(parts=parts, factors=self.factors[:-1], known=False)
        return self._replace(parts=parts, known=self.known and bool(parts))

    def divided_by(self, number: float) -> bool:
        """Whether the loop divides it by a number, or multiplies it by the reciprocal."""
        return any(math.isclose(factor * number, 1, rel_tol=1e-6) for factor in self.factors)


def note_part(node: Any, output: int, part: Any) -> None:
    """Note at an output of a node, which is a loss, which part of the step that is."""
    node.metadata.setdefault(_PART, []).append((output, part))


def note_scale(scaled: torch.Tensor, scale: Any) -> None:
    """Note at a tensor that a scaler multiplied it by a scale."""
    if scaled.grad_fn is not None:
        scaled.grad_fn.metadata[_SCALE] = scale


def terms_of(total: torch.Tensor, gradient: Any = None) -> list[Term]:
    """The terms of a total.

    Args:
        total: What ``backward`` is called on, before it is.
        gradient: The gradient that the loop gives for it; ``None`` for 1.

    >>> from types import SimpleNamespace
    >>> loss = torch.ones(1, requires_grad=True).sum()
    >>> note_part(loss.grad_fn, 0, SimpleNamespace(adds_up=False, of_function=False))
    >>> [(term.factors, term.negative) for term in terms_of((2 - 3 * loss) / 4)]
    [((0.25, 3.0), True)]
    """
    node, output = total.grad_fn, total.output_nr
    if gradient is None and (parts := _parts_at(node, output)) and not _is_read_inside(node, parts):
        return [Term(parts, outer=0)]
    start = Term() if gradient is None else Term().times(_value(gradient))
    waiting, found = [(node, output, start)], []
    for _ in range(MOST_NODES):
        if not waiting:
            break
        node, output, term = waiting.pop()
        noted = {} if node is None else node.metadata
        if _PART in noted and (parts := _parts_at(node, output)):
            term = term.within(parts)
        if _SCALE in noted:
            term = term._replace(scale=noted[_SCALE])
        onward = [] if node is None else _inside(node, term) if term.parts else _onward(node, term)
        waiting += onward
        if not onward:
            found.append(_last(node, term))
    return found + [_last(None, term) for *_, term in waiting]


def _last(node: Any, term: Term) -> Term:
    """A term whose operands are not read."""
    if not term.parts:
        return term.ended(())
    return term.of_sum() if adds_up(node) else term


def adds_up(node: Any) -> bool:
    """Whether a node computes a sum over samples, or may."""
    if node is None:
        return False
    return node.name().startswith("SumBackward") or getattr(node, "_saved_reduction", 1) == 2


def _parts_at(node: Any, output: int) -> tuple[Any, ...]:
    noted = None if node is None else node.metadata.get(_PART)
    return tuple([part for at, part in noted if at == output]) if noted else ()


def _onward(node: Any, term: Term) -> list[tuple[Any, int, Term]]:
    """The operands of a node that have gradients; none where several go into something that is no sum."""
    name = node.name()
    kind = _kind(name)
    if _SCALE in node.metadata:
        return [(operand, output, term) for _, operand, output in _operands(node)]
    if kind == "sum":
        return [(operand, output, _signed(term, node, name, at)) for at, operand, output in _operands(node)]
    if kind == "product":
        return [
            (operand, output, term.times(_factor(node, name, at))) for at, operand, output in _operands(node)
        ]
    operands, passed_on = _operands(node), kind in {"reshaped", "passed on"}
    if not passed_on and len(operands) != 1:
        return []
    summed = _adds_up(node) if passed_on else kind != "elementwise"
    changed = term._replace(summed=term.summed or summed, known=term.known and passed_on)
    return [(operand, output, changed) for _, operand, output in operands]


def _operands(node: Any) -> list[tuple[int, Any, int]]:
    """The operands of a node that have gradients: the place of each, what computed it, and which output of that it is."""
    return [
        (at, operand, output)
        for at, (operand, output) in enumerate(node.next_functions)
        if operand is not None
    ]


def _signed(term: Term, node: Any, name: str, at: int) -> Term:
    """The operand of a sum or a difference."""
    second = at == 1 or name == "RsubBackward1"
    if name != "AddBackward0" and (second or name == "NegBackward0"):
        term = term._replace(negative=not term.negative)
    alpha = getattr(node, "_saved_alpha", 1) if second else 1
    return term if alpha == 1 else term.times(alpha)


def _is_read_inside(node: Any, parts: tuple[Any, ...]) -> bool:
    """Whether what a watched loss consists of is read: that of a function, where it is a sum or a product."""
    for part in parts:
        if not part.of_function:
            return False
    return _kind(node.name()) in {"sum", "product", "reshaped"}


def _inside(node: Any, term: Term) -> list[tuple[Any, int, Term]]:
    """The operands of a node inside of a loss that a function computed, of sums and of products with a known number."""
    if not _is_read_inside(node, term.parts):
        return []
    operands, name = _operands(node), node.name()
    if _kind(name) == "product":
        at = operands[0][0]
        factor = _factor(node, name, at) if len(operands) == 1 else None
        if factor is None:
            return []
        term = term.inner(factor)
    return [(operand, output, term) for _, operand, output in operands]


@lru_cache(1024)
def _kind(name: str) -> str:
    """What a node of a name does; empty for what is not read."""
    if name in _SUMS or name in _PRODUCTS:
        return "sum" if name in _SUMS else "product"
    operation = name.rstrip("0123456789").removesuffix("Backward")
    kinds = {"reshaped": _RESHAPED, "passed on": _PASSED_ON, "elementwise": _ELEMENTWISE}
    return next((kind for kind, names in kinds.items() if operation in names), "")


def _adds_up(node: Any) -> bool:
    """Whether a node adds up more than one element."""
    return bool(node.name().startswith("SumBackward") and math.prod(node._saved_self_sym_sizes) > 1)


def _factor(node: Any, name: str, at: int) -> float | None:
    """What a product or quotient multiplies one of its operands by; ``None`` if that is not known here."""
    try:
        if at == 0:
            other = _value(node._saved_other)
            return other if other is None or "Mul" in name else 1 / other if other else None
        return _value(node._saved_self) if "Mul" in name else None
    except RuntimeError:  # an earlier pass has freed it, and the one that begins will fail
        return None


def _value(number: Any) -> float | None:
    """The value of a number that is no tensor on a device."""
    if not isinstance(number, torch.Tensor):
        return float(number)
    if number.numel() != 1 or not number.is_cpu:
        return None
    with no_dispatch():  # a mode of the loop would get a number, and not this tensor
        return float(number.item())
