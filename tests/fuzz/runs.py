"""Whole runs: what fits and what does not in any order, and what has to be published of it.

A call that is refused leaves everything as it was. What is taken is counted, and scored as scikit-learn scores the same
samples. Once a run has seen data that fit, data that do not raise no more, unless it is strict.
"""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fuzz.functions import reference
from tests.fuzz.probe import RawError, State, Watched, WrongAnswerError, call, errors
from tests.fuzz.scoring import Batch, Setup, batches, disagreements, expected, setups
from tests.fuzz.values import NAMES, NUMBERS, anything
from traingauge import ModelMonitor, Scoring, export
from traingauge import State as StateSetting
from traingauge.core.scalar_names import RESERVED

#: Errors that a user's data may cause; any other is one inside monitoring.
_OF_DATA = {"data", "guess"}
#: Forms whose labels are compared with those of the reference, one number each.
_COMPARABLE = {"codes", "truths", "shares", "column", "two shares", "logits", "values"}
#: What decides about scores.
_SCORED = {"y_true", "y_pred", "sample_weight"}
#: What a new process of a run starts with anew, or adds to.
_OF_PROCESS = frozenset(
    {
        *("model_run_state", "model_run_info", "model_restarts_total", "model_run_start_timestamp_seconds"),
        *(
            "model_run_end_timestamp_seconds",
            "model_run_resumed_timestamp_seconds",
            "model_monitor_errors_total",
            "model_last_step_timestamp_seconds",
            "model_last_activity_timestamp_seconds",
            "model_step_size_changed_timestamp_seconds",
        ),
    }
)


class _Errors(logging.Handler):
    """Keeps the last error inside monitoring, for the report."""

    def __init__(self) -> None:
        super().__init__()
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and "monitoring failed" in str(record.msg % record.args):
            self.last = record.exc_info[1]


