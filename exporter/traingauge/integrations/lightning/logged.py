"""What a module logs with ``self.log``, as scalars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from traingauge.core import scalar_names
from traingauge.integrations.torch.values import number


class Logged:
    """Finds what was logged since it looked last.

    Lightning keeps old values next to new ones; a value that was logged has memory of its own.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def new(self, metrics: Mapping[str, Any], *, of_epoch: bool = False) -> dict[str, Any]:
        """Scalars that are new in a trainer's ``callback_metrics``.

        Args:
            metrics: Those of the trainer.
            of_epoch: Whether the epoch has ended: a number that is also logged each step then has its mean under both names.

        >>> logged, first = Logged(), {"val/loss": torch.tensor(0.5)}
        >>> logged.new(first), logged.new(first), logged.new({"val/loss": torch.tensor(0.5)})
        ({'val_loss': 0.5}, {}, {'val_loss': 0.5})
        """
        before, self._seen = self._seen, dict(metrics)
        return {
            scalar_name(name): number(value)
            for name, value in metrics.items()
            if isinstance(value, torch.Tensor) and value.numel() == 1 and not _same(value, before.get(name))
            if not (name.endswith("_step") and name.removesuffix("_step") in metrics)
            if not (of_epoch and f"{name}_epoch" in metrics)
        }


def _same(value: torch.Tensor, before: Any) -> bool:
    """Whether a value is the one before, of which Lightning may give another tensor at each look."""
    if not isinstance(before, torch.Tensor) or before.device != value.device:
        return False
    return value is before or bool(value.is_set_to(before))


def scalar_name(name: str) -> str:
    """The name of a scalar for a name that was logged, as an identifier.

    >>> scalar_name("val/acc"), scalar_name("loss"), scalar_name("1x")
    ('val_acc', 'logged_loss', 'logged_1x')
    """
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    return scalar_names.logged(name) if name.isidentifier() else f"logged_{name}"
