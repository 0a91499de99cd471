"""The live view of ``traingauge runs --watch``, drawn by rich."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from traingauge.cli.run_status import GONE, UNREADABLE, Status
from traingauge.cli.runs import cells, now, shown_losses
from traingauge.delivery.plain_text import printable

#: Losses of which a sparkline is drawn.
DRAWN = 24

#: Columns that a terminal needs to have room for bars and sparklines.
WIDE = 100

_BLOCKS = "▁▂▃▄▅▆▇█"

_COLOURS = {
    "running": "cyan",
    "finished": "green",
    "failed": "bold red",
    "interrupted": "yellow",
    "healthy": "green",
    "warning": "yellow",
    "degraded": "dark_orange",
    "failing": "bold red",
    GONE: "bold red",
    UNREADABLE: "yellow",
}


class View:
    """Draws the runs, and remembers the losses it has seen.

    Args:
        read: Reads the status of every run.
    """

    def __init__(self, read: Callable[[], Sequence[Status]]) -> None:
        self._read = read
        self._losses: dict[tuple[str, str], deque[float]] = {}

    def frame(self, width: int = WIDE) -> Group:
        """The runs as they are now, for a terminal of that many columns."""
        found = self._read()
        self._losses = {_name(each): self._seen(each) for each in found}
        heading = Text(f"{len(found)} {'run' if len(found) == 1 else 'runs'}, {now()}; Ctrl-C ends", "dim")
        return Group(heading, self._table(found, wide=width >= WIDE))

    def _seen(self, status: Status) -> deque[float]:
        losses = self._losses.get(_name(status), deque(maxlen=DRAWN))
        losses.extend(list(shown_losses(status.loss).values())[:1])
        return losses

    def _table(self, found: Sequence[Status], *, wide: bool) -> Table:
        table = Table(box=None, pad_edge=False)
        drawn = ("progress", "") if wide else ()
        for heading in ("model", "run", "state", "health", "step", "loss", "last step", *drawn):
            table.add_column(heading, no_wrap=True)
        for each in found:
            shown = cells(each)
            bars = (_progress(each), sparkline(self._losses[_name(each)])) if wide else ()
            table.add_row(
                Text(shown["MODEL"]),
                Text(shown["RUN"]),
                _coloured(shown["STATE"]),
                _coloured(printable(each.health) or "-"),
                shown["STEP"],
                Text(printable(each.problem) or shown["LOSS"]),
                shown["LAST STEP"],
                *bars,
            )
        return table


def watch(read: Callable[[], Sequence[Status]], every: float) -> None:
    """Show the runs until Ctrl-C.

    Args:
        read: Reads the status of every run.
        every: Seconds between two looks.
    """
    view = View(read)
    console = Console()
    with Live(view.frame(console.width), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(every)
            live.update(view.frame(console.width), refresh=True)


def sparkline(values: Iterable[float]) -> str:
    """A line of blocks as high as the values, from the lowest to the highest; values that are not finite are ``!``.

    >>> sparkline([3.0, 2.0, 1.0, math.nan, 1.0])
    '█▅▁!▁'
    """
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    top = len(_BLOCKS) - 1
    scale = top / (high - low) if high > low else 0.0
    return "".join(
        _BLOCKS[min(top, round((value - low) * scale))] if math.isfinite(value) else "!" for value in values
    )


def _name(status: Status) -> tuple[str, str]:
    return status.target.model, status.target.run


def _coloured(word: str) -> Text:
    return Text(word, _COLOURS.get(word, ""))


def _progress(status: Status) -> ProgressBar | str:
    if not math.isfinite(status.done):
        return "-"
    return ProgressBar(
        total=1.0, completed=status.done, width=16, complete_style="cyan", finished_style="green"
    )
