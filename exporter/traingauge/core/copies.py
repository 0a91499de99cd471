"""Copies of what exists once: in its process a copy is the thing itself, in another one a stand-in.

Tools copy what they are given: scikit-learn clones estimators, tuners copy callbacks, joblib and ``spawn`` send objects to
other processes. A copy of a run's locks, files and sockets would make no sense.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, Self, TypeVar

S = TypeVar("S", bound="Unique")


class Unique:
    """Something that is never doubled.

    >>> import copy, pickle
    >>> class Run(Unique):
    ...     def stand_in(self):
    ...         return Run, ()
    >>> run = Run()
    >>> copy.copy(run) is run, copy.deepcopy(run) is run
    (True, True)
    """

    _key: str | None = None

    def stand_in(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What to call, and with what, in a process that receives a copy."""
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self._key is None:
            self._key = os.urandom(16).hex()
            _here[self._key] = self
        return _received, (self._key, *self.stand_in())


_here: weakref.WeakValueDictionary[str, Unique] = weakref.WeakValueDictionary()


def _received(key: str, make: Callable[..., S], arguments: tuple[Any, ...]) -> Unique | S:
    """What was pickled here, or what stands in for what was pickled elsewhere: one thing, however many copies arrive."""
    found = _here.get(key)
    if found is None:
        found = make(*arguments)
        found._key = key
        _here[key] = found
    return found
