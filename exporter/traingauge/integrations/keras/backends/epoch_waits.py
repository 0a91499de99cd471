"""How long ``fit`` waits for each batch, where it takes them from an iterator in Python, as on PyTorch and JAX.

``fit`` keeps its batches in an ``EpochIterator`` of Keras, a variable of its own, which makes an iterator over the data for
each epoch. That one object is changed so that it makes one that takes the time of each ``next``; it goes when ``fit`` ends,
however that ends. The iterator of a validation is another object.
"""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

#: How an ``EpochIterator`` makes an iterator over the data.
_MAKES = "_get_iterator"


class TimedBatches:
    """An iterator that takes the time of each batch; its end is none.

    Args:
        batches: The iterator.
        waited: Called with the seconds that a batch took.

    >>> waits = []; list(TimedBatches(iter("ab"), waits.append)), len(waits)
    (['a', 'b'], 2)
    """

    __slots__ = ("_batches", "_waited")

    def __init__(self, batches: Iterator[Any], waited: Callable[[float], None]) -> None:
        self._batches, self._waited = batches, waited

    def __iter__(self) -> Iterator[Any]:
        """Itself."""
        return self

    def __next__(self) -> Any:
        """The next batch."""
        began = time.perf_counter()
        batch = next(self._batches)
        self._waited(time.perf_counter() - began)
        return batch


def time_batches_of_fit(model: Any, waited: Callable[[float], None]) -> None:
    """Take the time of each batch of the ``fit`` of a model that is calling; of none where it has no such iterator.

    Args:
        model: The model.
        waited: Called with the seconds that a batch took, in the thread that trains.
    """
    epochs = _epoch_iterator(model)
    if epochs is None:
        return
    # Not the bound method, by which the iterator would refer to itself: its data would stay after fit.
    makes = vars(epochs).get(_MAKES) or partial(_made_by, weakref.ref(epochs))
    setattr(epochs, _MAKES, lambda: TimedBatches(iter(makes()), waited))


def _made_by(epochs: Callable[[], Any]) -> Any:
    there = epochs()
    return getattr(type(there), _MAKES)(there)


def _epoch_iterator(model: Any) -> Any:
    """The variable of the innermost ``fit`` of the model; ``None`` without one that makes iterators."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and "epoch_iterator" in frame.f_code.co_varnames:
            here = frame.f_locals
            if here.get("self") is model:
                epochs = here.get("epoch_iterator")
                return epochs if hasattr(epochs, _MAKES) else None
        frame = frame.f_back
    return None
