"""Values of tensors that nothing waits for: a float on the CPU, else a copy on the device."""

from __future__ import annotations

from typing import Any

import torch

#: Whether this build of PyTorch knows CUDA, or ROCm, which answers to the same name.
_HAS_CUDA = torch.version.cuda is not None or torch.version.hip is not None


def number(tensor: torch.Tensor) -> Any:
    """The value of a tensor with one element as it is now.

    Args:
        tensor: Shape () or (1, …).

    Returns:
        A float, or a tensor of shape () on the device, which later writes to ``tensor`` do not change.

    >>> number(torch.tensor([0.5], requires_grad=True))
    0.5
    """
    tensor = local(tensor)
    if tensor.is_cpu:
        return float(tensor.item())
    tensor = tensor.detach()
    kind = torch.float64 if tensor.dtype is torch.float64 else torch.float32
    copy = tensor.to(kind, copy=True)
    return copy.reshape(()) if copy.ndim else copy


def runs_without_python() -> bool:
    """Whether what runs now is compiled or captured, to run again later without Python, and so without hooks."""
    if torch.compiler.is_dynamo_compiling():
        return True
    return bool(_HAS_CUDA and torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing())


def local(tensor: torch.Tensor) -> torch.Tensor:
    """The part of a distributed tensor that this rank has: to gather the others takes all ranks."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
