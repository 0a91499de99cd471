"""The norm of the gradients before clipping, where the loop computes it to clip by it.

``torch.nn.utils.clip_grad_norm_`` looks its own function for the norm up in its module. That shows its result, which costs
nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.utils import clip_grad

from traingauge.integrations.torch.observed import Observed

#: Called with the gradients, the order of the norm, and the norm.
Observer = Callable[[Sequence[torch.Tensor], float, torch.Tensor], None]


def _total_norm(
    original: Any,
    observers: Sequence[Observer],
    tensors: Any,
    norm_type: float = 2.0,
    *args: Any,
    **kwargs: Any,
) -> Any:
    found = original(tensors, norm_type, *args, **kwargs)
    for observer in observers:
        observer(tensors, norm_type, found)
    return found


_norms = Observed[Observer](clip_grad, "_get_total_norm", _total_norm)


def watched(observer: Observer) -> AbstractContextManager[None]:
    """Show an observer each norm by which gradients are clipped inside the ``with``, in any thread."""
    return _norms.by(observer)


def norm(gradients: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """√ Σ g², over all elements of all gradients; ``None`` without any, or if they are spread over ranks.

    >>> norm([torch.tensor([6.0]), torch.tensor([[8.0]])])
    tensor(10.)
    """
    if not gradients or any(hasattr(one, "to_local") for one in gradients):
        return None
    with torch.no_grad():
        found: torch.Tensor = torch.nn.utils.get_total_norm(gradients)
    return found
