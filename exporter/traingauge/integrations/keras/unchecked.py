"""Monitoring's own operations, out of sight of ``tf.debugging.enable_check_numerics()``.

That check raises where an operation gives NaN or infinity. Here these mean that something is undefined.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.eager import context


@contextmanager
def unchecked() -> Iterator[None]:
    """Add operations without TensorFlow's callbacks on each of them, and run them eagerly without.

    The flag by which callbacks keep off their own operations holds for those of a graph alone.
    """
    callbacks = context.context().op_callbacks
    taken = callbacks[:]
    callbacks.clear()
    try:
        yield
    finally:
        callbacks[:0] = taken
