"""Threads that die of an exception, which the interpreter prints and forgets.

Which threads train is not known: to ask in each step would cost a tenth of it. But a thread that dies shows the frames that
its exception came through, and one that trains holds the run there: in a variable, or not far behind one.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType, TracebackType
from typing import Any

#: Objects that are looked at, at most.
MOST_OBJECTS = 10_000

#: Most elements of a list that are looked at.
MOST_ELEMENTS = 100


class Threads:
    """Watches for the death of threads between :meth:`install` and :meth:`remove`.

    Args:
        died: Called in the thread, with the exception.
    """

    def __init__(self, died: Callable[[BaseException], None]) -> None:
        self._died = died
        self._before: Any = None
        self._wrapper: Any = None

    def install(self) -> None:
        """Wrap ``threading.excepthook``."""
        self._before = threading.excepthook
        threading.excepthook = self._wrapper = self._wrapped(self._before)

    def remove(self) -> None:
        """Put back what was there, unless another one has wrapped it meanwhile."""
        if threading.excepthook is self._wrapper:
            threading.excepthook = self._before
        self._wrapper = None

    def _wrapped(self, before: Any) -> Any:
        """A new wrapper each time: another library may still call the one that it found at an earlier time."""

        def wrapper(args: Any, /) -> Any:
            if self._wrapper is wrapper and args.exc_value is not None:
                self._died(args.exc_value)
            return before(args)

        return wrapper


def holds(frames: TracebackType | None, wanted: object) -> bool:
    """Whether an object is in the variables of a traceback's frames, or not far behind them.

    >>> class Trainer:
    ...     def __init__(self): self.run = object()
    ...     def train(self): raise ValueError
    >>> trainer = Trainer()
    >>> try: trainer.train()
    ... except ValueError as error: holds(error.__traceback__, trainer.run), holds(error.__traceback__, object())
    (True, False)
    """
    waiting = deque(value for frame, _ in traceback.walk_tb(frames) for value in _variables(frame))
    seen: set[int] = set()
    while waiting and len(seen) < MOST_OBJECTS:
        one = waiting.popleft()
        if one is wanted:
            return True
        if id(one) not in seen:
            seen.add(id(one))
            waiting.extend(_parts(one))
    return False


def _variables(frame: Any) -> Iterator[Any]:
    """Local ones, those of functions around it, and the global ones that its code names."""
    yield from list(frame.f_locals.values())
    yield from (frame.f_globals[name] for name in frame.f_code.co_names if name in frame.f_globals)


def _parts(one: Any) -> Iterator[Any]:
    if isinstance(one, list | tuple):
        yield from one[:MOST_ELEMENTS]
    elif isinstance(one, dict):
        yield from list(one.values())[:MOST_ELEMENTS]
    elif not isinstance(
        one, ModuleType | type | Threads
    ):  # each thread holds the hook, and the hook all runs
        yield getattr(one, "__self__", None)
        if isinstance(one, FunctionType):
            yield from (cell.cell_contents for cell in one.__closure__ or ())
        yield from list(getattr(one, "__dict__", {}).values())
