"""Something that is done at the end of ``fit`` once all other callbacks have done what they do there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras


def after_others(act: Callable[[], None]) -> None:
    """Act when the list of callbacks that is calling ``on_train_end`` has called all; at once if none is calling.

    A callback behind this one may still change the model, as ``EarlyStopping`` does where it restores the best weights.
    """
    others = _calling()
    if others is None:
        act()
    else:
        others.callbacks.append(_Last(others, act))  # which the loop over them reaches


class _Last(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    def __init__(self, others: Any, act: Callable[[], None]) -> None:
        super().__init__()
        self._others, self._act = others, act

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the list, which is not changed in place because it is being walked through, and act."""
        self._others.callbacks = [each for each in self._others.callbacks if each is not self]
        self._act()


def _calling() -> Any:
    """The list of callbacks by which ``on_train_end`` is being called; ``None`` without one."""
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self") if frame.f_code.co_name == "on_train_end" else None
        if isinstance(caller, keras.callbacks.CallbackList):
            return caller
        frame = frame.f_back
    return None
