"""What a criterion says about the task: which of PyTorch's own losses compares what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from traingauge.integrations.torch.values import number

if TYPE_CHECKING:
    from traingauge.integrations.base import Session
    from traingauge.stats.classification.tasks import Task

#: Columns of a regression that are scored: more are images or embeddings.
MOST_OUTPUTS = 16

_QUANTITIES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


class Found(NamedTuple):
    """What is scored.

    Attributes:
        task: The task.
        classes: Number of classes; ``None`` where there are none.
        from_logits: Whether predictions are logits; ``None`` for quantities.
        ignore_index: Label that is left out; ``None`` for PyTorch's usual one.
    """

    task: Task
    classes: int | None = None
    from_logits: bool | None = None
    ignore_index: int | None = None


def find(criterion: Any, predictions: torch.Tensor, targets: torch.Tensor) -> Found | None:
    """What can be scored of a call of a criterion; ``None`` if the criterion does not say.

    >>> find(nn.CrossEntropyLoss(), torch.zeros(8, 10), torch.zeros(8, dtype=torch.long))
    Found(task='multiclass', classes=10, from_logits=True, ignore_index=None)
    >>> find(nn.MSELoss(), torch.zeros(8, 3, 32, 32), torch.zeros(8, 3, 32, 32)) is None
    True
    """
    if predictions.ndim == 0 or targets.ndim == 0:
        return None
    if isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss)):
        return _of_classes(criterion, predictions, targets)
    if isinstance(criterion, (nn.BCEWithLogitsLoss, nn.BCELoss, nn.MultiLabelSoftMarginLoss)):
        return _of_events(criterion, predictions, targets)
    wide = predictions.ndim > 2 or (predictions.ndim == 2 and predictions.shape[1] > MOST_OUTPUTS)
    if isinstance(criterion, _QUANTITIES) and predictions.shape == targets.shape and not wide:
        return Found("regression")
    return None


def tell(session: Session, found: Found) -> None:
    """Set the task of a run, where the user has left it open."""
    session.found_task(
        found.task, found.classes, from_logits=found.from_logits, ignore_index=found.ignore_index
    )


def adds_up(criterion: Any) -> bool:
    """Whether a criterion gives the sum over its samples: a pass divides that by them."""
    return getattr(criterion, "reduction", "") == "sum"


def mass(criterion: Any, targets: torch.Tensor | None, samples: int) -> Any:
    """What the mean of a criterion divides by: samples, or those with a label; of a device, a tensor on it.

    >>> mass(nn.CrossEntropyLoss(), torch.tensor([1, -100, 2]), 3)
    2.0
    """
    if adds_up(criterion):
        return samples
    averages = isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss)) and criterion.reduction == "mean"
    if not averages or targets is None or targets.is_floating_point():
        return samples if targets is None or targets.ndim < 2 else targets.numel()
    known = targets != criterion.ignore_index
    if criterion.weight is None:
        return number(known.sum())
    weight = criterion.weight  # an ignored label is no place in it
    return number((weight[targets.clamp(0, len(weight) - 1)] * known).sum())


def _of_classes(criterion: Any, predictions: torch.Tensor, targets: torch.Tensor) -> Found | None:
    if predictions.ndim < 2 or (targets.is_floating_point() and targets.ndim != 2):
        return None
    classes = int(predictions.shape[1])
    ignored = (
        None if targets.is_floating_point() or criterion.ignore_index == -100 else criterion.ignore_index
    )
    return Found("binary" if classes == 2 else "multiclass", classes, True, ignored)


def _of_events(criterion: Any, predictions: torch.Tensor, targets: torch.Tensor) -> Found | None:
    if predictions.shape != targets.shape:
        return None
    from_logits = not isinstance(criterion, nn.BCELoss)
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return Found("multilabel", int(predictions.shape[1]), from_logits)
    return Found("binary", 2, from_logits)
