"""The terms of what a loop calls ``backward`` on, with the numbers that the loop multiplies each by.

They are read from the graph of the computation, on the host: it holds Python's numbers, while values of tensors stay where
they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
_PASSED_ON = (
    *_RESHAPED,
    *("Sum", "Mean", "Stack", "Cat", "Expand", "Select", "Slice", "Unbind", "Permute", "Transpose"),
)
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
        return self._replace(factors=(*self.factors, abs(factor)), negative=self.negative != (factor < 0))

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
        if parts := _parts_at(node, output):
            term = term.within(parts)
        if node is not None and _SCALE in node.metadata:
            term = term._replace(scale=node.metadata[_SCALE])
        onward = [] if node is None else list(_inside(node, term) if term.parts else _onward(node, term))
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


def _onward(node: Any, term: Term) -> Iterator[tuple[Any, int, Term]]:
    """The operands of a node that have gradients; none where several go into something that is no sum."""
    operands = [(at, *edge) for at, edge in enumerate(node.next_functions) if edge[0] is not None]
    name = node.name()
    if _SCALE in node.metadata:
        yield from ((operand, output, term) for _, operand, output in operands)
    elif name in _SUMS:
        alpha = getattr(node, "_saved_alpha", 1)
        for at, operand, output in operands:
            second = at == 1 or name == "RsubBackward1"
            minus = name != "AddBackward0" and (second or name == "NegBackward0")
            signed = term._replace(negative=term.negative != minus)
            yield operand, output, signed.times(alpha) if second and alpha != 1 else signed
    elif name in _PRODUCTS:
        for at, operand, output in operands:
            yield operand, output, term.times(_factor(node, name, at))
    elif _is_one_of(node, _PASSED_ON) or len(operands) == 1:
        passed_on = _is_one_of(node, _PASSED_ON)
        summed = _adds_up(node) if passed_on else not _is_one_of(node, _ELEMENTWISE)
        summed, known = term.summed or summed, term.known and passed_on
        for _, operand, output in operands:
            yield operand, output, term._replace(summed=summed, known=known)


def _is_read_inside(node: Any, parts: tuple[Any, ...]) -> bool:
    """Whether what a watched loss consists of is read: that of a function, where it is a sum or a product."""
    for part in parts:
        if not part.of_function:
            return False
    return node.name() in _SUMS or node.name() in _PRODUCTS or _is_one_of(node, _RESHAPED)


def _inside(node: Any, term: Term) -> Iterator[tuple[Any, int, Term]]:
    """The operands of a node inside of a loss that a function computed, of sums and of products with a known number."""
    if not _is_read_inside(node, term.parts):
        return
    operands = [(at, *edge) for at, edge in enumerate(node.next_functions) if edge[0] is not None]
    name = node.name()
    if name in _SUMS:
        yield from ((operand, output, term) for _, operand, output in operands)
    elif name in _PRODUCTS:
        at, operand, output = operands[0]
        factor = _factor(node, name, at) if len(operands) == 1 else None
        if factor is not None:
            yield operand, output, term.inner(factor)
    else:
        yield from ((operand, output, term) for _, operand, output in operands)


def _is_one_of(node: Any, names: Sequence[str]) -> bool:
    return node.name().rstrip("0123456789").removesuffix("Backward") in names


def _adds_up(node: Any) -> bool:
    """Whether a node adds up more than one element."""
    return bool(node.name().startswith("SumBackward") and math.prod(node._saved_self_sym_sizes) > 1)


def _factor(node: Any, name: str, at: int) -> float | None:
    """What a product or quotient multiplies one of its operands by; ``None`` if that is not known here."""
    if at == 0:
        other = _value(node._saved_other)
        return other if other is None or "Mul" in name else 1 / other if other else None
    return _value(node._saved_self) if "Mul" in name else None


def _value(number: Any) -> float | None:
    """The value of a number that is no tensor on a device."""
    if not isinstance(number, torch.Tensor):
        return float(number)
    if number.numel() != 1 or not number.is_cpu:
        return None
    with no_dispatch():  # a mode of the loop would get a number, and not this tensor
        return float(number.item())
