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
  loop divides by. It is known from a whole window.

Which it is can be read from the graph, where a loop writes numbers. It cannot where a divisor is a tensor on a device, or
part of other weights. Then, and where passes differ in what they are made of, the step has no loss: a factor that is guessed
would be wrong without a sign of it. The loop may say what holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from traingauge.integrations.torch.parts import BackwardPass, Part
from traingauge.integrations.torch.terms import Term

#: What a loop may say of its micro-batches.
KINDS = ("sum", "mean")


class Reached(NamedTuple):
    """A backward pass, and the parts that it reached."""

    backward: BackwardPass
    parts: Sequence[Part]


class Accumulation:
    """Combines the backward passes of one optimizer.

    Args:
        kind: Whether the loss is the ``sum`` or the ``mean`` of what ``backward`` is called on; ``None`` to read it.

    Attributes:
        assumed: Whether the last loss is a mean although the passes may be terms of a sum.
    """

    assumed = False

    def __init__(self, kind: str | None = None) -> None:
        self._kind = kind
        self._divisors: set[int] = set()  # of whole windows so far

    def loss(self, passes: Sequence[Reached]) -> Any:
        """The loss of a step, a float or a tensor; ``None`` if it is not known."""
        self.assumed = False
        values = [one.backward.value for one in passes]
        if not values or any(value is None for value in values):
            return None
        factor = self._factor(passes)
        return None if factor is None else sum(values) if factor == 1 else sum(values) * factor

    def _factor(self, passes: Sequence[Reached]) -> float | None:
        """What the sum of the passes is multiplied by."""
        count = len(passes)
        if self._kind is not None or (count == 1 and not self._divisors):
            return 1 / count if self._kind == "mean" else 1
        paths = [one.backward.paths(one.parts) for one in passes]
        terms = [term for path in paths for term in path]
        if not _alike(passes, paths):
            return None
        longer = [known for known in self._divisors if known > count and _divided(terms, known)]
        if longer:
            unclear = len(longer) > 1 or (count > 1 and _mentioned(terms, count))
            return None if unclear else longer[0] / count
        whole = count > 1 and _divided(terms, count)
        if whole:
            self._divisors.add(count)
        if whole or count == 1 or _add_up_to_one(paths):
            return 1
        self.assumed = _undivided(paths, count)
        return 1 / count if self.assumed else None


def _divided(terms: Sequence[Term], number: int) -> bool:
    return bool(terms) and all(term.divided_by(number) for term in terms)


def _mentioned(terms: Sequence[Term], number: int) -> bool:
    return any(term.divided_by(number) for term in terms)


def _undivided(paths: Sequence[Sequence[Term]], count: int) -> bool:
    bare = all(any(term.bare for term in path) for path in paths)
    return bare and not _mentioned([term for path in paths for term in path], count)


def _add_up_to_one(paths: Sequence[Sequence[Term]]) -> bool:
    """Whether each pass is one loss with a number before it, and these add up to 1."""
    if not all(len(path) == 1 and path[0].known for path in paths):
        return False
    weights = [math.prod(path[0].factors) * (-1 if path[0].negative else 1) for path in paths]
    return math.isclose(sum(weights), 1, rel_tol=1e-6)


def _alike(passes: Sequence[Reached], paths: Sequence[Sequence[Term]]) -> bool:
    """Whether the same losses, with the same signs, are in each pass."""
    made = [
        (frozenset(part.kind for part in one.parts), frozenset(term.negative for term in path))
        for one, path in zip(passes, paths, strict=True)
    ]
    return len(set(made)) == 1
