"""``fit`` of a Keras model with everything recorded."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from traingauge.errors import InvalidArgumentError
from traingauge.integrations.keras.callback import MonitorCallback

if TYPE_CHECKING:
    from traingauge.integrations.base import Monitor
    from traingauge.reference.canary import Canary


def fit(
    model: Any,
    monitor: Monitor,
    *args: Any,
    test_data: Any = None,
    canary: Canary | None = None,
    canary_every: int | None = None,
    **kwargs: Any,
) -> None:
    """``model.fit`` with the callback next to the given ones, then one pass over the test data.

    Args:
        model: A compiled Keras model.
        monitor: That of the run.
        *args: As of ``fit``.
        test_data: ``(x, y)``, ``(x, y, sample_weight)``, or anything that ``evaluate`` takes as ``x``.
        canary: Canary to check during training.
        canary_every: Training steps from one check to the next; ``None`` checks at the end of each epoch.
        **kwargs: As of ``fit``.

    Raises:
        InvalidArgumentError: A tuple of another length.
    """
    test = None if test_data is None else _unpacked(test_data)
    bound = inspect.signature(model.fit).bind(*args, **kwargs)
    options = {**bound.arguments, **kwargs}
    callbacks = [
        MonitorCallback(monitor, canary=canary, canary_every=canary_every),
        *_listed(options.get("callbacks")),
    ]
    if "callbacks" in bound.signature.parameters:
        bound.arguments["callbacks"] = callbacks
        model.fit(*bound.args, **bound.kwargs)
    else:  # a fit of the user's own that passes everything on
        model.fit(*args, **{**kwargs, "callbacks": callbacks})
    if test is not None:
        model.evaluate(
            *test[:2],
            sample_weight=test[2],
            batch_size=options.get("batch_size"),
            verbose=options.get("verbose", "auto"),
            callbacks=[MonitorCallback(monitor, "test")],
        )


def _listed(callbacks: Any) -> list[Any]:
    """Callbacks as ``fit`` takes them: none, one, a list or a ``CallbackList``."""
    if callbacks is None:
        return []
    callbacks = getattr(callbacks, "callbacks", callbacks)
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, tuple):
        return data, None, None
    if not 2 <= len(data) <= 3:
        raise InvalidArgumentError(
            f"test_data is a tuple of {len(data)}: expected (x, y) or (x, y, sample_weight)"
        )
    return data[0], data[1], data[2] if len(data) == 3 else None
