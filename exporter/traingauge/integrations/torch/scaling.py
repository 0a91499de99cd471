"""A scaler of gradients: updates that it skips, because the scale was too high, are no steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from traingauge.errors import InvalidTypeError, shown
from traingauge.integrations.torch import in_place


def validate_scaler(scaler: Any) -> Any:
    """The scaler.

    Raises:
        InvalidTypeError: It is none.
    """
    if not (hasattr(scaler, "step") and hasattr(scaler, "unscale_") and in_place.can_change(scaler)):
        raise InvalidTypeError(f"scaler is {shown(scaler)}: expected a torch.amp.GradScaler")
    return scaler


def watched(
    scaler: Any, updates: Callable[[Any], int], skipped: Callable[[Any], None]
) -> AbstractContextManager[None]:
    """See the updates that a scaler skips inside the ``with``.

    Args:
        scaler: A ``torch.amp.GradScaler``.
        updates: Gives the number of updates of an optimizer so far.
        skipped: Called with the optimizer.
    """
    kind = type(scaler)

    def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        before = updates(optimizer)
        result = kind.step(self, optimizer, *args, **kwargs)
        if updates(optimizer) == before:
            skipped(optimizer)
        return result

    return in_place.replaced(scaler, step=step)
