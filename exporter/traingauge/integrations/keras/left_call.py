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

from traingauge.forks import leave_to_parent_after_fork
from traingauge.process.runs import live_runs

Act = Callable[[BaseException | None], None]

#: Hooks that are called between epochs, or once: what is around them costs no step anything.
_HOOKS = ("on_epoch_begin", "on_epoch_end", "on_train_end")


class _LeftCalls:
    """What is still to be done for calls that were left.

    Attributes:
        acts: What is to be done.
        settling: Keeps one thread from overtaking another that does it.
    """

    def __init__(self) -> None:
        self.acts: deque[Act] = deque()
        self.settling = threading.RLock()
        leave_to_parent_after_fork(self)

    def leave_to_parent(self) -> None:
        """The runs are the parent's, and so is the thread that may hold the lock."""
        self.acts.clear()
        self.settling = threading.RLock()


_left = _LeftCalls()


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
        run: What must not be collected with the call; it refers neither to the list nor to the model.
    """

    def __init__(self, act: Act, run: object) -> None:
        self._mark: weakref.ref[_Mark] | None = None
        self._kept: weakref.finalize[Any, Any] | None = None
        self._interrupts = live_runs.interrupts
        others = calling_list("set_model")
        if others is None:
            return
        mark = _Mark(act)
        vars(others).setdefault("_traingauge", []).append(mark)
        self._mark = weakref.ref(mark)
        self._kept = weakref.finalize(others, _drop, run)
        self._kept.atexit = False  # the end of the process ends the runs itself
        for name in _HOOKS:
            setattr(others, name, _seen(_hook(others, name), act))

    @property
    def interrupted(self) -> bool:
        """Whether there was a Ctrl-C since it began."""
        return live_runs.interrupts > self._interrupts

    def ended(self) -> None:
        """It has ended by itself, or what had to be done was done."""
        mark = None if self._mark is None else self._mark()
        if mark is not None:
            mark.act = None
        if self._kept is not None:
            self._kept.detach()


class _Mark:
    """Belongs to a list of callbacks alone, and so is freed with it.

    A weak reference to the callback would be cleared first where both are garbage of one cycle; here it is still there.
    """

    def __init__(self, act: Act) -> None:
        self.act: Act | None = act

    def __del__(self) -> None:
        """The garbage collector may call this in a thread that holds any lock: it takes none."""
        if self.act is not None:
            _left.acts.append(self.act)
            live_runs.later(settle)


def settle() -> None:
    """Act for the calls that were left, before another begins."""
    with _left.settling:
        while _left.acts:
            _left.acts.popleft()(None)


def _drop(run: object) -> None:
    """Nothing: the run was kept until now."""


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
