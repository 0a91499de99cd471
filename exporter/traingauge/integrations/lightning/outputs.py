"""What the steps of a module return, and the batches that they get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from traingauge.errors import TrainGaugeError
from traingauge.integrations.torch.values import local, number

if TYPE_CHECKING:
    from traingauge.core.deferred_scores import Unencoded
    from traingauge.integrations.base import Session
    from traingauge.stats.classification.encoding import Encoded


@dataclass(slots=True)
class Batch:
    """One batch that a module has seen.

    Attributes:
        loss: Its loss, a float or a tensor on the device; ``None`` if the module returned none.
        samples: Samples in it; 0 if unknown.
        scored: Labels and predictions, reduced; ``None`` without them.
    """

    loss: Any
    samples: int
    scored: Encoded | Unencoded | None


def read(session: Session, outputs: Any, batch: Any, split: str, loss: Any = None) -> Batch:
    """The batch, from what the step returned: its loss, or a mapping with ``loss``, ``y_true`` and ``y_pred``.

    Args:
        session: The run.
        outputs: What the step returned.
        batch: What it got.
        split: ``train``, ``validation`` or ``test``.
        loss: Loss that counts instead of the one in ``outputs``.
    """
    given = outputs if isinstance(outputs, Mapping) else {"loss": outputs}
    value = given.get("loss") if loss is None else loss
    return Batch(_value(value), samples_of(batch), _scored(session, given, split))


def samples_of(batch: Any) -> int:
    """Samples of a batch: the length that its tensors have in common; 0 if they have none.

    >>> samples_of([torch.zeros(8, 2), {"label": torch.zeros(8)}]), samples_of([torch.zeros(8), torch.zeros(5)])
    (8, 0)
    """
    lengths = {len(tensor) for tensor in _tensors(batch) if tensor.ndim}
    return lengths.pop() if len(lengths) == 1 else 0


def _tensors(batch: Any) -> Iterator[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, (list, tuple, Mapping)):
        for one in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _tensors(one)


def _value(loss: Any) -> Any:
    if isinstance(loss, torch.Tensor):
        return number(loss) if loss.numel() == 1 else None
    return float(loss) if isinstance(loss, (int, float)) else None


def _scored(session: Session, given: Mapping[str, Any], split: str) -> Encoded | Unencoded | None:
    y_true, y_pred = given.get("y_true"), given.get("y_pred")
    if y_true is None or y_pred is None:
        return None
    y_true, y_pred = (
        local(one.detach()) if isinstance(one, torch.Tensor) else one for one in (y_true, y_pred)
    )
    try:
        return session.encode(y_true, y_pred, None, split, later=True)
    except TrainGaugeError as error:
        session.guard.report("data", error)
        return None
