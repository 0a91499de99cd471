"""The page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: What was measured.
RESULTS = Path(__file__).parents[1] / "results" / "trackers.json"

#: What a cell says of numbers that equal those of the loop written by hand, and how far they may differ.
RIGHT, CLOSE = "yes", 1e-6

TITLES = {
    "loop": (
        "A loop of PyTorch",
        "A script logs the loss of the last batch of a step, and the rate that it read before the update: `loss.item()` to "
        "a tracker, and the tensor to traingauge, by `monitor.step(loss=loss, learning_rate=rate)`. Inside of "
        "`watch(…, accumulation=window)` it logs nothing: `watch` records the mean loss, the rate and scores.",
    ),
    "lightning": (
        "A trainer of Lightning",
        "With a logger the module logs its loss with `self.log`, `LearningRateMonitor` the rate, and `log_every_n_steps` "
        "is 1. traingauge is its callback. Lightning has no logger for trackio.",
    ),
    "transformers": (
        "A `Trainer` of Hugging Face",
        "The trackers are the callbacks of `report_to`, with `logging_steps=1`; all other settings are the defaults. By one "
        "of them, `logging_nan_inf_filter`, the `Trainer` logs the mean of the losses since the last log in place of NaN. "
        "traingauge is its callback, and the `Trainer` logs nothing.",
    ),
}

_HEAD = """\
<!-- Written by `python -m benchmarks.trackers`: do not edit. -->

# What each tracker gets right

The same training, recorded by each tracker and read from what it wrote, next to a loop written by hand: 10 batches, a
learning rate that changes at each step, and for accumulation windows of 4, 4 and 2 batches. The loss of a step is the mean
over its batches.

* *yes*: as many values as steps, each within a millionth of the loop's.
* NaN: the loss of the last batch is NaN, and is recorded so at its step.
* waits: how often a step waits for a device in the training thread, in addition to those of the training alone; the device
  is PyTorch's lazy one, on which Lightning does not run.
* ends: what is recorded of a script that ends, raises, and gets Ctrl-C, once its process has exited.
{micros}"""

_MICROS = """\
* µs: what it adds to a step of 64 samples, in processor time of the training thread, {}.
  Left out is the work of other threads and processes, and what traingauge leaves to a scrape, or to every 4096th step.
* accuracy logged too: that of the batch, `(logits.argmax(1) == y).float().mean().item()`, as a third number.
  `monitor.step(…, y_true=y, y_pred=logits)` gives all scores of the last 100 steps in its place. `watch()` always does, at
  one cost in both rows.
"""


def page(results: Mapping[str, Any]) -> str:
    """The page's text."""
    parts = [_HEAD.format(micros=_micros(results["rounds"]))]
    parts.append("\n".join(f"* {name}: {value}" for name, value in results["where"].items()) + "\n")
    parts += [
        f"## {title}\n\n{note}\n\n{_measured(results, kind)}\n" for kind, (title, note) in TITLES.items()
    ]
    return "\n".join(parts)


def _measured(results: Mapping[str, Any], kind: str) -> str:
    if kind in results["absent"]:
        return f"Not measured: {results['absent'][kind]} was not installed."
    return _table(results["truth"], results["kinds"][kind])


def _micros(rounds: int) -> str:
    many = "in one round" if rounds == 1 else f"the median of {rounds} rounds"
    return _MICROS.format(f"{many} of 300 steps") if rounds else ""


def _table(truth: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    names = [name for name, one in found.items() if one is not None]
    rows = {
        "loss of each step": [_compared(found[name], truth, "plain", 0) for name in names],
        "loss under accumulation": [_compared(found[name], truth, "accumulated", 0) for name in names],
        "NaN at its step": [_nan(found[name], truth) for name in names],
        "learning rate that was used": [_compared(found[name], truth, "plain", 1) for name in names],
        "waits a step": [f"{found[name]['waits']:g}" if "waits" in found[name] else "" for name in names],
        "ends": [_ends(found[name]["ends"]) for name in names],
    }
    timed = dict.fromkeys(row for name in names for row in found[name]["micros"])
    rows |= {row: [f"{found[name]['micros'][row]:.0f}" for name in names] for row in timed}
    lines = [["", *names], ["---"] * (len(names) + 1)]
    lines += [[row, *cells] for row, cells in rows.items() if any(cells)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    absent = [name for name, one in found.items() if one is None]
    return text + (f"\n\nDid not run here, and is left out: {', '.join(absent)}." if absent else "")


def _compared(found: Mapping[str, Any], truth: Mapping[str, Any], case: str, at: int) -> str:
    values, true = found["numbers"][case][at], truth[case][at]
    if len(values) != len(true):
        return f"no: {len(values)} values for {len(true)} steps" if values else "no: nothing"
    return _cell(values, true)


def _cell(values: Sequence[float], true: Sequence[float]) -> str:
    off = max(abs(value / one - 1) for value, one in zip(values, true, strict=True))
    if math.isnan(off):
        return "no: NaN"
    return RIGHT if off <= CLOSE else f"no: off by up to {_percent(off)}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _nan(found: Mapping[str, Any], truth: Mapping[str, Any]) -> str:
    values, true = found["numbers"]["nan"][0], truth["nan"][0]
    if len(values) != len(true):
        return f"no: {len(values)} values for {len(true)} steps"
    return RIGHT if math.isnan(values[-1]) else f"no: {values[-1]:.3g}"


def _ends(ends: Mapping[str, str]) -> str:
    return ", ".join(ends.values()) if any(ends.values()) else "nothing"
