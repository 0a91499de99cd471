"""One training run under a hand-moved clock: what it does from step to step, and what scrapes see of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulation.clock import BEGIN, SCRAPE_SECONDS, Clock
from simulation.data import Batch, Data
from simulation.network import Network, norm
from simulation.recording import Recording
from simulation.setup import Setup, TrainingCrashed
from traingauge import ModelMonitor, Reference, Scoring, State

#: Training steps of an epoch; a validation pass follows each.
EPOCH_STEPS = 50

#: A fault, and the seconds into the run at which it is injected.
Injection = tuple[float, Callable[[Setup], None]]


@dataclass(slots=True)
class Session:
    """Trains a run and records its scrapes.

    Attributes:
        model: Name of the model.
        run: Name of the run.
        setup: What the run is like.
        until: Seconds into the run at which the simulation ends.
        recording: What the scrapes see.
        faults: What goes wrong and when, in the order of time; at 0 before the run begins.
        begin: Unix time in seconds at which the run begins.
        settings: Further arguments of the monitor.
        monitor: The monitor of the last process.
    """

    model: str
    run: str
    setup: Setup
    until: float
    recording: Recording
    faults: list[Injection] = field(default_factory=list)
    begin: float = BEGIN
    settings: Mapping[str, Any] = field(default_factory=dict)
    monitor: ModelMonitor = field(init=False)
    _clock: Clock = field(init=False)
    _processes: int = 0
    _step: int = 0

    def __post_init__(self) -> None:
        self._clock = Clock(self.begin)

    def record(self) -> None:
        """Train until the run or the simulation ends."""
        self._inject_due()
        network = Network(
            self.setup.data.train.x.shape[1], self.setup.data.classes, self.setup.hidden, self.setup.random
        )
        with tempfile.TemporaryDirectory() as state, self._clock.installed():
            reference = reference_of(self.setup.data)
            while self._train(network, reference, state):
                self.setup.resumes = False
                self._pass(120.0, self.recording.gone)
            self._pass(self.until - self._now, self._leave)

    def before_training(self, network: Network) -> None:
        """Called with the network in each process, once :attr:`monitor` is there."""

    def after_step(self, network: Network) -> None:
        """Called after each step."""

    def after_epoch(self) -> None:
        """Called after each epoch and its validation pass."""

    def _train(self, network: Network, reference: Reference, state: str) -> bool:
        """Train in one process; returns whether another one resumes the run."""
        self._processes += 1
        monitor = self.monitor = ModelMonitor(
            self.model,
            run=self.run,
            scoring=Scoring(
                task=None if self.setup.data.classes else "regression",
                classes=self.setup.data.classes or None,
            ),
            reference=reference,
            delivery=[],
            state=State(state, save_every=0.1) if self.setup.saves else None,
            **self.settings,
        )
        try:
            with monitor:
                self._steps(network, monitor)
                if self.setup.resumes:
                    monitor.close("interrupted")
        except TrainingCrashed:
            pass
        if not self.setup.killed and self._now < self.until:
            self.end()
        return self.setup.resumes and self._now < self.until

    def _steps(self, network: Network, monitor: ModelMonitor) -> None:
        setup = self.setup
        look = lambda: self._look(monitor)  # noqa: E731 - bound to the monitor of this process
        self.before_training(network)
        while self._now < self.until and not setup.resumes:
            self._inject_due()
            if setup.killed:
                return
            if setup.over(self._step):
                if setup.data.test is not None:
                    evaluate(network, monitor, setup.data, "test")
                return
            if setup.hung:
                self._pass(self.until - self._now, look)
                return
            self._pass(setup.pause(self._step), look)
            (batch,) = monitor.watch(self._loader(look))
            self._learn(network, monitor, batch, look)
            self._step += 1
            self.after_step(network)
            if self._step % EPOCH_STEPS == 0:
                monitor.end_epoch()
                self._pass(2 * setup.step_seconds, look)
                evaluate(network, monitor, setup.data, "validation")
                self.after_epoch()

    def _loader(self, look: Callable[[], None]) -> Iterator[Batch]:
        setup = self.setup
        self._pass(setup.wait_seconds * setup.random.uniform(0.8, 1.2), look)
        train = setup.data.train
        chosen = setup.random.integers(0, len(train.y), setup.batch)
        yield setup.spoil(Batch(train.x[chosen], train.y[chosen]))

    def _learn(self, network: Network, monitor: ModelMonitor, batch: Batch, look: Callable[[], None]) -> None:
        setup = self.setup
        # What is missing is imputed: the model sees the mean.
        seen = Batch(np.nan_to_num(batch.x), batch.y)
        predicted = network.predict(seen.x)
        loss, rate = network.loss(predicted, batch.y), setup.rate(self._step)
        gradient = setup.gradient(network.gradient(seen, setup.decay))
        size = norm(gradient)
        network.descend(gradient, rate * min(1.0, setup.clip / size) if size > 0 else rate)
        self._pass(setup.step_seconds * setup.random.uniform(0.9, 1.1), look)
        monitor.step(
            loss=loss,
            y_true=targets(batch, setup.data),
            # The classes alone, as loops that print an accuracy have them; a validation pass has the probabilities.
            y_pred=predicted.argmax(axis=1) if setup.data.classes else predicted,
            features=setup.data.watched(batch.x),
            learning_rate=rate,
            gradient_norm=size,
            **self.scalars(network),
        )

    def scalars(self, network: Network) -> Mapping[str, float]:
        """Further scalars of a step."""
        del network
        return {}

    def _inject_due(self) -> None:
        while self.faults and self._now >= self.faults[0][0]:
            _, inject = self.faults.pop(0)
            inject(self.setup)

    def _pass(self, seconds: float, look: Callable[[], None]) -> None:
        """Let time pass, with the scrapes that are due in it."""
        end = self._now + seconds
        while (due := self.recording.scrapes * SCRAPE_SECONDS) <= min(end, self.until):
            self._move(due - self._now)
            look()
        self._move(end - self._now)

    def _move(self, seconds: float) -> None:
        """Let time pass while the monitor rests: a thread of it would take the jump for time that it worked."""
        with self.monitor._recorder.queue.held():
            self._clock.move(max(0.0, seconds))

    def _look(self, monitor: ModelMonitor) -> None:
        if self.setup.answers:
            self._scrape(monitor)
        else:
            self.recording.down(self._instance)

    def end(self) -> None:
        """The scrape that sees the end, and one that fails because the target has not left discovery yet."""
        self._scrape(self.monitor)
        self.recording.down(self._instance)
        self._clock.move(self.recording.scrapes * SCRAPE_SECONDS - self._now)

    def _scrape(self, monitor: ModelMonitor) -> None:
        self.recording.read(monitor.collector.families, self._instance)
        if self.setup.saves:
            time.sleep(0.02)  # a clock that is moved by hand leaves no time to the thread that saves

    def _leave(self) -> None:
        if self.setup.killed:
            self.recording.down(self._instance)
        else:
            self.recording.gone()

    @property
    def _now(self) -> float:
        """Seconds since the first scrape."""
        return self._clock.now - self.begin

    @property
    def _instance(self) -> str:
        """Address of the process. Runs that are replayed together share none: rules tell processes apart by it."""
        return f"{self.recording.identity.run}:{9000 + self._processes}"


def reference_of(data: Data) -> Reference:
    """What the data of a run is compared with: the training data as it was at first."""
    return Reference.from_data(
        data.watched(data.train.x),
        feature_names=data.names,
        y_true=targets(data.train, data) if data.classes else None,
    )


def targets(batch: Batch, data: Data) -> Any:
    """The targets of a batch as a monitor takes them."""
    return batch.y.astype(int) if data.classes else batch.y


def evaluate(network: Network, monitor: ModelMonitor, data: Data, split: str) -> None:
    """A whole pass over the validation or the test split."""
    batch = data.validation if split == "validation" else data.test
    assert batch is not None
    predicted = network.predict(batch.x)
    monitor.evaluate(
        split, loss=network.loss(predicted, batch.y), y_true=targets(batch, data), y_pred=predicted
    )
