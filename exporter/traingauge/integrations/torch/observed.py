"""A function of PyTorch that shows its calls, for as long as something observes them.

PyTorch looks the function up in its module or class at each call, however a script imported what calls it. While there is an
observer, one that also shows the call stands in its place.

Another library may replace the function, too. It may have come first, and on its way out put back what it found, and so take
off what shows the calls: the next observer puts that in place again. Or it came later, and calls what shows them: what was
put in place last shows a call, and an earlier one that is called inside of it does not.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Observed(Generic[T]):
    """A function that can be observed.

    Args:
        owner: Its module or class; one that has no such function, as of another version, shows nothing.
        name: Its name there.
        call: Calls the original, which it gets with the observers and the arguments, and shows that.

    >>> from types import SimpleNamespace
    >>> module = SimpleNamespace(double=lambda number: 2 * number)
    >>> def call(original, observers, number):
    ...     result = original(number)
    ...     for observer in observers:
    ...         observer(number, result)
    ...     return result
    >>> doubling = Observed(module, "double", call)
    >>> with doubling.by(print):
    ...     module.double(4)
    4 8
    8
    >>> module.double(4)
    8
    """

    def __init__(self, owner: Any, name: str, call: Callable[..., Any]) -> None:
        self._owner, self._name, self._call = owner, name, call
        self._lock = threading.Lock()
        self._observers: tuple[T, ...] = ()
        self._original: Any = None
        self._shown: Any = None  # what stands in its place

    @contextmanager
    def by(self, observer: T) -> Iterator[None]:
        """Show an observer the calls inside the ``with``, of any thread."""
        with self._lock:
            if getattr(self._owner, self._name, None) is not self._shown:
                self._install()
            self._observers = (*self._observers, observer)
        try:
            yield
        finally:
            with self._lock:
                at = self._observers.index(observer)
                self._observers = self._observers[:at] + self._observers[at + 1 :]
                if not self._observers:
                    self._remove()

    def _install(self) -> None:
        original = getattr(self._owner, self._name, None)
        if original is None:
            return

        @functools.wraps(original)
        def shown(*args: Any, **kwargs: Any) -> Any:
            observers = self._observers
            if not observers or shown is not self._shown:
                return original(*args, **kwargs)
            return self._call(original, observers, *args, **kwargs)

        self._original, self._shown = original, shown
        setattr(self._owner, self._name, shown)

    def _remove(self) -> None:
        """Put the original back, unless another library has replaced what shows the calls, and may call it."""
        if self._shown is not None and getattr(self._owner, self._name) is self._shown:
            setattr(self._owner, self._name, self._original)
            self._original = self._shown = None
