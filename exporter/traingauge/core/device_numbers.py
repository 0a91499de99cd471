"""Numbers that are still on a device when their step is drained, or their pass ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from traingauge.core.guard import Guard

T = TypeVar("T")
U = TypeVar("U")


def fetched(rows: Sequence[Mapping[str, Any]], guard: Guard) -> list[dict[str, float]]:
    """The rows as floats: all tensors of PyTorch of one device and dtype are brought over in one transfer.

    Each transfer waits for the device, so one a step would be paid for with every step. Tensors of other libraries are read
    one by one.

    Args:
        rows: Numbers that steps gave by name.
        guard: Counts those that cannot be read, which are left out.

    >>> fetched([{"loss": 0.5, "entropy": 2}, {"loss": "lost"}], Guard())
    [{'loss': 0.5, 'entropy': 2.0}, {}]
    """
    found = [dict(row) for row in rows]
    torch = sys.modules.get("torch")
    kind = () if torch is None else torch.Tensor
    groups: dict[Any, list[tuple[dict[str, Any], str]]] = {}
    for row in found:
        for name, value in row.items():
            if type(value) is not float:
                key = (value.device, value.dtype) if isinstance(value, kind) else len(groups)
                groups.setdefault(key, []).append((row, name))
    for places in groups.values():
        numbers = brought_over([row[name] for row, name in places], _together, float, guard)
        for (row, name), number in zip(places, numbers, strict=True):
            if number is None:
                del row[name]
            else:
                row[name] = number
    return found


def brought_over(
    values: Sequence[T], together: Callable[[Sequence[T]], Sequence[U]], alone: Callable[[T], U], guard: Guard
) -> Sequence[U | None]:
    """What is on a device, on the host: in one transfer or, if that fails, one by one, so that each fails for itself.

    Args:
        values: What is on the device.
        together: Brings all of it over.
        alone: Brings one over.
        guard: Counts those that cannot be read; ``None`` stands for them.
    """
    found = guard.attempt(None, together, values) if len(values) > 1 else None
    return [guard.shield("digest", alone, value) for value in values] if found is None else found


def _together(tensors: Sequence[Any]) -> list[float]:
    stacked = sys.modules["torch"].stack([one.reshape(()) if one.ndim else one for one in tensors])
    return [float(number) for number in stacked.cpu().tolist()]
