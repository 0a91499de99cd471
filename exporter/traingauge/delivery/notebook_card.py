"""A card in a notebook that says how the run is doing, and keeps up with it."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any

from traingauge.delivery.base import RunView
from traingauge.delivery.gil import GilYielder
from traingauge.delivery.progress_line import Values, line, values_of
from traingauge.forks import leave_to_parent_after_fork

#: Seconds between two looks at the run.
EVERY = 2.0

#: Number of the last losses that are drawn.
DRAWN = 200

_WIDTH, _HEIGHT = 240, 48


class NotebookCard:
    """The card of one run, below the cell whose last expression is the monitor.

    A thread updates it until the run ends. A notebook that is saved keeps the last card.

    Args:
        run: The run.
    """

    def __init__(self, run: RunView) -> None:
        self._run = run
        self._losses: deque[float] = deque(maxlen=DRAWN)
        self._over = threading.Event()
        self._handle: Any = None
        leave_to_parent_after_fork(self)

    def show(self) -> None:
        """Display the card, and update it until the run ends."""
        self._handle = _ipython().display(self._shown(), display_id=True)
        if self._handle is not None and not self._over.is_set():
            threading.Thread(target=self._follow, name="traingauge-card", daemon=True).start()

    def leave_to_parent(self) -> None:
        """In a forked child: the notebook is the parent's."""
        self._over.set()

    def _follow(self) -> None:
        while not self._over.wait(EVERY):
            self._run.guard.shield("delivery", self._update)

    def _update(self) -> None:
        self._handle.update(self._shown())

    def _shown(self) -> Any:
        values = values_of(self._run.families(GilYielder().maybe_yield))
        if not values.get(("model_run_state", ("running",)), 1.0):
            self._over.set()
        self._losses.append(values.get(("model_loss", ("train",)), math.nan))
        identity = self._run.identity
        return _ipython().HTML(card(values, f"{identity.model} {identity.run}", self._losses))


def _ipython() -> Any:
    """IPython's module for displays, which is there where a notebook asks for a card; it has no types."""
    return import_module("IPython.display")


def card(values: Values, name: str, losses: Sequence[float]) -> str:
    """HTML of a card: one line of text, a bar of progress if steps are planned, and the course of the loss.

    Args:
        values: One reading of the run.
        name: Model and run.
        losses: Losses that were seen one after another; those that are not finite leave gaps.

    >>> "&lt;b&gt;" in card({}, "<b>", [])
    True
    """
    step = values.get(("model_step", ()), math.nan)
    planned = values.get(("model_steps_planned", ()), math.nan)
    parts = [f"<div>{escape(line(values, name))}</div>"]
    if planned > 0 and math.isfinite(step):
        parts.append(
            f'<progress max="1" value="{min(1.0, step / planned):.4f}" style="width:{_WIDTH}px"></progress>'
        )
    parts.append(_curve(list(losses)))
    style = (
        "display:inline-block;padding:.5em 1em;border:1px solid #8886;border-radius:6px;font:13px monospace"
    )
    return f'<div class="traingauge" style="{style}">{"".join(parts)}</div>'


def _curve(losses: Sequence[float]) -> str:
    """The losses as a line; empty if fewer than two are finite."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    scale = max(abs(low), abs(high), 1.0)  # the range itself may be beyond float64
    across, span = _WIDTH / (len(losses) - 1), (high / scale - low / scale) or 1.0
    pieces, pen = [], "M"
    for at, loss in enumerate(losses):
        if math.isfinite(loss):
            share = (loss / scale - low / scale) / span  # first, as the height by span may be infinite
            pieces.append(f"{pen}{at * across:.1f} {_HEIGHT - 2 - share * (_HEIGHT - 4):.1f}")
        pen = "L" if math.isfinite(loss) else "M"
    path = f'<path d="{"".join(pieces)}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    title = f"<title>loss from {losses[0]:.4g} to {losses[-1]:.4g}</title>"
    return f'<div><svg width="{_WIDTH}" height="{_HEIGHT}" role="img">{title}{path}</svg></div>'
