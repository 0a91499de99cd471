"""A scaler of gradients: its scale is no part of a loss, and updates that it skips are no steps.

A loop may scale without showing the scaler to what watches. So while something does, the method ``scale`` of the class of
scalers, and of each loaded one below it, also shows its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch

from traingauge.errors import InvalidTypeError, shown
from traingauge.integrations.torch import in_place, terms
from traingauge.integrations.torch.observed import Observed
from traingauge.integrations.torch.values import number


class Scale(NamedTuple):
    """A scale, as it was.

    Attributes:
        value: A float, or a tensor on the device; ``None`` if it is not known.
        tensor: Where the scaler keeps it.
        version: Of that tensor.
    """

    value: Any
    tensor: Any
    version: int


#: Called with a tensor that a scaler has scaled, and the scale.
Observer = Callable[[torch.Tensor, Scale], None]

_scales: WeakKeyDictionary[Any, Scale] = WeakKeyDictionary()
_scaled: dict[type, Observed[Observer]] = {}  # the classes whose results are shown


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


def scales_noted() -> AbstractContextManager[None]:
    """Note scales in the graph of what is scaled inside the ``with``."""
    return scales_shown(terms.note_scale)


@contextmanager
def scales_shown(observer: Observer) -> Iterator[None]:
    """Show an observer what is scaled inside the ``with``."""
    with ExitStack() as undo:
        for kind in _classes(torch.amp.GradScaler):
            undo.enter_context(_scaled.setdefault(kind, Observed(kind, "scale", _scale)).by(observer))
        yield


def in_use() -> bool:
    """Whether a scaler has scaled anything that was watched."""
    return bool(_scales)


def _classes(kind: Any) -> list[Any]:
    """A class and those below it that define how to scale."""
    below = [one for child in kind.__subclasses__() for one in _classes(child)]
    return [kind, *below] if "scale" in vars(kind) else below


def _scale(original: Any, observers: Sequence[Observer], scaler: Any, outputs: Any) -> Any:
    result = original(scaler, outputs)
    if isinstance(result, torch.Tensor):
        scaled = [] if result is outputs else [result]
    elif isinstance(result, (list, tuple)):
        scaled = [one for one, was in zip(result, outputs, strict=False) if one is not was]
    else:
        scaled = []
    if scaled:
        scale = _scale_of(scaler)
        for observer in observers:
            for one in scaled:
                observer(one, scale)
    return result


def _scale_of(scaler: Any) -> Scale:
    """The scale, one object until it changes."""
    now = getattr(scaler, "_scale", None)
    known = _scales.get(scaler)
    version = getattr(now, "_version", -1)
    if known is None or known.tensor is not now or known.version != version:
        value = number(now) if isinstance(now, torch.Tensor) else None
        known = _scales[scaler] = Scale(value, now, version)
    return known
