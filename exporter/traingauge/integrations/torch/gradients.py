"""The norm of the gradients before clipping, where the loop computes it to clip by it.

``torch.nn.utils.clip_grad_norm_`` looks its own function for the norm up in its module, however a script imported it. While
something watches, that function is replaced by one that also shows its result, which costs nothing more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.utils import clip_grad

#: Called with the gradients, the order of the norm, and the norm.
Observer = Callable[[Sequence[torch.Tensor], float, torch.Tensor], None]

_NAME = "_get_total_norm"
_observers: list[Observer] = []
_original: list[Callable[..., Any]] = []


@contextmanager
def watched(observer: Observer) -> Iterator[None]:
    """Show an observer each norm by which gradients are clipped, in any thread."""
    if not _observers:
        _install()
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)
        if not _observers:
            _remove()


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


def _install() -> None:
    original = getattr(clip_grad, _NAME, None)
    if original is None:  # another version: norms are not seen
        return

    @functools.wraps(original)
    def shown(tensors: Any, norm_type: float = 2.0, *args: Any, **kwargs: Any) -> Any:
        found = original(tensors, norm_type, *args, **kwargs)
        for observer in tuple(_observers):
            observer(tensors, norm_type, found)
        return found

    _original.append(original)
    setattr(clip_grad, _NAME, shown)


def _remove() -> None:
    if _original:
        setattr(clip_grad, _NAME, _original.pop())
