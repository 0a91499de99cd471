"""Something that is done at the end of ``fit`` once all other callbacks have done what they do there."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import keras

from traingauge.integrations.keras.left_call import calling_list


def after_others(act: Callable[[], None]) -> None:
    """Act when the list of callbacks that is calling ``on_train_end`` has called all; at once if none is calling.

    A callback behind this one may still change the model, as ``EarlyStopping`` does where it restores the best weights.
    """
    others = calling_list("on_train_end")
    if others is None:
        act()
    else:
        others.callbacks.append(_Last(others, act))  # which the loop over them reaches


class _Last(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    def __init__(self, others: Any, act: Callable[[], None]) -> None:
        super().__init__()
        self._others, self._act = weakref.ref(others), act  # which refers to this, and is to be freed at once

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the list, which is not changed in place because it is being walked through, and act."""
        others = self._others()
        assert others is not None  # it is calling
        others.callbacks = [each for each in others.callbacks if each is not self]
        self._act()
