"""Backward passes as the loop starts them.

``Tensor.backward`` looks ``torch.autograd.backward`` up in its module. That shows what it is called on.
``torch.autograd.grad``, which computes gradients and adds them to nothing, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from traingauge.integrations.torch.observed import Observed


class Observer(Protocol):
    """Sees the backward passes of any thread."""

    def begin_backward(self, tensors: Any, gradients: Any, inputs: Any) -> None:
        """A pass begins.

        Args:
            tensors: What ``backward`` was called on.
            gradients: The gradients that the loop gave for them; ``None`` for 1.
            inputs: What alone gets gradients; ``None`` for everything.
        """

    def end_backward(self, tensors: Any) -> None:
        """A pass has ended without an error.

        Args:
            tensors: What ``backward`` was called on.
        """

    def fail_backward(self) -> None:
        """A pass has ended with an error."""


def pass_under_way() -> int:
    """Number of the pass that this thread takes part in, unique in the process; -1 if none is."""
    return int(torch._C._current_graph_task_id())


def _backward(
    original: Any,
    observers: Sequence[Observer],
    tensors: Any,
    grad_tensors: Any = None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    if pass_under_way() != -1:  # inside of another pass
        return original(tensors, grad_tensors, *args, **kwargs)
    inputs = kwargs.get("inputs", args[3] if len(args) > 3 else None)
    for observer in observers:
        observer.begin_backward(tensors, kwargs.get("grad_variables", grad_tensors), inputs)
    try:
        result = original(tensors, grad_tensors, *args, **kwargs)
    except BaseException:
        for observer in observers:
            observer.fail_backward()
        raise
    for observer in observers:
        observer.end_backward(tensors)
    return result


_backward_passes = Observed[Observer](torch.autograd, "backward", _backward)


def watched(observer: Observer) -> AbstractContextManager[None]:
    """Show an observer the passes that begin inside the ``with``, but those inside of another pass."""
    return _backward_passes.by(observer)
