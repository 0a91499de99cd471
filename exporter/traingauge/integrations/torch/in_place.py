"""An object of the loop with methods replaced, for as long as it is watched.

The loop keeps using the object that it has. Python looks special methods up in the class, so the class of the object is
replaced by a subclass. A copy of the object is one of its own class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_HEAP_TYPE = 1 << 9  # a class that Python code has defined: only of those may an object change its class

#: An object may show another class than it has, as a loader of Accelerate shows that of the loader in it.
_set_class: Callable[[Any, type], None] = vars(object)["__class__"].__set__


def can_change(thing: Any) -> bool:
    """Whether the methods of an object can be replaced.

    >>> can_change([1, 2])
    False
    """
    return bool(type(thing).__flags__ & _HEAP_TYPE)


@contextmanager
def replaced(thing: Any, **methods: Callable[..., Any]) -> Iterator[None]:
    """Replace methods of an object inside the ``with``.

    Args:
        thing: An object that :func:`can_change`.
        **methods: Functions, by name of the method.

    >>> class Loader:
    ...     def __iter__(self):
    ...         return iter([1, 2])
    >>> loader = Loader()
    >>> with replaced(loader, __iter__=lambda self: iter([3])):
    ...     print(list(loader), isinstance(loader, Loader))
    [3] True
    >>> type(loader) is Loader
    True
    """
    kind = type(thing)

    def reduce(self: Any, protocol: Any) -> Any:
        watched = type(self)
        _set_class(self, kind)
        try:
            return self.__reduce_ex__(1)  # a later protocol compares the class with that of the object
        finally:
            _set_class(self, watched)

    same = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    _set_class(
        thing,
        type(kind.__name__, (kind,), {**same, "__slots__": (), "__reduce_ex__": reduce, **methods}),
    )
    try:
        yield
    finally:
        _set_class(thing, kind)
