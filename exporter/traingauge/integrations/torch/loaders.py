"""A loader of batches: how long training waits for each, and where an epoch ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from traingauge.errors import InvalidTypeError
from traingauge.integrations.torch import in_place


def validate_loader(loader: Any) -> Any:
    """The loader.

    Raises:
        InvalidTypeError: It cannot be watched in place.
    """
    if not isinstance(loader, Iterable) or isinstance(loader, Iterator) or not in_place.can_change(loader):
        raise InvalidTypeError(
            f"loader is a {type(loader).__name__}: expected a DataLoader, or another object that each epoch iterates over; "
            "monitor.watch(…) takes any iterable"
        )
    return loader


def watched(
    loader: Any, waited: Callable[[float, Any], None], ended: Callable[[], None], run: object
) -> AbstractContextManager[None]:
    """See the batches of a loader inside the ``with``.

    Args:
        loader: Any that :func:`validate_loader` takes.
        waited: Called with the seconds that a batch took, and the batch.
        ended: Called when an iteration has given all its batches.
        run: The run that gets the waits; its ``monitor.watch(loader)`` leaves them out.
    """
    kind = type(loader)

    def iterate(self: Any) -> Iterator[Any]:
        return _timed(kind.__iter__(self), waited, ended)

    def records_waits_of(self: Any, other: object) -> bool:
        return other is run

    return in_place.replaced(loader, __iter__=iterate, _records_waits_of=records_waits_of)


def _timed(
    batches: Iterator[Any], waited: Callable[[float, Any], None], ended: Callable[[], None]
) -> Iterator[Any]:
    while True:
        started = time.perf_counter()
        try:
            batch = next(batches)
        except StopIteration:
            ended()
            return
        waited(time.perf_counter() - started, batch)
        yield batch
        del batch  # the loader may use its memory for the next one
