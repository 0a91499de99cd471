"""A device that is not the CPU, on any machine: PyTorch's lazy tensors, and a counter of what waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch._lazy.ts_backend
from torch.utils._python_dispatch import TorchDispatchMode

torch._lazy.ts_backend.init()

#: The device.
DEVICE = torch.device("lazy")


class Waits(TorchDispatchMode):
    """Counts what waits for a device in its thread: a value that is read, and a copy to the host.

    Attributes:
        seen: Names of the operators.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = str(operator)
        tensor = next((one for one in args if isinstance(one, torch.Tensor)), None)
        on_device = tensor is not None and not tensor.is_cpu
        to_host = "_to_copy" in name and torch.device(kwargs.get("device") or DEVICE).type == "cpu"
        if on_device and (to_host or "_local_scalar_dense" in name or "nonzero" in name):
            self.seen.append(name)
        return operator(*args, **kwargs)
