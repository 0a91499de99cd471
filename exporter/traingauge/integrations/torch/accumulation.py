"""The loss of a step, from its backward passes.

What the loop calls ``backward`` on is its loss: the optimizer descends that, however signed, small or zero the weights in it
are. A step of one pass has the value of that as its loss, without the scale of a ``GradScaler``.

Several passes before a step are micro-batches. The optimizer descends their sum, so the loss of the step is:

* their sum, if the loop divides each by their number, in whole or in each term; or if it weighs each by a number and these
  add up to 1;
* their mean, if the loop leaves them as they are: then at least one watched loss has no number before it. They may as well
  be terms of one loss, whose sum it would be. The graph does not tell these apart, so the mean is an assumption: it keeps
  its scale when a window is shorter, and of terms it is off by a constant factor;
* in a window that is shorter than those before it, such as the last one of an epoch, their mean, times the number that the
  loop divides by. It is known from a whole window, or from the loop.

Which it is can be read from the graph, where a loop writes numbers. It cannot where a divisor is a tensor on a device, or
part of other weights. Then, and where passes differ in what they are made of, the step has no loss: a factor that is guessed
would be wrong without a sign of it.

A single pass of ``loss / 4`` may be a short window or have a weight. Before a window of four its loss is the value of that.
After one it is four times that, as of the last window of an epoch. Either is reported. If another such pass follows at once,
it has no loss: the loop may have begun to weigh. The loop may say what holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from traingauge import validation
from traingauge.errors import InvalidTypeError, shown
from traingauge.integrations.torch.parts import BackwardPass, Part
from traingauge.integrations.torch.terms import Term

#: What a loop may say of its micro-batches, besides the number that it divides by.
KINDS = ("sum", "mean")

#: Largest number that is taken for one of micro-batches: what divides by more is a weight.
MOST_DIVIDED = 512


def validate_kind(accumulation: object) -> str | int:
    """What a loop says of its micro-batches.

    Raises:
        InvalidTypeError: Neither one of :data:`KINDS` nor a whole number.
        InvalidArgumentError: Another word, or a number below 1.

    >>> validate_kind(4)
    4
    """
    if isinstance(accumulation, str):
        return validation.choice("accumulation", accumulation, KINDS)
    try:
        return validation.count("accumulation", accumulation)
    except InvalidTypeError as error:
        raise InvalidTypeError(
            f"accumulation is {shown(accumulation)}: expected the number that the loop divides by, 'sum' or 'mean'"
        ) from error


class Reached(NamedTuple):
    """A backward pass, and the parts that it reached."""

    backward: BackwardPass
    parts: Sequence[Part]


class Accumulation:
    """Combines the backward passes of one optimizer.

    Args:
        kind: Whether the loss is the ``sum`` or the ``mean`` of what ``backward`` is called on, or the number of
            micro-batches that the loop divides by; ``None`` to read it.

    Attributes:
        assumed: Whether the last loss is a mean although the passes may be terms of a sum.
        divisor: A number by which the loop divides all of the last step, and which may be that of the micro-batches of a
            longer window; ``None`` without one.
        restored: Whether the last loss is that of a single pass times this number, which may as well be a weight.
    """

    assumed = restored = False
    divisor: int | None = None

    def __init__(self, kind: str | int | None = None) -> None:
        self._kind = kind
        self._divisors: set[int] = set()  # of whole windows so far
        self._leaves = False  # a window before was left as it is
        self._unread = False  # a window before could not be read
        self._short = False  # the step before was a single pass, divided as those of a longer window

    def loss(self, passes: Sequence[Reached]) -> Any:
        """The loss of a step, a float or a tensor; ``None`` if it is not known."""
        after_short, self._short = self._short, False
        self.assumed, self.restored, self.divisor = False, False, None
        total: Any = None
        for one in passes:
            value = one.backward.value
            if value is None:
                return None
            total = value if total is None else total + value
        factor = None if total is None else self._factor(passes, after_short=after_short)
        return None if factor is None else total if factor == 1 else total * factor

    def _factor(self, passes: Sequence[Reached], *, after_short: bool) -> float | None:
        """What the sum of the passes is multiplied by; of a single one, which may follow another such one."""
        count = len(passes)
        if isinstance(self._kind, int):
            return self._kind / count
        if self._kind is not None:
            return 1 if self._kind == "sum" else 1 / count
        if count == 1 and passes[0].backward.is_bare:
            return 1
        paths = [one.backward.paths(one.parts) for one in passes]
        if count == 1:
            return self._single(paths[0], after_short)
        return self._several(paths) if _alike(passes, paths) else None

    def _single(self, path: Sequence[Term], after_short: bool) -> float | None:
        """Of one pass, which may be a short window."""
        longer = [known for known in self._divisors if _divided(path, known)]
        if longer:
            self._short = True
            self.divisor = longer[0] if len(longer) == 1 else None
            self.restored = self.divisor is not None and not after_short
            return self.divisor if self.restored else None
        if self._unread and not all(term.bare for term in path):
            return None
        self.divisor = None if self._leaves else _divisor(path, 1)
        return 1

    def _several(self, paths: Sequence[Sequence[Term]]) -> float | None:
        """Of passes over the same losses."""
        count, terms = len(paths), [term for path in paths for term in path]
        if self._leaves and _undivided(paths, count):
            self.assumed = True
            return 1 / count
        longer = [known for known in self._divisors if known > count and _divided(terms, known)]
        if longer:
            unclear = len(longer) > 1 or any(term.divided_by(count) for term in terms)
            return None if unclear else longer[0] / count
        if _divided(terms, count):
            self._divisors.add(count)
            return 1
        if _add_up_to_one(paths):
            return 1
        self.divisor = _divisor(terms, count)
        if self.divisor is None and _undivided(paths, count):
            self.assumed = self._leaves = True
            return 1 / count
        self._unread = True
        return None


def _divided(terms: Sequence[Term], number: int) -> bool:
    return bool(terms) and all(term.divided_by(number) for term in terms)


def _divisor(terms: Sequence[Term], passes: int) -> int | None:
    """A number of micro-batches, more than there are passes, by which all terms are divided, and not to average them."""
    numbers = {round(1 / factor) for factor in terms[0].factors if factor > 0} if terms else set()
    found = [one for one in numbers if passes < one <= MOST_DIVIDED and _divided(terms, one)]
    losses = len({term.parts for term in terms})
    return found[0] if len(found) == 1 and found[0] * passes != losses else None


def _undivided(paths: Sequence[Sequence[Term]], count: int) -> bool:
    bare = all(any(term.bare for term in path) for path in paths)
    return bare and not any(
        math.isclose(factor * count, 1, rel_tol=1e-6)
        for path in paths
        for term in path
        for factor in term.outer_factors
    )


def _add_up_to_one(paths: Sequence[Sequence[Term]]) -> bool:
    """Whether each pass is one loss with a number before it, and these add up to 1."""
    for whole in (True, False):  # with what multiplies inside of a loss, or without
        weights = [_weight(path, whole=whole) for path in paths]
        if math.isclose(sum(weights), 1, rel_tol=1e-6):
            return True
    return False


def _weight(path: Sequence[Term], *, whole: bool) -> float:
    """What a pass multiplies its one loss by; NaN if it is not known, or there are several."""
    factors = {term.factors if whole else term.outer_factors for term in path}
    signs = {(term.parts, term.negative) for term in path}
    if len(factors) != 1 or len(signs) != 1 or not all(term.known for term in path):
        return math.nan
    return math.prod(factors.pop()) * (-1 if path[0].negative else 1)


def _alike(passes: Sequence[Reached], paths: Sequence[Sequence[Term]]) -> bool:
    """Whether the same losses, with the same signs, are in each pass."""
    made = [
        (frozenset(part.kind for part in one.parts), frozenset(term.negative for term in path))
        for one, path in zip(passes, paths, strict=True)
    ]
    return len(set(made)) == 1
