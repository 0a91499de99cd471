"""Structure of a Keras model."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

import keras

from traingauge.core.model_description import ModelDescription


def describe(model: Any) -> ModelDescription:
    """Read a model's layers, parameters, shapes, dtypes, optimizer with its schedule, loss and compiled metrics.

    Args:
        model: A Keras model, built or not, compiled or not; what is not there is left out.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if _computes(layer)]
    optimizer = getattr(model, "optimizer", None)
    loss = getattr(model, "loss", None)
    facts = {
        "Layers": str(len(layers)),
        "Inputs": _shapes(getattr(model, "inputs", None)),
        "Outputs": _shapes(getattr(model, "outputs", None)),
        "Data types": ", ".join(sorted({str(weight.dtype) for weight in model.weights})),
        "Learning rate": "" if optimizer is None else _learning_rate(optimizer),
        "Metrics": ", ".join(_metrics(model)),
    }
    return ModelDescription(
        architecture=_digest(model),
        trainable=_count(model.trainable_weights),
        frozen=_count(model.non_trainable_weights),
        optimizer="" if optimizer is None else type(optimizer).__name__,
        loss="" if loss is None else _name(loss),
        facts={title: fact for title, fact in facts.items() if fact},
    )


def _computes(layer: Any) -> bool:
    """Whether it is a layer and not a place for inputs or a model of layers."""
    return not layer._layers and type(layer).__name__ != "InputLayer"


def _digest(model: Any) -> str:
    """Digest of the configuration, with every layer called by its place: Keras numbers names over the whole process."""
    try:
        config = model.get_config()
    except NotImplementedError:  # a model of a class of its own, which does not say how it is made
        config = [[type(layer).__name__, layer.get_config()] for layer in model.layers]
    text = json.dumps(config, sort_keys=True, default=repr)
    for place, layer in enumerate(model._flatten_layers()):
        text = text.replace(json.dumps(layer.name), f'"#{place}"')
    return hashlib.sha256(f"{type(model).__name__}{text}".encode()).hexdigest()[:12]


def _count(weights: Iterable[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _shapes(tensors: Any) -> str:
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors or ())


def _learning_rate(optimizer: Any) -> str:
    schedule = getattr(optimizer, "_learning_rate", None)
    if hasattr(schedule, "get_config") and callable(schedule):  # a LearningRateSchedule, not a variable
        return f"{type(schedule).__name__} {json.dumps(schedule.get_config(), default=repr)}"
    return f"{float(keras.ops.convert_to_numpy(optimizer.learning_rate)):g}"


def _metrics(model: Any) -> list[str]:
    config = (model.get_compile_config() or {}) if getattr(model, "compiled", False) else {}
    metrics = config.get("metrics") or []
    return [_name(metric) for metric in (metrics if isinstance(metrics, list) else [metrics])]


def _name(thing: Any) -> str:
    if isinstance(thing, dict) and "class_name" in thing:
        return str(thing["class_name"])
    return thing if isinstance(thing, str) else getattr(thing, "__name__", type(thing).__name__)
