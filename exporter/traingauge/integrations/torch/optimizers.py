"""Hooks of an optimizer: each update is a step, with the learning rate and the norm of the gradients that it used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import torch

from traingauge.integrations.torch import gradients
from traingauge.integrations.torch.clipping import AllGradients
from traingauge.integrations.torch.values import number, runs_without_python

if TYPE_CHECKING:
    from traingauge.integrations.base import Session


class Recording(Protocol):
    """Takes the updates of optimizers."""

    def only_first(
        self, closure: Callable[[], Any], after: Callable[[], None], place: int
    ) -> Callable[[], Any]:
        """The closure that an update of an optimizer gets instead of the loop's; ``after`` follows its first call."""

    def stepped(self, place: int, numbers: Mapping[str, Any]) -> None:
        """An optimizer, by its place, has updated its parameters; with what is known of the update."""


class Updates:
    """Sees the updates of one optimizer.

    An optimizer whose ``step`` calls that of its base class, or of an optimizer in it, runs the hooks for both: the outer
    call counts. Where a loop never calls ``step`` itself, as with the two phases of sharpness-aware minimisation, the
    optimizer in it shows the update.

    Args:
        optimizer: The optimizer.
        together: Those with which it shares a loss, itself included: their gradients are clipped together.
        place: Its place among all.
        session: The run.
        recording: Takes the updates.
        gradient_norm: Whether to compute the norm where the loop does not.
        threads: Numbers of the threads that the loop runs in; ``None`` for those that make this and that update.

    Attributes:
        seen: The optimizer, and those in it.
        place: As given.
        count: Updates so far.
    """

    def __init__(
        self,
        optimizer: Any,
        together: Sequence[Any],
        place: int,
        session: Session,
        recording: Recording,
        *,
        gradient_norm: bool,
        threads: set[int] | None = None,
    ) -> None:
        self.seen, self.place, self._gradients = with_inner(optimizer), place, AllGradients(together)
        self._session, self._recording, self._computes_norm = session, recording, gradient_norm
        self._threads = {get_ident()} if threads is None else threads
        #: Optimizers whose updates have begun, each with the call of its ``step``; the outermost first.
        self._under_way: list[tuple[Any, FrameType]] = []
        self.count = 0
        self._rate: Any = None
        self._norm: Any = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """See the updates inside the ``with``."""
        with gradients.watched(self._see_norm), ExitStack() as undo:
            for one in self.seen:
                undo.callback(one.register_step_pre_hook(self._before).remove)
                undo.callback(one.register_step_post_hook(self._after).remove)
            undo.callback(self._under_way.clear)
            yield

    def end_failed(self) -> bool:
        """End an update that an exception has left, and which so has no end; whether there was one."""
        if not self._under_way or _is_running(self._under_way[0][1]):
            return False
        self._under_way.clear()
        self._norm = None
        return True

    def _before(self, optimizer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if self._session.ended or runs_without_python():
            return None
        if self._under_way and _closure(args, kwargs) is None and not _is_running(self._under_way[0][1]):
            self._under_way.clear()  # an exception has left that update, and the loop tries it again
        self._under_way.append((optimizer, sys._getframe(1)))
        if len(self._under_way) > 1:
            return None
        return self._session.guard.catch("integration", self._begin, optimizer, args, kwargs)

    def _after(self, optimizer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._session.ended or runs_without_python():
            return
        while self._under_way and self._under_way.pop()[0] is not optimizer:
            continue  # an exception has left the inner one
        if not self._under_way:
            self.count += 1
            numbers = {"learning_rate": self._rate, "gradient_norm": self._norm}
            self._norm = None
            self._session.guard.catch("integration", self._recording.stepped, self.place, numbers)

    def _begin(self, optimizer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        self._threads.add(get_ident())
        rate = optimizer.param_groups[0].get("lr")
        self._rate = number(rate) if isinstance(rate, torch.Tensor) else rate
        closure = _closure(args, kwargs)
        if callable(closure):
            counted = self._recording.only_first(closure, self.compute_norm, self.place)
            if "closure" in kwargs:
                return args, {**kwargs, "closure": counted}
            return (args[0], counted, *args[2:]), kwargs
        if self._computes_norm:
            self.compute_norm()
        return None

    def forget_norm(self) -> None:
        """Forget the norm of an update that did not come."""
        self._norm = None

    def compute_norm(self) -> None:
        """Compute the norm, if that is wanted and clipping has not shown it."""
        if not self._computes_norm or self._norm is not None:
            return
        found = gradients.norm(self._gradients.found())
        if found is not None:
            scale = getattr(
                self.seen[0], "grad_scale", None
            )  # of a scaler that leaves it to a fused optimizer
            self._norm = number(found if scale is None else found / scale)

    def _see_norm(self, clipped: Sequence[torch.Tensor], order: float, found: torch.Tensor) -> None:
        if order == 2 and get_ident() in self._threads and not self._session.ended:
            self._session.guard.catch("integration", self._take_norm, clipped, found)

    def _take_norm(self, clipped: Sequence[torch.Tensor], found: torch.Tensor) -> None:
        if not hasattr(found, "to_local") and self._gradients.are(clipped):
            self._norm = number(found)


def _closure(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The closure among the arguments of ``step``, itself the first; its first loss shows that an update before failed."""
    return kwargs.get("closure", args[1] if len(args) > 1 else None)


def _is_running(call: FrameType) -> bool:
    """Whether this thread is inside of a call: one of ``step`` may compute a loss without a closure."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame is not call:
        frame = frame.f_back
    return frame is not None


def unwrapped(optimizer: Any) -> Any:
    """The optimizer in one that passes everything on to it and has no hooks, such as that of Accelerate."""
    while "_optimizer_step_pre_hooks" not in vars(optimizer) and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer


def with_inner(optimizer: Any) -> list[Any]:
    """An optimizer, and those that it has to update its weights, such as the base of a sharpness-aware one.

    >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
    >>> with_inner(sgd) == [sgd]
    True
    """
    inner = [one for one in vars(optimizer).values() if isinstance(one, torch.optim.Optimizer)]
    return [optimizer, *(found for one in inner for found in with_inner(one))]


def counted_steps(optimizer: Any) -> int | None:
    """Updates that an optimizer has counted itself; ``None`` if it does not, or keeps the count on a device.

    >>> counted_steps(torch.optim.Adam([torch.nn.Parameter(torch.ones(1))]))
    0
    """
    if not optimizer.state:
        return 0
    for state in optimizer.state.values():
        steps = state.get("step") if isinstance(state, dict) else None
        if isinstance(steps, torch.Tensor):
            steps = steps.item() if steps.is_cpu and steps.numel() == 1 else None
        if steps is not None:
            return int(steps)
    return None
