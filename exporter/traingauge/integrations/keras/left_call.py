"""A call of ``fit`` or ``evaluate`` that an exception has left, of which Keras says nothing to its callbacks.

The list of callbacks that Keras makes is a variable of the call. So it is freed with the traceback, once the exception was
handled, such as by a tuner that continues with the next trial. What a callback raises between epochs is seen at once.
"""

from __future__ import annotations

import inspect
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import keras

from traingauge.process.runs import live_runs

Act = Callable[[BaseException | None], None]

#: Hooks that are called between epochs: what is around them costs no step anything.
_HOOKS = ("on_epoch_begin", "on_epoch_end")

#: What is still to be done for calls that were left, and what keeps one thread from overtaking another that does it.
_pending: deque[Act] = deque()
_settling = threading.RLock()


def calling_list(hook: str) -> Any:
    """The list of callbacks by which a hook is being called; ``None`` without one."""
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self") if frame.f_code.co_name == hook else None
        if isinstance(caller, keras.callbacks.CallbackList):
            return caller
        frame = frame.f_back
    return None


class WatchedCall:
    """Acts when an exception has left the call whose list of callbacks is calling ``set_model``.

    Args:
        act: A bound method, given the exception where it is known; in the thread that trains, or in another one soon.
    """

    def __init__(self, act: Act) -> None:
        self._freed: weakref.finalize[Any, Any] | None = None
        self._interrupts = live_runs.interrupts
        others = calling_list("set_model")
        if others is None:
            return
        self._freed = weakref.finalize(others, _note, weakref.WeakMethod(act))
        self._freed.atexit = False  # the end of the process ends the runs itself
        for name in _HOOKS:
            setattr(others, name, _seen(_hook(others, name), act))

    @property
    def interrupted(self) -> bool:
        """Whether there was a Ctrl-C since it began."""
        return live_runs.interrupts > self._interrupts

    def ended(self) -> None:
        """It has ended by itself, or what had to be done was done."""
        if self._freed is not None:
            self._freed.detach()


def settle() -> None:
    """Act for the calls that were left, before another begins."""
    with _settling:
        while _pending:
            _pending.popleft()(None)


def _note(act: Callable[[], Act | None]) -> None:
    """The garbage collector may call this in a thread that holds any lock: it takes none."""
    method = act()
    if method is not None:
        _pending.append(method)
        live_runs.later(settle)


def _hook(others: Any, name: str) -> Callable[..., None]:
    """A hook of a list, as it is; without a reference to the list, which would then not be freed at once."""
    there = weakref.ref(others)
    found: Callable[..., None] = vars(others).get(name) or (
        lambda *args, **kwargs: getattr(type(there()), name)(there(), *args, **kwargs)
    )
    return found


def _seen(hook: Callable[..., None], act: Act) -> Callable[..., None]:
    def seen(*args: Any, **kwargs: Any) -> None:
        try:
            hook(*args, **kwargs)
        except BaseException as error:
            act(error)
            raise

    return seen
