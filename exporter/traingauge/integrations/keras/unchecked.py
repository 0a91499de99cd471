"""Monitoring's own operations, out of sight of ``tf.debugging.enable_check_numerics()``.

That check raises where an operation gives NaN or infinity. Here these mean that something is undefined.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.eager import context


@contextmanager
def unchecked() -> Iterator[None]:
    """Add operations without TensorFlow's callbacks on each of them, as its callbacks do with their own."""
    running = context.context()
    before = running.invoking_op_callbacks
    running.invoking_op_callbacks = True
    try:
        yield
    finally:
        running.invoking_op_callbacks = before