class Run(RuleBasedStateMachine):
    """One run, perhaps of several processes."""

    @initialize(
        setup=setups(),
        strict=st.booleans(),
        with_reference=st.booleans(),
        with_state=st.sampled_from([False, False, True]),
        digest_every=st.sampled_from([1, 4, 4096]),
    )
    def start(
        self, setup: Setup, strict: bool, with_reference: bool, with_state: bool, digest_every: int
    ) -> None:
        self.setup, self.strict, self.folder = setup, strict, None
        self.settings: dict[str, Any] = {
            "scoring": Scoring(**setup.settings),
            "strict": strict,
            "digest_every": digest_every,
            "detectors": [],
        }
        if with_reference and setup.form in _COMPARABLE:
            self.settings["reference"] = reference()
        if with_state:
            self.folder = Path(tempfile.mkdtemp(prefix="traingauge-fuzz-"))
        self.steps = self.samples = self.epochs = self.checkpoints = self.calls = 0
        self.passes = {"validation": 0, "test": 0}
        self.last_pass: dict[str, list[Batch] | None] = {}
        self.loss: float | None = None  # the last one, if it is known
        self.window: deque[Batch | None] = deque(maxlen=setup.window)
        self.counted_samples = self.counted_steps = True  # whether every step so far said how many
        self.known: dict[tuple[int, ...], tuple[list[Batch], dict[str, float]]] = {}
        self.scored = self.tainted = False
        self.log = _Errors()
        logging.getLogger("traingauge").addHandler(self.log)
        self._open()

    def _open(self) -> None:
        self.watched = Watched()
        state = {} if self.folder is None else {"state": StateSetting(self.folder)}
        self.monitor = ModelMonitor("m", run="r", delivery=[self.watched], **state, **self.settings)
        self.fits: set[str] = set()  # splits that have seen data that fit

    # What fits

    def _right(self, batch: Batch) -> dict[str, Any]:
        rows = len(batch.given["y_true"])
        features = {"features": np.zeros((rows, 3))} if "reference" in self.settings else {}
        return {"loss": 0.25, "entropy": 1.0, **batch.given, **features}

    @rule(data=st.data(), loss=st.floats(width=32), steps=st.sampled_from([1, 1, 1, 5]))
    def step(self, data: st.DataObject, loss: float, steps: int) -> None:
        """A step that fits."""
        batch = data.draw(batches(self.setup, first=not self.scored))
        before = self._data_errors()
        given = {**self._right(batch), "loss": loss, "steps": steps}
        _, taken = call("step", self.monitor.step, **given)
        if not taken and not self.tainted:
            raise WrongAnswerError("a step that fits was refused")
        if not taken:
            return
        if self._data_errors() > before and not self.tainted:
            raise WrongAnswerError("a step that fits was left out")
        self._took(steps, len(batch.given["y_true"]), loss)
        self.window.append(None if self.tainted else batch)
        self.scored = True
        self.fits.add("train")

    @rule(losses=st.lists(st.floats(width=32), min_size=1, max_size=6))
    def numbers(self, losses: list[float]) -> None:
        """Steps that give numbers alone."""
        for loss in losses:
            _, taken = call("step, numbers", self.monitor.step, loss=loss, learning_rate=0.1)
            if not taken:
                raise WrongAnswerError("numbers that fit were refused")
            self._took(1, 0, loss)

    @rule(
        data=st.data(),
        split=st.sampled_from(["validation", "test"]),
        parts=st.integers(1, 2),
        fails=st.booleans(),
    )
    def evaluate(self, data: st.DataObject, split: str, parts: int, fails: bool) -> None:
        """A pass whose batches fit; one that an exception leaves publishes nothing."""
        given = [data.draw(batches(self.setup, first=not self.scored)) for _ in range(parts)]
        if fails and not self.scored:
            return
        before = self._data_errors()
        evaluation = self.monitor.evaluation(split)
        taken = True
        try:
            with evaluation:
                for batch in given:
                    taken = call("evaluation.update", evaluation.update, loss=0.5, **batch.given)[1] and taken
                if fails:
                    raise KeyError("of the script")
        except KeyError:
            return
        if not self.tainted and (not taken or self._data_errors() > before):
            raise WrongAnswerError("a pass that fits was refused")
        self.passes[split] += 1
        self.last_pass[split] = None if self.tainted else given
        if taken:
            self.scored = True
            self.fits.add(split)

    @rule(epochs=st.integers(0, 1), checkpoints=st.integers(0, 1))
    def mark(self, epochs: int, checkpoints: int) -> None:
        """The end of an epoch, or a checkpoint."""
        for _ in range(epochs):
            call("end_epoch", self.monitor.end_epoch)
        for _ in range(checkpoints):
            call("checkpointed", self.monitor.checkpointed)
        self.epochs, self.checkpoints = self.epochs + epochs, self.checkpoints + checkpoints

    # What does not fit

    @rule(data=st.data())
    def hostile_step(self, data: st.DataObject) -> None:
        """A step with one or two hostile arguments."""
        batch = data.draw(batches(self.setup, first=not self.scored))
        given = self._right(batch)
        hostile = self._hostile(data, [*given, "sample_weight", "samples", "steps", "learning_rate"], batch)
        before = State.of(self.monitor, self.watched)
        _, taken = call("step, hostile", self.monitor.step, **{**given, **hostile})
        after = State.of(self.monitor, self.watched)
        if not taken:
            self._left_nothing(before, after, "train")
            return
        self.loss = None if "loss" in hostile else given["loss"]
        self.counted_samples &= not {"samples", "features", *_SCORED} & hostile.keys()
        self.counted_steps &= "steps" not in hostile
        self.steps, self.samples, self.calls = (
            self.steps + 1,
            self.samples + len(batch.given["y_true"]),
            self.calls + 1,
        )
        self._scored(hostile)
        self.window.append(None if _SCORED & hostile.keys() or self.tainted else batch)

    @rule(data=st.data(), split=st.sampled_from(["validation", "test"]))
    def hostile_pass(self, data: st.DataObject, split: str) -> None:
        """A pass with one or two hostile arguments."""
        batch = data.draw(batches(self.setup, first=not self.scored))
        given = {"loss": 0.5, "entropy": 1.0, **batch.given}
        hostile = self._hostile(data, [*given, "sample_weight"], batch)
        before = State.of(self.monitor, self.watched)
        _, taken = call("evaluate, hostile", self.monitor.evaluate, split, **{**given, **hostile})
        after = State.of(self.monitor, self.watched)
        if not taken:
            self._left_nothing(before, after, split)
            return
        self.passes[split] += 1
        self._scored(hostile)
        self.last_pass[split] = None if _SCORED & hostile.keys() or self.tainted else [batch]

    @rule(name=st.sampled_from([*NAMES, *sorted(RESERVED)]), value=st.sampled_from(NUMBERS))
    def hostile_name(self, name: str, value: Any) -> None:
        """A number by a name that is odd, or reserved."""
        before = State.of(self.monitor, self.watched)
        _, taken = call("step, hostile name", lambda: self.monitor.step(**{name: value}))
        if not taken:
            self._left_nothing(
                before, State.of(self.monitor, self.watched), None if name in RESERVED else "train"
            )
        else:
            self.steps, self.calls = self.steps + 1, self.calls + 1
            self.loss = self.loss if name != "loss" else None
            self.window.append(None)  # it may be a score that the script computed
            self.counted_steps &= name != "steps"
            self.counted_samples &= name != "samples"

    def _hostile(self, data: st.DataObject, arguments: list[str], batch: Batch) -> dict[str, Any]:
        rows = len(batch.given["y_true"])
        chosen = data.draw(
            st.lists(st.sampled_from(sorted({*arguments})), min_size=1, max_size=2, unique=True)
        )
        return {argument: data.draw(anything(rows)) for argument in chosen}

    def _left_nothing(self, before: State, after: State, split: str | None) -> None:
        if found := before.differences(after):
            raise WrongAnswerError(f"a refused call left something behind: {found}")
        if split in self.fits and not self.strict:
            raise WrongAnswerError("data that do not fit raised after others that did")

    def _scored(self, hostile: dict[str, Any]) -> None:
        if _SCORED & hostile.keys():
            self.tainted |= not (self.setup.told and self.scored)

    # Reading, and going on

    @rule(split=st.sampled_from(["train", "validation", "test"]))
    def read(self, split: str) -> None:
        frame, _ = call("frame", self.monitor.frame, split)
        rows, _ = call("rows", self.monitor.rows, split)
        if len(frame) != (len(rows["step"]) if rows else 0):
            raise WrongAnswerError("a frame has other rows than the run")
        call("history", lambda: self.monitor.history)
        call("collect", lambda: list(self.monitor.collector.collect()))
        call("repr", repr, self.monitor)

    @precondition(lambda self: self.folder is not None)
    @rule()
    def restart(self) -> None:
        """The process ends, and another continues the run."""
        self.monitor.close()
        before = State.of(self.monitor, self.watched)
        saved, tables = export.read(self.folder)
        export.write_csv(tables, io.StringIO())
        export.write_openmetrics(saved.identity, tables, io.StringIO())
        self._open()
        after = State.of(self.monitor, self.watched)
        if found := before.differences(after, but=_OF_PROCESS):
            raise WrongAnswerError(f"a new process of the run has something else: {found}")

    def _took(self, steps: int, samples: int, loss: float) -> None:
        self.steps, self.samples, self.calls, self.loss = (
            self.steps + steps,
            self.samples + samples,
            self.calls + 1,
            loss,
        )

    def _data_errors(self) -> float:
        return errors(self.watched.read())["data"]

    # What has to be published

    @invariant()
    def publishes_what_is_so(self) -> None:
        if not hasattr(self, "monitor"):
            return
        found = self.watched.read()
        self._no_error_inside(found)

        def value(metric: str, **labels: str) -> float | None:
            return found.get((metric, frozenset(labels.items())))

        wrong = []
        counters = {
            "model_epochs_total train": (value("model_epochs_total", split="train"), self.epochs),
            "model_epochs_total validation": (
                value("model_epochs_total", split="validation"),
                self.passes["validation"],
            ),
            "model_epochs_total test": (value("model_epochs_total", split="test"), self.passes["test"]),
            "model_checkpoints_total": (value("model_checkpoints_total"), self.checkpoints),
            "rows": (len(self.monitor.rows().get("step", ())), self.calls),
        }
        if self.counted_steps:
            counters["model_steps_total"] = (value("model_steps_total", split="train"), self.steps)
        if self.counted_samples:
            counters["model_samples_total"] = (value("model_samples_total", split="train"), self.samples)
        wrong += [
            f"{name} is {is_}, not {right}" for name, (is_, right) in counters.items() if (is_ or 0) != right
        ]
        if self.loss is not None and not _same(value("model_loss", split="train"), self.loss):
            wrong.append(f"model_loss is {value('model_loss', split='train')}, not {self.loss}")
        scored = {split: batches for split, batches in self.last_pass.items() if batches}
        if self.window and None not in self.window:
            scored["train"] = list(self.window)
        for split, window in scored.items():
            right = self._expected(window)
            wrong += disagreements(
                split, {name: value(f"model_{name}", split=split) for name in right}, right
            )
        if wrong:
            raise WrongAnswerError("; ".join(wrong))

    def _expected(self, window: list[Batch]) -> dict[str, float]:
        """What scikit-learn says, which takes longer than all the rest."""
        known = tuple(map(id, window))
        if known not in self.known:
            self.known[known] = window, expected(self.setup, window)
        return self.known[known][1]

    def _no_error_inside(self, found: dict[Any, float]) -> None:
        inside = {
            reason: count for reason, count in errors(found).items() if count and reason not in _OF_DATA
        }
        if inside:
            raise RawError(
                f"errors inside monitoring: {inside}, as {self.log.last!r:.200}"
            ) from self.log.last

    def teardown(self) -> None:
        if not hasattr(self, "monitor"):
            return
        logging.getLogger("traingauge").removeHandler(self.log)
        self.monitor.close()
        before = State.of(self.monitor, self.watched)
        _, taken = call("step after the end", self.monitor.step, loss=0.5)
        if taken or before.differences(State.of(self.monitor, self.watched)):
            raise WrongAnswerError("a run took a step after its end")
        if self.folder is not None:
            shutil.rmtree(self.folder)


def _same(found: float | None, right: float) -> bool:
    return found is not None and np.array_equal(found, right, equal_nan=True)
