"""The outputs of a model with several: what ``compute_loss`` gives to the loss of each, and what that makes of it.

Keras brings losses, labels, outputs and weights together, whether they are lists, dictionaries or nested, and names each
output. So its own losses are watched while they are called. Their values are before ``loss_weights``, as in Keras' logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from traingauge.core.task_hints import TaskHints
from traingauge.integrations.keras.loss_calls import LossCall
from traingauge.integrations.keras.scores.plan import UnclearError

#: Where an output is, such as ``("boxes", 0)``.
Path = tuple[Any, ...]


#: What is said of a model with several outputs if a task was given.
TASK_OF_ONE = "task=… is that of a model with one output: each of its outputs has the task that its loss and its labels say"


def goal_of(model: Any, output: str, hints: TaskHints) -> tuple[Any, TaskHints]:
    """The loss of an output, of the whole if it has no name, and what the user says that holds for it."""
    if not output:
        return model.loss, hints
    losses = _built(model._compile_loss)
    path = next(path for path, name in _names(losses).items() if name == output)
    return next(one.loss for one in losses if one.path == path), TaskHints(threshold=hints.threshold)


def not_scored(output: str, reason: UnclearError) -> str:
    """What is said of an output, or of the whole, that has no scores.

    >>> reason = UnclearError("its loss says nothing", "pass a task")
    >>> not_scored("", reason)
    'its scores are not recorded: its loss says nothing: pass a task'
    >>> not_scored("boxes", reason)
    "the scores of its output 'boxes' are not recorded: its loss says nothing"
    """
    if output:
        return f"the scores of its output {output!r} are not recorded: {reason}"
    advice = f": {reason.advice}" if reason.advice else ""
    return f"its scores are not recorded: {reason}{advice}"


@contextmanager
def watching(model: Any, y_pred: Any) -> Iterator[dict[str, LossCall]]:
    """Collect what the loss of each output is given and gives in the ``with``, by the name of the output.

    Args:
        model: A compiled model.
        y_pred: Its outputs; nothing is watched of a single one.
    """
    found: dict[str, LossCall] = {}
    compiled = getattr(model, "_compile_loss", None)
    if compiled is None or not keras.tree.is_nested(y_pred):
        yield found
        return
    own, build = _built(compiled), compiled.build
    given: dict[Path, LossCall] = {}

    def build_and_watch(*args: Any, **kwargs: Any) -> None:
        nonlocal own
        build(*args, **kwargs)
        own = _built(compiled)
        compiled._flat_losses = [_watched(one, given) for one in own]

    if own:
        compiled._flat_losses = [_watched(one, given) for one in own]
    else:
        compiled.build = build_and_watch
    try:
        yield found
    finally:
        vars(compiled).pop("build", None)
        if own:
            compiled._flat_losses = own
        found.update((name, given[path]) for path, name in _names(own).items() if path in given)


def call_of(call: LossCall) -> LossCall:
    """A call as it is scored: a single output that is in a list or a dictionary is the whole."""
    if len(call.outputs) != 1 or len(keras.tree.flatten(call.y_pred)) != 1:
        return call
    (one,) = call.outputs.values()
    return call._replace(y=one.y, y_pred=one.y_pred, sample_weight=one.sample_weight, outputs={})


def _watched(one: Any, given: dict[Path, LossCall]) -> Any:
    """An entry of Keras' list whose calls are collected; of several losses of an output, those of the first are."""

    def loss(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        value = one.loss(y_true, y_pred, sample_weight)
        given.setdefault(one.path, LossCall(value, y_true, y_pred, sample_weight))
        return value

    return one._replace(loss=loss)


def _built(compiled: Any) -> Sequence[Any]:
    """Keras' own list of losses, which it makes when they are called first."""
    return getattr(compiled, "_flat_losses", None) or ()


def _names(losses: Sequence[Any]) -> Mapping[Path, str]:
    """The name of each output, by its path; the path itself where several have one name, as that of their loss."""
    named = {one.path: one.name for one in reversed(losses)}
    shared = Counter(named.values())
    return {path: name if shared[name] == 1 else "/".join(map(str, path)) for path, name in named.items()}
