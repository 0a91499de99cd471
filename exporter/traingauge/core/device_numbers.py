"""Numbers that are still on a device when their step is drained, or their pass ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def fetched(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their tensors as floats: all of one device and dtype are brought over in one transfer.

    Each transfer waits for the device, so one a step would be paid for with every step. PyTorch is there if a tensor of it
    is; other tensors are left as they are, and read one by one.

    Args:
        rows: Numbers that steps gave by name.
    """
    found = [dict(row) for row in rows]
    torch = sys.modules.get("torch")
    if torch is None:
        return found
    groups: dict[Any, list[tuple[dict[str, Any], str]]] = {}
    for row in found:
        for name, value in row.items():
            if type(value) is not float and isinstance(value, torch.Tensor):
                groups.setdefault((value.device, value.dtype), []).append((row, name))
    for places in groups.values():
        together = torch.stack([_plain(row[name]) for row, name in places])
        for (row, name), number in zip(places, together.cpu().tolist(), strict=True):
            row[name] = float(number)
    return found


def _plain(tensor: Any) -> Any:
    return tensor.reshape(()) if tensor.ndim else tensor
