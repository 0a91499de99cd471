"""A hook in a Keras model's steps: what they compute is handed to every watcher.

``compute_loss``, ``train_step`` and ``test_step`` are wrapped once for all watchers of a model, as attributes of that one
model, and given back when the last watcher leaves. What a step is differs by backend, and so does what is around it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import keras

from traingauge.core.guard import Guard
from traingauge.integrations.keras.loss_calls import LossCall
from traingauge.integrations.keras.outputs import call_of, watching


class Watcher(Protocol):
    """Watches a model's steps.

    Attributes:
        gradients: Whether to work out the norm of the gradients.
        guard: Counts errors of the hook.
    """

    gradients: bool
    guard: Guard


class StepHook:
    """The wrapping around one model's steps; made by the first watcher, see :meth:`attach`."""

    _NAMES: tuple[str, ...] = ("compute_loss", "train_step", "test_step")

    def __init__(self, model: Any) -> None:
        self._model = model
        self._watchers: list[Watcher] = []
        self._calls: list[LossCall] = []  # of the step that is being taken
        self._own = {name: getattr(model, name) for name in self._NAMES}
        self._given = {name: model.__dict__[name] for name in self._NAMES if name in model.__dict__}
        self._wrappers = {name: getattr(self, f"_{name.lstrip('_')}") for name in self._NAMES}
        for name, wrapper in self._wrappers.items():
            setattr(model, name, wrapper)

    @staticmethod
    def of(model: Any) -> StepHook | None:
        """The hook of a model, if there is one."""
        hook = getattr(model.__dict__.get("train_step"), "__self__", None)
        return hook if isinstance(hook, StepHook) else None

    @classmethod
    def attach(cls, model: Any, watcher: Watcher) -> None:
        """Add a watcher of the model's steps; what was traced without it is traced again."""
        hook = cls.of(model) or cls(model)
        hook._watchers.append(watcher)
        hook._retrace()

    @staticmethod
    def detach(model: Any, watcher: Watcher) -> None:
        """Remove a watcher. The last one restores the model's own steps, unless the wrappers were wrapped since."""
        hook = StepHook.of(model)
        if hook is not None and watcher in hook._watchers:
            hook._watchers.remove(watcher)
            if not hook._watchers:
                hook._give_back()
            hook._retrace()

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Its watchers."""
        return tuple(self._watchers)

    def _give_back(self) -> None:
        own = self._model.__dict__
        if all(own.get(name) == wrapper for name, wrapper in self._wrappers.items()):
            for name in self._NAMES:
                delattr(self._model, name)
            for name, given in self._given.items():
                setattr(self._model, name, given)

    def _retrace(self) -> None:
        """Drop what was traced. The model may be training: its functions are replaced, never missing."""
        for name in ("train", "test"):
            if getattr(self._model, f"{name}_function") is not None:
                getattr(self._model, f"make_{name}_function")(force=True)

    def _compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        if hasattr(y_pred, "shape"):  # one output
            loss = self._own["compute_loss"](x, y, y_pred, sample_weight, **kwargs)
            self._calls.append(LossCall(loss, y, y_pred, sample_weight, x))
            return loss
        with watching(self._model, y_pred) as outputs:
            loss = self._own["compute_loss"](x, y, y_pred, sample_weight, **kwargs)
        self._calls.append(call_of(LossCall(loss, y, y_pred, sample_weight, x, outputs=outputs)))
        return loss

    def _train_step(self, *given: Any) -> Any:
        raise NotImplementedError

    def _test_step(self, *given: Any) -> Any:
        raise NotImplementedError

    def _begin(self, *state: Any) -> tuple[Any, Any]:
        """Begin a training step.

        Args:
            *state: What the backend needs to read the learning rate.

        Returns:
            The learning rate before the step, which a step of a schedule moves on, and the optimizer if the norm of its
            gradients is wanted.
        """
        rate = self._guarded(functools.partial(self._rate, *state))
        self._calls = []
        return rate, self._model.optimizer if self._wants_norm() else None

    def _wants_norm(self) -> bool:
        for watcher in self._watchers:  # noqa: SIM110 any() would add two calls to each step
            if watcher.gradients:
                return True
        return False

    def _rate(self, *state: Any) -> Any:
        """The learning rate; ``None`` where there is none."""
        raise NotImplementedError

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """What ``work`` returns, ``None`` if it fails: then the first watcher counts it."""
        return self._watchers[0].guard.shield("integration", work) if self._watchers else None


def skips(optimizer: Any) -> bool:
    """Whether it leaves out a step where a gradient is not finite, and scales the loss by less from then on."""
    return hasattr(optimizer, "inner_optimizer")


@contextmanager
def norms_of(
    optimizer: Any, guarded: Callable[[Callable[[], Any]], Any], global_norm: Callable[..., Any]
) -> Iterator[list[Any]]:
    """Collect the norm of the gradients of each ``optimizer.apply`` in the ``with``; of none without an optimizer.

    Args:
        optimizer: The model's, or ``None``.
        guarded: Runs the integration's own work; there is no norm where it gives ``None``.
        global_norm: Gives the norm of gradients and the scale of their loss, and of a step that is left out none.
    """
    norms: list[Any] = []
    apply = getattr(optimizer, "apply", None)
    if apply is None:
        yield norms
        return

    @functools.wraps(apply)
    def watched(grads: Any, *args: Any, **kwargs: Any) -> Any:
        grads = list(grads)
        scale, skipping = optimizer.scale_loss, skips(optimizer)
        norm = guarded(lambda: global_norm(grads, scale(keras.ops.ones(())), skipping=skipping))
        norms.extend([] if norm is None else [norm])
        return apply(grads, *args, **kwargs)

    optimizer.__dict__["apply"] = watched  # past Keras' own __setattr__: gone again when the step is traced
    try:
        yield norms
    finally:
        optimizer.__dict__.pop("apply", None)
