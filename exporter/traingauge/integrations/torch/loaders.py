"""A loader of batches: how long training waits for each, and where an epoch ends.

The loop keeps using the loader that it has. So its class is replaced by a subclass with an ``__iter__`` of its own, for as
long as it is watched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from traingauge.errors import InvalidTypeError

_HEAP_TYPE = 1 << 9  # a class that Python code has defined: only of those may an object change


def validate_loader(loader: Any) -> Any:
    """The loader.

    Raises:
        InvalidTypeError: It cannot be watched in place.
    """
    if not isinstance(loader, Iterable) or isinstance(loader, Iterator) or not _can_change(loader):
        raise InvalidTypeError(
            f"loader is a {type(loader).__name__}: expected a DataLoader, or another object that each epoch iterates over; "
            "monitor.watch(…) takes any iterable"
        )
    return loader


@contextmanager
def watched(loader: Any, waited: Callable[[float], None], ended: Callable[[], None]) -> Iterator[None]:
    """See the batches of a loader inside the ``with``.

    Args:
        loader: Any that :func:`validate_loader` takes.
        waited: Called with the seconds that a batch took.
        ended: Called when an iteration has given all its batches.

    >>> class Loader:
    ...     def __iter__(self):
    ...         return iter([1, 2])
    >>> loader, ends = Loader(), []
    >>> with watched(loader, lambda seconds: None, lambda: ends.append("end")):
    ...     print(list(loader), ends)
    [1, 2] ['end']
    >>> type(loader) is Loader
    True
    """
    kind = type(loader)

    def iterate(self: Any) -> Iterator[Any]:
        return _timed(kind.__iter__(self), waited, ended)

    same = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    loader.__class__ = type(kind.__name__, (kind,), {**same, "__slots__": (), "__iter__": iterate})
    try:
        yield
    finally:
        loader.__class__ = kind


def _timed(
    batches: Iterator[Any], waited: Callable[[float], None], ended: Callable[[], None]
) -> Iterator[Any]:
    while True:
        started = time.perf_counter()
        try:
            batch = next(batches)
        except StopIteration:
            ended()
            return
        waited(time.perf_counter() - started)
        yield batch
        del batch  # the loader may use its memory for the next one


def _can_change(loader: Any) -> bool:
    return bool(type(loader).__flags__ & _HEAP_TYPE)
