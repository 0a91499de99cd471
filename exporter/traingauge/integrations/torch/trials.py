"""Weights that the loop moves between two backward passes of one step, to try a loss there.

Sharpness-aware minimisation calls ``backward`` at the weights of the step, moves the weights, calls ``backward`` there,
moves them back, and updates with the second gradient. The loss of the step is the first.

A loop may write to weights for another reason, such as to clamp them after each micro-batch, or to return to earlier ones
after a bad batch; and some modules write to theirs while they compute, such as an embedding with a largest norm. So a trial
is a pass before which the loop both moved the weights and dropped the gradients, and which counts as one only if the weights
are back before the update.

On the CPU the values of two weights show where they are. On a device a look at them would wait, so there the writes have to
do: weights have moved if all that are looked at were written to.

A loop may try each micro-batch by itself. Then it gathers the gradients in tensors of its own, which shows at the update.
Where it writes to those of the last pass instead, it may as well have given up an earlier step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from operator import ne
from threading import get_ident
from typing import Any, NamedTuple

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from traingauge.integrations.torch.reach import Mark, Reach, marks
from traingauge.integrations.torch.values import local

#: Weights of a group that are looked at: a few show what happens to all.
MOST_WEIGHTS = 8

#: Of how many of these, and of how many numbers in each, the values are looked at.
MOST_SAMPLED, MOST_NUMBERS = 2, 64

#: A dtype of numpy for numbers of each size in bytes.
_SAME_SIZE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Place(NamedTuple):
    """Where a weight is: how often it was written to, and its memory, which changes where its tensor is replaced."""

    writes: int
    memory: int


class Look(NamedTuple):
    """What weights were like.

    Attributes:
        places: Where each is; empty on the CPU.
        values: Some numbers of some, as they are in memory; empty on a device.
        gradients: Marks of their gradients.
    """

    places: list[Place]
    values: list[bytes]
    gradients: list[Mark]


class Weights:
    """Weights of a group that are looked at.

    Args:
        weights: Those; at least one.

    Attributes:
        all: As given.
    """

    def __init__(self, weights: Sequence[Any]) -> None:
        self.all = weights
        self._sampled = weights[-MOST_SAMPLED:]
        self._spread = any(hasattr(one, "to_local") for one in self._sampled)
        self._memory: list[int] = []  # where these were when they were looked at last
        self._views: list[Any] = []  # of that, for numpy; they keep it, so that no other tensor gets it

    def look(self) -> Look:
        """What they are like now."""
        gradients = marks(self.all)
        sampled = list(map(local, self._sampled)) if self._spread else self._sampled
        memory = [one.data_ptr() for one in sampled]
        if memory != self._memory:  # the loop has replaced the tensor of a weight
            on_host = all(one.is_cpu for one in sampled)
            self._memory, self._views = memory, list(map(_numbers, sampled)) if on_host else []
        if self._views:
            return Look([], [view.tobytes() for view in self._views], gradients)
        return Look([Place(one._version, local(one).data_ptr()) for one in self.all], [], gradients)

    def is_back(self, now: Look, tried: Look, base: Look) -> bool:
        """Whether they are what they were before the loop moved them, from one look to another."""
        if not now.values:
            return _moved(now, tried)
        kinds = [one.dtype for one in self._sampled]
        return all(map(_close, kinds, now.values, tried.values, base.values))


class Window:
    """The passes of one group since its last update.

    Args:
        weights: Those that are looked at.

    Attributes:
        tries: Whether the last pass was a trial.
        rounds: How often the weights were moved to a trial, so far.
        restored: Whether they were back after it when an optimizer began to update.
        gathered: Whether the gradients were then tensors of the loop; ``None`` if it may only have written to those that the
            last pass left.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._last = self._base = weights.look()
        self.tries, self.rounds = False, 0
        self.restored = False
        self.gathered: bool | None = False

    @property
    def trains_all(self) -> bool:
        """Whether all of the weights had gradients at the last look."""
        return None not in self._last.gradients

    def begin(self) -> None:
        """A pass begins."""
        if all(map(ne, marks(self._weights.all), self._last.gradients)):
            now = self._weights.look()
            if self.tries and self._weights.is_back(now, self._last, self._base):
                self.tries = False
            elif not self.tries and _moved(now, self._last):
                self.tries, self.rounds = True, self.rounds + 1

    def end(self) -> None:
        """A pass has ended."""
        self._last = self._weights.look()
        if not self.tries:
            self._base = self._last

    def update(self) -> None:
        """An optimizer begins to update."""
        if not self.tries or self.restored:
            return
        now = self._weights.look()
        if self._weights.is_back(now, self._last, self._base):
            self.restored = True
            pairs = list(zip(now.gradients, self._last.gradients, strict=True))
            others = all(one is None or was is None or one[0] != was[0] for one, was in pairs)
            self.gathered = True if others else False if now.gradients == self._last.gradients else None


