"""What is being trained: a model's structure, whatever framework it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from traingauge.errors import InvalidTypeError

#: Which module describes models of a framework, by the package that their class, or one above it, comes from. Each has a
#: function ``describe(model)`` that gives a :class:`ModelDescription`.
DESCRIBERS: Mapping[str, str] = {"keras": "traingauge.integrations.keras.describe"}


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Structure of a model.

    Attributes:
        architecture: Digest of its layers and their configuration, 12 hexadecimal digits: the same for two models that are
            built alike, whatever they are called.
        trainable: Parameters that training changes.
        frozen: Parameters that it does not.
        optimizer: Name of the optimizer, empty if there is none.
        loss: Name of the loss, empty if there is none.
        facts: More for people, by title: layers, shapes, dtypes, schedule, metrics.
    """

    architecture: str
    trainable: int
    frozen: int
    optimizer: str
    loss: str
    facts: Mapping[str, str]


def describe(model: Any) -> ModelDescription:
    """Description of a model of a known framework.

    Raises:
        InvalidTypeError: None that is known.

    >>> describe(object())
    Traceback (most recent call last):
    traingauge.errors.InvalidTypeError: model is a object: expected a model of keras
    """
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    for package, module in DESCRIBERS.items():
        if package in packages:
            description: ModelDescription = import_module(module).describe(model)
            return description
    raise InvalidTypeError(f"model is a {type(model).__name__}: expected a model of {', '.join(DESCRIBERS)}")
