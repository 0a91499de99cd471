"""A scaler of gradients: updates that it skips, because the scale was too high, are no steps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def watched(scaler: Any, updates: Callable[[Any], int], skipped: Callable[[Any], None]) -> Iterator[None]:
    """See the updates that a scaler skips inside the ``with``.

    Args:
        scaler: A ``torch.amp.GradScaler``.
        updates: Gives the number of updates of an optimizer so far.
        skipped: Called with the optimizer.
    """
    step = scaler.step

    @functools.wraps(step)
    def watching(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        before = updates(optimizer)
        result = step(optimizer, *args, **kwargs)
        if updates(optimizer) == before:
            skipped(optimizer)
        return result

    scaler.step = watching
    try:
        yield
    finally:
        del scaler.step
