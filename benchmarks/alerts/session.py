"""One training run under a hand-moved clock: what it does from step to step, and what scrapes see of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.alerts.data import Array, Batch, Data, load
from benchmarks.alerts.network import Network, norm
from benchmarks.alerts.recording import SCRAPE_SECONDS, Recording
from dashboards.example.clock import BEGIN, Clock
from traingauge import ModelMonitor, Reference, Scoring, State

#: Training steps of an epoch; a validation pass follows each.
EPOCH_STEPS = 50

#: Learning rate that suits a data set.
RATES = {"digits": 0.5, "breast_cancer": 0.1, "wine": 0.1, "diabetes": 0.01, "synthetic": 0.02}


class TrainingCrashed(RuntimeError):  # noqa: N818 - it is what the script died of, and not an error of the benchmark
    """What a script that crashes raises."""


@dataclass(slots=True)
class Setup:
    """What a run is like, and what a fault changes of it while it trains.

    Attributes:
        data: What it trains on.
        random: Of everything random.
        batch: Samples of a step.
        hidden: Units of the hidden layer.
        step_seconds: That a step takes, without waiting for data.
        wait_seconds: That a step waits for its data.
        rate: Learning rate by step.
        clip: Largest norm of a gradient that is followed.
        decay: Weight decay: without one, small data is overfitted sooner or later.
        spoil: What becomes of a batch between the data set and the model.
        gradient: What becomes of a gradient before it is followed.
        pause: Seconds that the run does something else before a step.
        evaluates: Whether an epoch ends with a validation pass.
        over: Raises or returns True at the step at which training ends by itself.
        resumable: Whether the run keeps its state, so that another process can go on with it.
        resumes: Whether the run is interrupted now and goes on in another process.
        hung: Whether it takes no further step.
        answers: Whether its endpoint can be reached.
        killed: Whether the process is gone.
    """

    data: Data
    random: np.random.Generator
    batch: int
    hidden: int
    step_seconds: float
    wait_seconds: float
    rate: Callable[[int], float]
    clip: float = 1.0
    decay: float = 0.005
    spoil: Callable[[Batch], Batch] = lambda batch: batch
    gradient: Callable[[list[Array]], list[Array]] = lambda gradient: gradient
    pause: Callable[[int], float] = lambda step: 0.0
    over: Callable[[int], bool] = lambda step: False
    resumable: bool = False
    resumes: bool = False
    hung: bool = False
    answers: bool = True
    killed: bool = False

    @classmethod
    def drawn(cls, seed: int, name: str) -> Setup:
        """A run on a data set, like others but not the same."""
        random = np.random.default_rng(seed)
        rate, seconds = RATES[name] * random.uniform(0.7, 1.3), random.uniform(2.0, 4.0)
        return cls(
            data=load(name),
            random=random,
            batch=int(random.choice([32, 64, 96])),
            hidden=int(random.choice([16, 32, 48])),
            step_seconds=seconds,
            wait_seconds=seconds * random.uniform(0.02, 0.2),
            rate=lambda step: rate,
        )


@dataclass(slots=True)
class Session:
    """Trains a run and records what scrapes see.

    Attributes:
        model: Name of the model.
        run: Name of the run.
        setup: Of the run.
        until: Seconds after which nobody looks any more.
        inject: Changes the setup ...
        at: ... so many seconds into the run; 0 before it begins.
    """

    model: str
    run: str
    setup: Setup
    until: float
    inject: Callable[[Setup], None] = lambda setup: None
    at: float = 0.0
    recording: Recording = field(default_factory=Recording)
    _clock: Clock = field(default_factory=lambda: Clock(BEGIN))
    _processes: int = 0
    _step: int = 0
    _injected: bool = False

    def record(self) -> Recording:
        """Train until the run ends or nobody looks any more."""
        if self.at == 0.0:
            self._inject()
        network = Network(
            self.setup.data.train.x.shape[1], self.setup.data.classes, self.setup.hidden, self.setup.random
        )
        reference = _reference(self.setup.data)
        with tempfile.TemporaryDirectory() as state, self._clock.installed():
            while self._train(network, reference, state):
                self.setup.resumes = False
                self._pass(120.0, self.recording.gone)
            self._pass(self.until - self._now, self._leave)
        return self.recording

    def _train(self, network: Network, reference: Reference, state: str) -> bool:
        """Train in a process of its own; returns whether another one takes the run up."""
        self._processes += 1
        monitor = ModelMonitor(
            self.model,
            run=self.run,
            scoring=Scoring(
                task=None if self.setup.data.classes else "regression",
                classes=self.setup.data.classes or None,
            ),
            reference=reference,
            delivery=[],
            state=State(state, save_every=0.1) if self.setup.resumable else None,
        )
        try:
            with monitor:
                self._steps(network, monitor)
                if self.setup.resumes:
                    monitor.close("interrupted")
        except TrainingCrashed:
            pass
        if not self.setup.killed and self._now < self.until:
            self._end(monitor)
        return self.setup.resumes and self._now < self.until

    def _steps(self, network: Network, monitor: ModelMonitor) -> None:
        setup = self.setup
        while self._now < self.until and not setup.resumes:
            if not self._injected and self._now >= self.at:
                self._inject()
            if setup.killed or setup.over(self._step):
                return
            look = lambda: self._look(monitor)  # noqa: E731 - bound to the monitor of this process
            if setup.hung:
                self._pass(self.until - self._now, look)
                return
            self._pass(setup.pause(self._step), look)
            (batch,) = monitor.watch(self._loader(look))
            self._learn(network, monitor, batch, look)
            self._step += 1
            if self._step % EPOCH_STEPS == 0:
                monitor.end_epoch()
                self._pass(2 * setup.step_seconds, look)
                _validate(network, monitor, setup.data)

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
            y_true=batch.y.astype(int) if setup.data.classes else batch.y,
            # The classes alone, as loops that print an accuracy have them; a validation pass has the probabilities.
            y_pred=predicted.argmax(axis=1) if setup.data.classes else predicted,
            features=setup.data.watched(batch.x),
            learning_rate=rate,
            gradient_norm=size,
        )

    def _inject(self) -> None:
        self._injected = True
        self.inject(self.setup)

    def _pass(self, seconds: float, look: Callable[[], None]) -> None:
        """Let time pass, with the scrapes that fall into it."""
        end = self._now + seconds
        while (due := self.recording.scrapes * SCRAPE_SECONDS) <= min(end, self.until):
            self._clock.move(max(0.0, due - self._now))
            look()
        self._clock.move(max(0.0, end - self._now))

    def _look(self, monitor: ModelMonitor) -> None:
        if self.setup.answers:
            self._scrape(monitor)
        else:
            self.recording.down(self._identity, self._instance)

    def _end(self, monitor: ModelMonitor) -> None:
        """The scrape that sees the end, and one that comes before the target has left discovery and finds nobody."""
        self._scrape(monitor)
        self.recording.down(self._identity, self._instance)
        self._clock.move(self.recording.scrapes * SCRAPE_SECONDS - self._now)

    def _scrape(self, monitor: ModelMonitor) -> None:
        # What the endpoint would render: reading it here leaves out the bytes, which say the same and cost the most.
        self.recording.scrape(monitor.collector.families(), self._identity, self._instance)
        if self.setup.resumable:
            time.sleep(0.02)  # a clock that is moved by hand leaves none to the thread that saves

    def _leave(self) -> None:
        if self.setup.killed:
            self.recording.down(self._identity, self._instance)
        else:
            self.recording.gone()

    @property
    def _now(self) -> float:
        """Seconds since the first scrape."""
        return self._clock.now - BEGIN

    @property
    def _identity(self) -> str:
        return f'model="{self.model}",run="{self.run}"'

    @property
    def _instance(self) -> str:
        return f"127.0.0.1:{9000 + self._processes}"


def _reference(data: Data) -> Reference:
    return Reference.from_data(
        data.watched(data.train.x),
        feature_names=data.names,
        y_true=data.train.y.astype(int) if data.classes else None,
    )


def _validate(network: Network, monitor: ModelMonitor, data: Data) -> None:
    predicted, y = network.predict(data.validation.x), data.validation.y
    monitor.evaluate(
        "validation",
        loss=network.loss(predicted, y),
        y_true=y.astype(int) if data.classes else y,
        y_pred=predicted,
    )
