"""Structure of a module."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from traingauge.core.model_description import ModelDescription
from traingauge.integrations.torch import ranks


def describe(model: Any, optimizers: Sequence[Any] = (), criterion: Any = None) -> ModelDescription:
    """Read a module's layers, parameters, dtypes, optimizer and loss.

    No value is read, so a module may be on ``meta``; parameters of lazy modules count once they have a shape.

    Args:
        model: A module, or a sequence of modules that train together.
        optimizers: Those that train it.
        criterion: The module that computes the loss, if one does.

    >>> found = describe(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()))
    >>> found.trainable, found.frozen, found.facts["Layers"]
    (15, 0, '2')
    """
    modules = [unwrapped(one) for one in (model if isinstance(model, (list, tuple)) else [model])]
    layers = [layer for module in modules for layer in module.modules() if not list(layer.children())]
    parameters = [one for module in modules for one in module.parameters()]
    facts = {
        "Layers": str(len(layers)),
        "Data types": ", ".join(sorted({_short(one.dtype) for one in parameters})),
        "Learning rate": ", ".join(_rates(optimizers)),
        "Rank": ranks.of_all(),
    }
    return ModelDescription(
        architecture=_digest(modules),
        trainable=sum(_size(one) for one in parameters if one.requires_grad),
        frozen=sum(_size(one) for one in parameters if not one.requires_grad),
        optimizer=", ".join(type(one).__name__ for one in optimizers),
        loss="" if criterion is None else type(unwrapped(criterion)).__name__,
        facts={title: fact for title, fact in facts.items() if fact},
    )


def unwrapped(module: Any) -> Any:
    """The module in wrappers such as those of ``torch.compile`` and ``DistributedDataParallel``."""
    wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while hasattr(module, "_orig_mod") or isinstance(module, wrappers):
        module = module._orig_mod if hasattr(module, "_orig_mod") else module.module
    return module


def _digest(modules: Sequence[Any]) -> str:
    lines = [line for module in modules for line in _lines(module)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _lines(module: Any) -> Iterator[str]:
    """Each layer with its settings, and each parameter with its shape."""
    for name, layer in module.named_modules():
        yield f"{name} {type(layer).__name__} {layer.extra_repr()}"
    for name, parameter in module.named_parameters():
        yield f"{name} {_shape(parameter)}"


def _shape(parameter: Any) -> tuple[int, ...] | None:
    """``None`` for a parameter of a lazy module that has seen no batch."""
    return None if torch.nn.parameter.is_lazy(parameter) else tuple(parameter.shape)


def _size(parameter: Any) -> int:
    return 0 if torch.nn.parameter.is_lazy(parameter) else int(parameter.numel())


def _short(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _rates(optimizers: Sequence[Any]) -> list[str]:
    """Of each group of parameters, where that is no tensor."""
    rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups if "lr" in group]
    return [f"{rate:g}" for rate in rates if isinstance(rate, (int, float))]