class Trials:
    """The groups of weights that have been moved since the first backward pass of their step.

    Args:
        reach: The groups.
        threads: Numbers of the threads that the loop runs in: a gradient is not read while another thread writes it.
    """

    def __init__(self, reach: Reach, threads: Collection[int]) -> None:
        self._reach, self._threads = reach, threads
        self._looked_at: dict[int, Weights] = {}  # of each group
        self._windows: dict[int, Window] = {}

    def begin(self) -> set[int]:
        """A pass begins; the groups for which it is a trial."""
        tried = set()
        for group, window in self._windows.items():
            window.begin()
            if window.tries:
                tried.add(group)
        return tried

    def end(self, groups: Collection[int]) -> dict[int, int]:
        """A pass has given gradients to these groups; how often each was moved to a trial in its step."""
        rounds = {}
        for group in groups:
            window = self._windows.get(group)
            rounds[group] = 0 if window is None else window.rounds
            if window is not None:
                window.end()
            elif (begun := self._begun(group)) is not None:
                self._windows[group] = begun
        return rounds

    def rounds(self, group: int) -> int:
        """How often a group was moved to a trial in its step."""
        return self._windows[group].rounds if group in self._windows else 0

    def updated(self, group: int) -> Window | None:
        """An optimizer has updated a group, or was to: the passes of that step, ``None`` without one."""
        return self._windows.pop(group, None)

    @contextmanager
    def watched(self, catch: Callable[..., Any]) -> Iterator[None]:
        """See the updates of all optimizers inside the ``with``: one that is not recorded may move the weights, too.

        Args:
            catch: Calls a function with arguments, and contains its errors.
        """

        def before(optimizer: Any, *_: Any) -> None:
            if get_ident() not in self._threads:
                return
            for window in self._windows.values():
                if window.tries:
                    catch(self._look_again, optimizer)
                    break

        def after(optimizer: Any, *_: Any) -> None:
            if self._windows and get_ident() in self._threads:
                catch(self._forget, optimizer)

        hooks = register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _look_again(self, optimizer: Any) -> None:
        for group in self._of(optimizer):
            self._windows[group].update()

    def _forget(self, optimizer: Any) -> None:
        for group in self._of(optimizer):
            self.updated(group)

    def _of(self, optimizer: Any) -> list[int]:
        """The groups under way that have weights of an optimizer."""
        updated = {id(one) for group in optimizer.param_groups for one in group["params"]}
        return [
            group for group in self._windows if any(id(one) in updated for one in self._looked_at[group].all)
        ]

    def _begun(self, group: int) -> Window | None:
        """The first pass of a group; ``None`` as long as none of its weights has a gradient."""
        weights = self._looked_at.get(group)
        window = None if weights is None else Window(weights)
        if window is None or not window.trains_all:
            trained = self._reach.trained(group)
            if not trained:
                return None
            weights = self._looked_at[group] = Weights(trained[:: max(1, -(-len(trained) // MOST_WEIGHTS))])
            window = Window(weights)
        return window


def _numbers(weight: torch.Tensor) -> Any:
    """Some numbers of a weight, a view of its memory, whatever its layout, for numpy, which has not all dtypes."""
    size = weight.numel()
    count = min(size, MOST_NUMBERS)
    found = weight.detach().as_strided((count,), (size // count if count else 1,), weight.storage_offset())
    return found.view(_SAME_SIZE.get(found.itemsize, found.dtype)).numpy()


def _moved(now: Look, before: Look) -> bool:
    if now.values:
        return now.values != before.values
    return all(one != was for one, was in zip(now.places, before.places, strict=True))


def _close(kind: torch.dtype, *looks: bytes) -> bool:
    """Whether numbers are back, but for what rounds off when a move is added and subtracted."""
    now, tried, base = (torch.frombuffer(bytearray(one), dtype=kind) for one in looks)
    rounds_off = 4 * torch.finfo(base.dtype).eps * torch.maximum(tried.abs(), base.abs())
    return bool(((now - base).abs() <= rounds_off).all())
